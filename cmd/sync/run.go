package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/recordings"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

type runOptions struct {
	from, to   string
	projects   []string
	dryRun     bool
	output     string
	whenLocked string

	metricsFile string
	quiet       bool

	audioOnly bool
	recheck   []string
}

func newRunCommand(app *app) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Sync once: read new, late and open conversations, and load them",
		Long: "Run does one incremental sync. It reads the gaps in the coverage, the lookback, and conversations that were open.\n" +
			"With --from and --to it reads only that time range, even if it is covered, and leaves the watermark as it is.\n" +
			"Then it checks or stores recordings, if sync.audio says so; with --audio-only it does only that.",
		Example: "  convsync run\n" +
			"  convsync run --project acme-team-4 --output json\n" +
			"  convsync run --from 2026-06-01 --to 2026-06-08\n" +
			"  convsync run --audio-only --recheck missing,forbidden\n" +
			"  convsync run --metrics-file /var/lib/node_exporter/textfile/convsync.prom",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.quiet {
				if err := app.beQuiet(cmd.Flags().Changed("log-level")); err != nil {
					return err
				}
			}
			if err := opts.checkAudio(); err != nil {
				return err
			}
			if opts.audioOnly {
				return runAudioOnly(cmd.Context(), app, opts)
			}
			return runRun(cmd.Context(), app, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "start of the time range to read again: a date (midnight UTC) or an RFC 3339 time")
	flags.StringVar(&opts.to, "to", "", "end of the time range, exclusive (default: now)")
	flags.StringSliceVar(&opts.projects, "project", nil, "sync only this project, by its stored id; may be repeated")
	flags.BoolVar(&opts.dryRun, "dry-run", false, "print what would be read, and write nothing")
	flags.StringVar(&opts.output, "output", "text", "output format: text or json")
	flags.BoolVar(&opts.quiet, "quiet", false, "print nothing if the run succeeds: no progress and no summary, and log only errors unless --log-level is set; --output json is still printed")
	flags.StringVar(&opts.whenLocked, "when-locked", "fail", "if another run is still writing one of the projects after 10s: fail (exit 4), skip that project (exit 0 if none is left) or wait (without a limit)")
	flags.BoolVar(&opts.audioOnly, "audio-only", false, "only check or store recordings, as configured by sync.audio; sync no conversations")
	flags.StringSliceVar(&opts.recheck, "recheck", nil, "with --audio-only: check recordings again that are missing, forbidden or failed, such as after the key was changed")
	flags.StringVar(&opts.metricsFile, "metrics-file", "", "write the result of the run to this file, also if it failed, for the textfile collector of the Prometheus node exporter")
	return cmd
}

func runRun(ctx context.Context, app *app, opts runOptions) error {
	began := time.Now()
	report, skipped, err := runOnce(ctx, app, opts)
	if report == nil && err != nil && opts.output == "json" && !opts.dryRun {
		failed := pipeline.Failed(opts.kind(), began, err)
		failed.Error = failureOf(ctx, err)
		err = errors.Join(err, json.NewEncoder(app.stdout).Encode(newRunOutput(failed, nil)))
	}
	if opts.metricsFile == "" || skipped {
		return err
	}
	return errors.Join(err, writeMetrics(opts, began, report, err))
}

// writeMetrics writes the result of a run for Prometheus, also if it failed
// before it started.
func writeMetrics(opts runOptions, began time.Time, report *pipeline.Report, err error) error {
	if report == nil {
		report = pipeline.Failed(opts.kind(), began, err)
	}
	if err := serve.WriteTextfile(opts.metricsFile, report, version()); err != nil {
		return codedError(exitPartial, fmt.Errorf("--metrics-file: %w", err))
	}
	return nil
}

func (opts *runOptions) kind() string {
	if opts.from != "" || opts.to != "" {
		return pipeline.KindBackfill
	}
	return pipeline.KindIncremental
}

// runOutput is the JSON output of run and replay.
type runOutput struct {
	Verdict string `json:"verdict"` // ok, attention or failing
	*pipeline.Report
	Recordings *recordings.Report `json:"recordings,omitempty"` // nil: nothing was to be done
}

func newRunOutput(r *pipeline.Report, audio *recordings.Report) runOutput {
	out := runOutput{verdictOf(r.Status), r, audio}
	if audio != nil && audio.Incomplete() && out.Verdict == serve.VerdictOK {
		out.Verdict = serve.VerdictAttention
	}
	return out
}

