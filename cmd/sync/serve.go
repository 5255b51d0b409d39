package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/notify"
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
			"otherwise, which takes serve.token, or serve.user and serve.password; where these are set, they are asked for\n" +
			"here, too.",
		Example: "  convsync serve\n  convsync serve --run-now",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runServe(cmd.Context(), app, opts) },
	}
	cmd.Flags().BoolVar(&opts.runNow, "run-now", false, "run each schedule that loads once at the start")
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
	events  *events    // nil: no webhooks

	notifier *notify.Notifier // nil: nobody is told
	aged     time.Time        // when it was last told how old the data is
}

func runServe(ctx context.Context, app *app, opts serveOptions) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	if len(cfg.Schedules) == 0 {
		return configError(errors.New("there is no schedule: add one to the configuration, such as\n  schedules:\n    nightly: { cron: \"0 2 * * *\", time_zone: Europe/London }"))
	}
	s := &service{app: app, cfg: cfg, log: app.log, metrics: serve.NewMetrics()}
	scheduler, err := s.newScheduler()
	if err != nil {
		return err
	}
	if err := s.startNotifier(); err != nil {
		return err
	}
	defer s.stopNotifier()
	if err := s.listen(ctx, scheduler); err != nil {
		return err
	}
	s.events.start()
	// A signal ends the waiting below, and not the runs: they get their grace.
	if err := scheduler.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, s.stop(scheduler, opts.grace))
	}
	if opts.runNow {
		for i := range cfg.Schedules {
			if cfg.Schedules[i].Kind == config.KindVerify {
				continue // what it compares with is being read
			}
			if err := scheduler.RunNow(cfg.Schedules[i].Name); err != nil && !errors.Is(err, schedule.ErrRunning) {
				s.log.Error("could not run at the start", "schedule", cfg.Schedules[i].Name, "error", err.Error())
			}
		}
	}
	fmt.Fprintf(app.stderr, "serving at %s\n", s.server.URL())
	if inClearText(&cfg.Serve) {
		s.log.Warn("the status page is served without TLS beyond this machine: tokens and passwords can be read on the way; " +
			"set serve.cert_file and serve.key_file, or put a proxy with TLS in front of it")
	}
	s.announce(scheduler, opts.runNow)
	<-ctx.Done()
	return s.stop(scheduler, opts.grace)
}

// inClearText reports whether other machines can reach the server without TLS.
func inClearText(s *config.Serve) bool {
	host, _, err := net.SplitHostPort(s.Listen)
	addr, addrErr := netip.ParseAddr(host)
	loopback := host == "localhost" || addrErr == nil && addr.IsLoopback()
	return err == nil && s.CertFile == "" && !loopback
}

// stop stops the schedules first, softly, and then what shows them.
func (s *service) stop(scheduler *schedule.Scheduler, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := errors.Join(scheduler.Stop(ctx), s.events.stop(ctx))
	closing, cancelClosing := context.WithTimeout(context.Background(), 10*time.Second)
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
		return nil, configError(err)
	}
	return scheduler, nil
}

// listen starts the HTTP side, with a connection of its own to the destination.
func (s *service) listen(ctx context.Context, scheduler *schedule.Scheduler) error {
	token, password, err := s.secrets(ctx)
	if err != nil {
		return configError(err)
	}
	destination, err := openDestination(ctx, s.cfg, 0)
	if err != nil {
		return err
	}
	feeds := pageFeeds(s.cfg.Projects)
	options := serve.Options{
		Address: s.cfg.Serve.Listen, Token: token, BasicUser: s.cfg.Serve.User, BasicPassword: password, Renew: s.secrets, CertFile: s.cfg.Serve.CertFile, KeyFile: s.cfg.Serve.KeyFile,
		Destination: destination, Feeds: feeds, Lookback: s.cfg.Sync.Lookback.Daily, StaleAfter: s.cfg.Serve.StaleAfter,
		Next: func() []serve.Scheduled { return s.next(scheduler) }, Metrics: s.metrics, SecondRunAfter: secondRunAfter(s.cfg), Watched: s.watched, Log: s.log, Version: version(),
		Charts: serve.DailyCharts(destination, feeds),
	}
	if err = s.takeEvents(ctx, destination, &options); err == nil {
		s.server, err = serve.New(options)
	}
	if err != nil {
		return configError(errors.Join(err, destination.Close()))
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

// pageFeeds are the feeds of projects, as the page shows them.
func pageFeeds(projects []config.Project) (feeds []serve.Feed) {
	for i := range projects {
		p := &projects[i]
		for _, environment := range p.Environments {
			feeds = append(feeds, serve.Feed{ProjectID: p.StoredID, Environment: environment, Start: p.Start, TimeZone: p.TimeZone})
		}
	}
	return feeds
}

// secondRunAfter is when the second run after a moment is due that loads; nil:
// no schedule has any.
func secondRunAfter(cfg *config.Config) func(after time.Time) time.Time {
	var tables []schedule.Timetable
	for i := range cfg.Schedules {
		planned := &cfg.Schedules[i]
		location, err := time.LoadLocation(planned.TimeZone)
		if err != nil || planned.Kind == config.KindVerify {
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
