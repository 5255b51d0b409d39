package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/notify"
	"convsync/internal/report"
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
		Short: "Run the configured schedules, with a status page and metrics",
		Long: "Serve runs the schedules of the configuration. It has a status page at /, a report at /report, Prometheus metrics at\n" +
			"/metrics, and /healthz and /readyz. It listens on this machine only, unless serve.listen is another address. That requires serve.token, or\n" +
			"serve.user and serve.password. If they are set, they are required on this machine, too.\n\n" +
			"SIGHUP reloads the configuration and its secrets. If the new configuration is invalid, the error is logged and the\n" +
			"previous one remains in use. Runs that have started finish with the configuration that they started with.",
		Example: "  convsync serve\n  convsync serve --run-now",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), app, opts) },
	}
	cmd.Flags().BoolVar(&opts.runNow, "run-now", false, "at startup, run each schedule once, except those of kind verify, audio and report")
	cmd.Flags().DurationVar(&opts.grace, "grace", 30*time.Second, "how long runs may continue after SIGTERM; then they stop at their next commit")
	return cmd
}

// service is `convsync serve` with one configuration.
type service struct {
	app         *app
	cfg         *config.Config
	log         *slog.Logger
	metrics     *serve.Metrics
	server      *serve.Server
	destination load.Destination // of the server
	ofRuns      load.Destination // Postgres: one pool of connections for all runs; nil: each run opens its own
	store       *schedule.FileStore
	scheduler   *schedule.Scheduler
	lifetime    *lifetime
	events      *events         // nil: no webhooks
	reports     *report.Handler // nil until the server is created
	planned     plannedProjects

	notifier *notify.Notifier // nil: notifications are off
	aged     time.Time        // when the age of the data was last reported

	successor atomic.Pointer[service] // with the configuration of a later reload; nil: none
}

func runServe(ctx context.Context, app *app, opts serveOptions) error {
	if opts.grace < 0 {
		return usageError(errors.New("--grace must be 0 or more"))
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	s := &service{app: app, log: app.log, metrics: serve.NewMetrics(), lifetime: newLifetime()}
	if err := s.prepare(ctx, nil); err != nil {
		return err
	}
	err := s.startNotifier()
	if err == nil {
		// A signal ends only the wait below. Runs get the grace period.
		err = s.start(context.WithoutCancel(ctx), opts.runNow)
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return s.stop(opts.grace)
		case <-hangups:
			s, err = s.reload(ctx)
		}
	}
	return errors.Join(err, s.stop(opts.grace))
}

// prepare reads the configuration and creates the service, without starting it.
// before is the service that it will replace; nil: none.
func (s *service) prepare(ctx context.Context, before *service) (err error) {
	if s.cfg, err = s.app.loadConfig(); err != nil {
		return err
	}
	if len(s.cfg.Schedules) == 0 {
		return configError(errors.New("no schedule is configured; add one to the configuration, such as\n  schedules:\n    nightly: { cron: \"0 2 * * *\", time_zone: Europe/London }"))
	}
	if err := s.openStore(before); err != nil {
		return err
	}
	if s.scheduler, err = s.newScheduler(); err != nil {
		return err
	}
	return s.newServer(ctx)
}

// start starts the prepared service.
func (s *service) start(ctx context.Context, runNow bool) error {
	if err := s.server.Start(ctx); err != nil {
		return err
	}
	s.lifetime.shared.resize(s.cfg.Sync.Workers)
	s.lifetime.record(s)
	s.events.start()
	if err := s.scheduler.Start(ctx); err != nil {
		return err
	}
	if runNow {
		s.runNow()
	}
	fmt.Fprintf(s.app.stderr, "serving at %s\n", s.server.URL())
	s.announce(s.scheduler, runNow)
	return nil
}

// runNow runs each schedule that loads.
func (s *service) runNow() {
	for i := range s.cfg.Schedules {
		if !s.cfg.Schedules[i].Loads() {
			continue // the data that it needs is still being loaded
		}
		if err := s.scheduler.RunNow(s.cfg.Schedules[i].Name); err != nil && !errors.Is(err, schedule.ErrRunning) {
			s.log.Error("--run-now: the run could not be started", "schedule", s.cfg.Schedules[i].Name, "error", err.Error())
		}
	}
}

// stop stops the schedules first, softly, and then the server.
func (s *service) stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	s.lifetime.startNoMore()
	s.events.startNoMore()
	// The runs of replaced services have the same grace period.
	defer context.AfterFunc(ctx, s.lifetime.cancel)()
	err := errors.Join(s.scheduler.Stop(ctx), s.events.stop(ctx))
	err = errors.Join(err, s.lifetime.end(ctx))
	closing, cancelClosing := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancelClosing()
	err = errors.Join(err, s.server.Stop(closing))
	s.stopNotifier()
	return errors.Join(err, s.closeDestinations())
}