// runOnce does the work of the command. skipped: it was a dry run, or another run
// held the lock.
func runOnce(ctx context.Context, app *app, opts runOptions) (report *pipeline.Report, skipped bool, err error) {
	cfg, sync, err := opts.plan(app)
	if err != nil {
		return nil, false, err
	}
	if opts.dryRun {
		return nil, true, dryRun(ctx, app, cfg, sync, opts.output)
	}
	noteSkipped := func(locked *load.LockedError) {
		if !app.quiet {
			fmt.Fprintln(app.stderr, "skipped: "+locked.Held())
		}
	}
	process := newShared(cfg.Sync.Workers)
	sync.share = process.join()
	defer sync.share.leave()
	if opts.whenLocked == "skip" {
		report, err = syncUnlocked(ctx, app, cfg, sync, noteSkipped)
	} else {
		report, err = syncOnce(ctx, app, cfg, sync)
	}
	var locked *load.LockedError
	switch {
	case errors.As(err, &locked) && opts.whenLocked == "skip":
		noteSkipped(locked)
		return nil, true, nil
	case locked != nil && opts.whenLocked == "fail":
		err = fmt.Errorf("%w, or start with --when-locked wait", err) // no other command has that flag
	}
	if report == nil {
		return nil, false, err
	}
	audio, errAudio := opts.record(ctx, app, cfg, report, process)
	if err := app.printReport(opts.output, report, audio); err != nil {
		return report, false, err
	}
	return report, false, cmp.Or(outcome(ctx, report, err, cfg.Sync.FailOnDrift), audioOutcome(ctx, audio, errAudio))
}

// record works on the recordings of the projects that were synced, unless the run
// failed.
func (opts *runOptions) record(ctx context.Context, app *app, cfg *config.Config, report *pipeline.Report, s *shared) (*recordings.Report, error) {
	if report.Status == warehouse.RunFailed {
		return nil, nil
	}
	synced := map[string]bool{}
	for i := range report.Projects {
		synced[report.Projects[i].ProjectID] = true
	}
	projects := slices.DeleteFunc(slices.Clone(cfg.Projects), func(p config.Project) bool { return !synced[p.StoredID] })
	audio, err := recordAfter(ctx, app, cfg, projects, s)
	if err != nil && ctx.Err() == nil {
		err = codedError(exitPartial, fmt.Errorf("recordings: %w", err)) // the sync itself succeeded
	}
	return audio, err
}

// plan turns the flags into the options of a run.
func (opts *runOptions) plan(app *app) (*config.Config, syncOptions, error) {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return nil, syncOptions{}, err
	}
	if err := oneOf("when-locked", opts.whenLocked, "fail", "skip", "wait"); err != nil {
		return nil, syncOptions{}, err
	}
	backfill, err := parseTimeRange(opts.from, opts.to, time.Now())
	if err != nil {
		return nil, syncOptions{}, err
	}
	cfg, err := app.loadConfig()
	if err != nil {
		return nil, syncOptions{}, err
	}
	projects, err := chooseProjects(cfg, opts.projects)
	if err != nil {
		return nil, syncOptions{}, err
	}
	sync := syncOptions{projects: projects, backfill: backfill}
	if opts.whenLocked == "wait" {
		sync.lockWait = 365 * 24 * time.Hour
	}
	return cfg, sync, nil
}

// syncOptions configure one run.
type syncOptions struct {
	projects []config.Project // all that are configured unless set
	backfill extract.Span
	narrow   *extract.Narrow    // all that is to be read; nil: not for an event
	lockWait time.Duration      // 0: the timeout of the destination
	progress *pipeline.Progress // updated by the run; nil: not needed
	share    *runShare          // of what the runs of a process share; nil: it is the only run

	keepKeyless bool // record a run in which no key can be read, instead of refusing it
}

// syncOnce does one run. Without a report, the run did not start.
func syncOnce(ctx context.Context, app *app, cfg *config.Config, o syncOptions) (*pipeline.Report, error) {
	run, err := newRun(ctx, app, cfg, o)
	if err != nil {
		return nil, err
	}
	defer closeRun(run, o.share)
	stop := app.showProgress(run.Progress)
	defer stop()
	return pipeline.Run(ctx, run.Options)
}

// wiredRun is a run with what has to be closed after it.
type wiredRun struct {
	pipeline.Options
	destination load.Destination // that of the options, with what a run does not use
}

