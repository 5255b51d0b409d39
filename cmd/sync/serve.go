package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/schedule"
	"convsync/internal/serve"
)

type serveOptions struct {
	runNow bool
	grace  time.Duration
}

func newServeCommand(app *app) *cobra.Command {
	var opts serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run by the schedules, with a status page and metrics",
		Long: "Serve runs what stands under schedules in the configuration, and shows how it goes: a status page at /, metrics\n" +
			"for Prometheus at /metrics, and /healthz and /readyz. It listens on this machine only, unless serve.listen says\n" +
			"otherwise, which takes serve.token.",
		Example: "  convsync serve\n  convsync serve --run-now",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), app, opts) },
	}
	cmd.Flags().BoolVar(&opts.runNow, "run-now", false, "run each schedule once at the start")
	cmd.Flags().DurationVar(&opts.grace, "grace", 30*time.Second, "how long runs may go on after SIGTERM until their next commit is their last")
	return cmd
}

// service is `convsync serve`.
type service struct {
	app     *app
	cfg     *config.Config
	log     *slog.Logger
	metrics *serve.Metrics
	server  *serve.Server
	running sync.Mutex // one run at a time: they share the destination's lock
}

func runServe(ctx context.Context, app *app, opts serveOptions) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	if len(cfg.Schedules) == 0 {
		return usageError(errors.New("there is no schedule: add one to the configuration, such as\n  schedules:\n    nightly: { cron: \"0 2 * * *\", time_zone: Europe/London }"))
	}
	s := &service{app: app, cfg: cfg, log: app.log, metrics: serve.NewMetrics()}
	scheduler, err := s.newScheduler()
	if err != nil {
		return err
	}
	if err := s.listen(ctx, scheduler); err != nil {
		return err
	}
	// A signal ends the waiting below, and not the runs: they get their grace.
	if err := scheduler.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, s.stop(scheduler, opts.grace))
	}
	if opts.runNow {
		for i := range cfg.Schedules {
			if err := scheduler.RunNow(cfg.Schedules[i].Name); err != nil && !errors.Is(err, schedule.ErrRunning) {
				s.log.Error("could not run at the start", "schedule", cfg.Schedules[i].Name, "error", err.Error())
			}
		}
	}
	fmt.Fprintf(app.stderr, "serving at http://%s\n", s.server.Addr())
	<-ctx.Done()
	return s.stop(scheduler, opts.grace)
}

// stop stops the schedules first, softly, and then what shows them.
func (s *service) stop(scheduler *schedule.Scheduler, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := scheduler.Stop(ctx)
	closing, cancelClosing := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelClosing()
	return errors.Join(err, s.server.Stop(closing))
}

func (s *service) newScheduler() (*schedule.Scheduler, error) {
	store, err := schedule.OpenFileStore(s.cfg.Serve.StateFile)
	if err != nil {
		return nil, err
	}
	var entries []schedule.Entry
	for i := range s.cfg.Schedules {
		planned := &s.cfg.Schedules[i]
		location, err := time.LoadLocation(planned.TimeZone)
		if err != nil {
			return nil, err
		}
		entries = append(entries, schedule.Entry{
			Name: planned.Name, Cron: planned.Cron, Location: location, Jitter: planned.Jitter,
			Run: func(ctx context.Context) error { return s.run(ctx, planned) },
		})
	}
	scheduler, err := schedule.New(schedule.Options{Entries: entries, Store: store, Log: s.log})
	if err != nil {
		return nil, usageError(err)
	}
	return scheduler, nil
}

// listen starts the HTTP side, with a connection of its own to the destination.
func (s *service) listen(ctx context.Context, scheduler *schedule.Scheduler) error {
	token := ""
	if !s.cfg.Serve.Token.IsZero() {
		var err error
		if token, err = s.cfg.Serve.Token.Resolve(ctx); err != nil {
			return usageError(err)
		}
	}
	destination, err := openDestination(ctx, s.cfg, 0)
	if err != nil {
		return err
	}
	var feeds []serve.Feed
	for i := range s.cfg.Projects {
		p := &s.cfg.Projects[i]
		for _, environment := range p.Environments {
			feeds = append(feeds, serve.Feed{ProjectID: p.StoredID, Environment: environment, Start: p.Start, TimeZone: p.TimeZone})
		}
	}
	s.server, err = serve.New(serve.Options{
		Address: s.cfg.Serve.Listen, Token: token, CertFile: s.cfg.Serve.CertFile, KeyFile: s.cfg.Serve.KeyFile,
		Destination: destination, Feeds: feeds, Lookback: s.cfg.Sync.Lookback.Daily, StaleAfter: s.cfg.Serve.StaleAfter,
		Next: func() []serve.Scheduled { return s.next(scheduler) }, Metrics: s.metrics, Log: s.log, Version: version(),
	})
	if err != nil {
		return usageError(errors.Join(err, destination.Close()))
	}
	return s.server.Start(context.WithoutCancel(ctx))
}

// next lists the runs to come, soonest first.
func (s *service) next(scheduler *schedule.Scheduler) []serve.Scheduled {
	var next []serve.Scheduled
	for i := range s.cfg.Schedules {
		if at, ok := scheduler.Next(s.cfg.Schedules[i].Name); ok {
			next = append(next, serve.Scheduled{Name: s.cfg.Schedules[i].Name, At: at})
		}
	}
	slices.SortFunc(next, func(a, b serve.Scheduled) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name)) })
	return next
}

// run does the work of a schedule.
func (s *service) run(ctx context.Context, planned *config.Schedule) error {
	s.running.Lock()
	defer s.running.Unlock()
	defer s.server.Refresh()
	projects, err := chooseProjects(s.cfg, planned.Projects)
	if err != nil {
		return err
	}
	cfg := *s.cfg
	cfg.Sync.Lookback = planned.Lookback
	if planned.Kind == config.KindVerify {
		return s.verify(ctx, &cfg, projects)
	}
	report, err := syncOnce(ctx, s.app, &cfg, syncOptions{projects: projects})
	if report == nil {
		return err
	}
	s.metrics.Observe(report)
	s.log.Info("run ended", "schedule", planned.Name, "run_id", report.RunID, "status", report.Status, "read", report.Conversations.Read,
		"inserted", report.Conversations.Inserted, "updated", report.Conversations.Updated, "requests", report.Requests)
	return outcome(ctx, report, err, cfg.Sync.FailOnDrift)
}

// verify proves what the deepest lookback reaches, and fails when it differs.
func (s *service) verify(ctx context.Context, cfg *config.Config, projects []config.Project) error {
	run, err := newRun(ctx, s.app, cfg, syncOptions{projects: projects})
	if err != nil {
		return err
	}
	defer run.Destination.Close() //nolint:errcheck // nothing is written
	now := time.Now()
	span := extract.Span{From: extract.SecondOf(now.Add(-cfg.Sync.Lookback.Daily)), Until: extract.SecondOf(now)}
	results, err := verifyFeeds(ctx, run, span)
	if err != nil {
		return err
	}
	found := 0
	for _, r := range results {
		found += len(r.Findings)
	}
	if found > 0 {
		return fmt.Errorf("verify found %s: `convsync verify` lists them, --repair mends them", counted(int64(found), "difference"))
	}
	return nil
}