func (s *service) closeDestinations() error {
	if s.reports != nil {
		s.reports.Close()
	}
	err := s.destination.Close()
	if s.ofRuns != nil {
		err = errors.Join(err, s.ofRuns.Close())
	}
	return err
}

// joinRun adds a run to those that share workers, rate budgets and connections. The
// run must leave at its end.
func (s *service) joinRun() *runShare {
	share := s.lifetime.shared.join()
	share.destination = s.ofRuns
	return share
}

func (s *service) newScheduler() (*schedule.Scheduler, error) {
	var entries []schedule.Entry
	for i := range s.cfg.Schedules {
		planned := &s.cfg.Schedules[i]
		location, err := time.LoadLocation(planned.TimeZone)
		if err != nil {
			return nil, err
		}
		entries = append(entries, schedule.Entry{
			Name:     planned.Name,
			Cron:     planned.Cron,
			Location: location,
			Jitter:   planned.Jitter,
			Overlaps: planned.Kind != config.KindReport, // others skip single projects
			Run:      func(ctx context.Context) error { return s.run(ctx, planned) },
		})
	}
	scheduler, err := schedule.New(schedule.Options{Entries: entries, Store: s.store, Log: s.log})
	if err != nil {
		return nil, configError(err)
	}
	return scheduler, nil
}

// newServer creates the HTTP server, with a connection of its own to the
// destination.
func (s *service) newServer(ctx context.Context) error {
	token, password, err := s.secrets(ctx)
	if err != nil {
		return configError(err)
	}
	if s.destination, err = openDestination(ctx, s.cfg, 0); err != nil {
		return err
	}
	if s.cfg.Destination.Parquet == nil {
		if s.ofRuns, err = openDestination(ctx, s.cfg, 0); err != nil {
			return errors.Join(err, s.closeDestinations())
		}
	}
	feeds := pageFeeds(s.cfg.Projects)
	s.reports = newReports(s.cfg, s.log)
	options := serve.Options{
		Address:        s.cfg.Serve.Listen,
		Token:          token,
		BasicUser:      s.cfg.Serve.User,
		BasicPassword:  password,
		Renew:          s.secrets,
		CertFile:       s.cfg.Serve.CertFile,
		KeyFile:        s.cfg.Serve.KeyFile,
		Destination:    s.destination,
		Feeds:          feeds,
		Lookback:       s.cfg.Sync.Lookback.Daily,
		StaleAfter:     s.cfg.Serve.StaleAfter,
		Next:           func() []serve.Scheduled { return s.next(s.scheduler) },
		Metrics:        s.metrics,
		SecondRunAfter: secondRunAfter(s.cfg),
		Watched:        s.watched,
		Log:            s.log,
		Version:        version(),
		Charts:         serve.DailyCharts(s.destination, feeds),
		Recordings:     s.recordings(),
		Transcripts:    s.transcripts(),
		Report:         s.reports,
	}
	if err = s.takeEvents(ctx, s.destination, &options); err == nil {
		s.server, err = serve.New(options)
	}
	if err != nil {
		return configError(errors.Join(err, s.closeDestinations()))
	}
	return nil
}

// next lists the next runs, soonest first.
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

// pageFeeds returns the feeds of projects for the page.
func pageFeeds(projects []config.Project) (feeds []serve.Feed) {
	for i := range projects {
		p := &projects[i]
		for _, environment := range p.Environments {
			feeds = append(feeds, serve.Feed{ProjectID: p.StoredID, Environment: environment, Start: p.Start, TimeZone: p.TimeZone})
		}
	}
	return feeds
}

// secondRunAfter returns a function that returns the time of the second next
// run that loads; nil if no schedule loads.
func secondRunAfter(cfg *config.Config) func(after time.Time) time.Time {
	var tables []schedule.Timetable
	for i := range cfg.Schedules {
		planned := &cfg.Schedules[i]
		location, err := time.LoadLocation(planned.TimeZone)
		if err != nil || !planned.Loads() {
			continue
		}
		if table, err := schedule.Parse(planned.Cron, location); err == nil {
			tables = append(tables, table)
		}
	}
	if len(tables) == 0 {
		return nil
	}
	return func(after time.Time) (due time.Time) {
		for _, t := range tables {
			first := t.Next(after)
			if first.IsZero() {
				continue
			}
			if second := t.Next(first); !second.IsZero() && (due.IsZero() || second.Before(due)) {
				due = second
			}
		}
		return due
	}
}