// syncUnlocked does one run without the projects that another process is writing.
// skipped is called for each of these. If no project is left, the error says why.
func syncUnlocked(ctx context.Context, app *app, cfg *config.Config, o syncOptions, skipped func(*load.LockedError)) (*pipeline.Report, error) {
	for {
		report, err := syncOnce(ctx, app, cfg, o)
		var locked *load.LockedError
		if !errors.As(err, &locked) {
			return report, err
		}
		isLocked := func(p config.Project) bool { return p.StoredID == locked.Project }
		rest := slices.DeleteFunc(slices.Clone(o.projects), isLocked)
		if len(rest) == 0 || len(rest) == len(o.projects) {
			return report, err
		}
		skipped(locked)
		o.projects, o.lockWait = rest, time.Millisecond // it waited for the first one long enough
	}
}

// newRun opens the destination and wires a run together.
func newRun(ctx context.Context, app *app, cfg *config.Config, o syncOptions) (*wiredRun, error) {
	if o.projects == nil {
		o.projects = cfg.Projects
	}
	owner := newOwner()
	log := app.log.With("run_id", owner.RunID)
	if o.share == nil {
		o.share = newShared(cfg.Sync.Workers).join()
	}
	side, err := newSourceSide(ctx, cfg, &o, log)
	if err != nil {
		return nil, err
	}
	destination, err := o.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &wiredRun{destination: destination, Options: pipeline.Options{
		Feeds:            side.feeds,
		Projects:         side.projects,
		Destination:      destination,
		Owner:            owner,
		ConfigHash:       cfg.Fingerprint(),
		Stats:            side.stats,
		Budgets:          side.budgets,
		Backfill:         o.backfill,
		Narrow:           o.narrow,
		DeleteMissing:    cfg.Sync.OnMissing == config.MissingDelete,
		MissingLimit:     pipeline.MissingLimit(cfg.Sync.MissingLimit),
		MaxRejects:       int64(cfg.Sync.MaxRejects),
		Lookback:         tiers(cfg.Sync.Lookback),
		OpenAgeLimit:     cfg.Sync.OpenAgeLimit,
		TransformWorkers: cfg.Sync.Workers.Transform,
		LoadWorkers:      cfg.Sync.Workers.Load,
		Shares:           o.share.workers,
		Log:              log,
		Progress:         cmp.Or(o.progress, &pipeline.Progress{}),
	}}, nil
}

// open opens the destination of a run, or uses the one that runs share.
func (o *syncOptions) open(ctx context.Context, cfg *config.Config) (load.Destination, error) {
	if o.lockWait == 0 && o.share.destination != nil {
		return o.share.destination, nil
	}
	return openDestination(ctx, cfg, o.lockWait)
}

// closeRun closes what newRun opened. In a long-running process, connections
// that no later run uses must not stay open until their timeout.
func closeRun(run *wiredRun, share *runShare) {
	if share == nil || run.destination != share.destination {
		_ = run.destination.Close() // nothing is written after this
	}
	for i := range run.Feeds {
		if client, ok := run.Feeds[i].Reader.Source.(*polyai.Client); ok {
			client.Close()
		}
	}
}

// outcome returns the error of a report, which determines the exit code.
func outcome(ctx context.Context, report *pipeline.Report, err error, failOnDrift bool) error {
	switch {
	case ctx.Err() != nil:
		return codedError(exitInterrupted, errors.New("interrupted; what was committed is kept, and the next run continues from there"))
	case isLocked(err):
		return codedError(exitLocked, err)
	case report.Status == warehouse.RunFailed:
		return incompleteError(exitFailed, report)
	case report.Status == warehouse.RunPartial:
		return incompleteError(exitPartial, report)
	case failOnDrift && report.Drift > 0:
		return codedError(exitPartial, fmt.Errorf("schema drift: %d occurrences of fields or values that this version does not know; the table schema_drift lists them (sync.fail_on_drift makes this an error)", report.Drift))
	}
	return nil
}

// incompleteError is the reason why a run is incomplete. The run has already
// logged the errors of single projects.
func incompleteError(code int, r *pipeline.Report) error {
	err := &exitError{code: code, err: r.Incomplete(), reported: len(r.Errors) > 0}
	for _, failed := range r.Errors {
		var feed *pipeline.FeedError
		err.reported = err.reported && errors.As(failed, &feed)
	}
	return err
}
