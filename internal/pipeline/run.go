package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// Feed is one environment of a project, with what is needed to read it.
type Feed struct {
	load.Feed
	Reader    *extract.Reader
	Transform transform.Options
	Start     extract.Second // start of the history
	// Refused is the reason why the feed cannot be read, found before any request,
	// such as a missing key. Only this feed fails then. nil: it can be read.
	Refused error
}

// Options configure a run.
type Options struct {
	Feeds       []Feed
	Projects    []load.Project
	Destination Destination
	Owner       load.Owner
	ConfigHash  string
	Stats       *extract.Stats // shared with the readers of the feeds
	Budgets     []Budget       // of the readers, to report the usage of each key

	// Backfill is read completely, whether it is covered or not, and moves no
	// watermark; empty: an incremental run.
	Backfill extract.Span
	// Repairs has the repairs of findings of verify. If it is not nil, the run does
	// nothing else.
	Repairs map[load.Feed]Repair
	// Mend has the repairs of stored data, which such a run does before it reads.
	Mend     []load.Mending
	Lookback []extract.Tier
	// Narrow selects what a short run for an event reads; nil: not such a run.
	Narrow *extract.Narrow
	// OpenAgeLimit is the age at which a conversation in progress becomes
	// abandoned; 0: 7 days.
	OpenAgeLimit time.Duration
	// DeleteMissing deletes missing conversations instead of marking them.
	DeleteMissing bool
	// MissingLimit limits how many conversations of a UTC day are marked or deleted
	// without confirmation; see [MissingLimit] for the default.
	MissingLimit MissingLimit
	// MaxRejects is the number of new rejects up to which a run succeeds.
	MaxRejects int64

	TransformWorkers int // 0: the number of cores
	LoadWorkers      int // 0: 2
	// Shares are those of the run, if other runs use the same workers; nil: this
	// run has workers of its own.
	Shares *Shares

	Log      *slog.Logger
	Progress *Progress        // updated during the run; may be nil
	Clock    func() time.Time // local clock; nil: time.Now

	stored []warehouse.Project // before the run

	windowLimit int64 // see [extract.WindowLimit], which is the default
}

// Repair is the repair of a feed.
type Repair struct {
	Spans []extract.Span // read again, and rewritten whatever is stored
	Gone  []load.Key     // no longer listed by the source
}

// bytesInFlight limits the bytes that were read and are not staged yet: ten chunks. Two
// cores have eight in their workers and queues. More are memory that only waits, about
// twice with garbage.
const bytesInFlight = 12 << 20

// Run executes one run. It returns a complete report even with an error, which is
// the reason why the run as a whole was aborted. Errors of single feeds are in the
// report.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.setDefaults()
	return o.record(ctx, o.kind(), func(ctx context.Context, r *run) error { return r.do(ctx) })
}

func (o *Options) setDefaults() {
	o.Clock = orElse(o.Clock, time.Now)
	o.OpenAgeLimit = cmp.Or(o.OpenAgeLimit, 7*24*time.Hour)
	o.MissingLimit = cmp.Or(o.MissingLimit, MissingLimit{Share: 0.1, AtLeast: 20})
	o.TransformWorkers = cmp.Or(o.TransformWorkers, runtime.GOMAXPROCS(0))
	o.LoadWorkers = cmp.Or(o.LoadWorkers, 2)
	o.windowLimit = cmp.Or(o.windowLimit, extract.WindowLimit)
	if o.Shares == nil {
		o.Shares = NewWorkers(1, o.TransformWorkers, o.LoadWorkers).Join() // the readers have other permits
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	if o.Stats == nil {
		o.Stats = &extract.Stats{}
	}
}

func (o *Options) kind() string {
	switch {
	case o.Repairs != nil:
		return KindRepair
	case !o.Backfill.Empty():
		return KindBackfill
	case o.Narrow != nil:
		return KindEvent
	}
	return KindIncremental
}

// waitLogDelay is how long a run waits for another writer before it logs that.
const waitLogDelay = time.Second

// projectIDs are the stored ids of the projects that the run may write.
func (o *Options) projectIDs() []string {
	ids := map[string]bool{}
	for i := range o.Projects {
		ids[o.Projects[i].ProjectID] = true
	}
	for i := range o.Feeds {
		ids[o.Feeds[i].ProjectID] = true
	}
	for i := range o.Mend {
		ids[o.Mend[i].ProjectID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// begin acquires the writer locks of the run's projects. It logs if it has to
// wait.
func (o *Options) begin(ctx context.Context, kind string) (load.Writer, error) {
	waiting := time.AfterFunc(waitLogDelay, func() {
		o.Log.Info("waiting for the destination: another run holds the writer lock of a project, or the connection is slow")
	})
	defer waiting.Stop()
	owner := o.Owner
	owner.Kind = kind
	return o.Destination.Begin(ctx, owner, o.projectIDs()...)
}

// record calls work with the writer locks of the run, and stores the result
// in sync_runs.
func (o *Options) record(ctx context.Context, kind string, work func(context.Context, *run) error) (*Report, error) {
	report := newReport(o, kind)
	if err := o.Destination.Prepare(ctx); err != nil {
		report.finish(o, err)
		return report, err
	}
	writer, err := o.begin(ctx, kind)
	if err != nil {
		report.finish(o, err)
		return report, err
	}
	err = locked(ctx, &run{Options: *o, writer: writer, report: report}, func(ctx context.Context, r *run) error {
		if err := work(ctx, r); err != nil {
			return err
		}
		r.storeFigures(ctx)
		return nil
	})
	report.finish(o, err)
	finishing := writer.Finish(ctx, report.row(o)) // also if the run was stopped
	if errors.Is(err, finishing) {                 // a writer that has ended returns the same error again
		finishing = nil
	}
	closing := errors.Join(finishing, writer.Close())
	if closing != nil {
		report.fail(closing)
	}
	return report, errors.Join(err, closing)
}

// A load pays a tenth of its time for figures. After a short run there is more time.
const (
	shortRun        = 10 * time.Second
	afterShortRun   = 5 * time.Second
	shareForFigures = 10
)

// storeFigures stores figures of days. What it leaves out, or fails to store, is left for
// the next run.
func (r *run) storeFigures(ctx context.Context) {
	keeper, ok := r.writer.(load.FigureKeeper)
	if !ok {
		return
	}
	took := time.Since(r.report.StartedAt)
	limit := took / shareForFigures
	if took < shortRun {
		limit = afterShortRun
	}
	days, err := keeper.StoreFigures(ctx, limit)
	switch {
	case err != nil && ctx.Err() == nil:
		r.Log.Warn("the figures of days could not be stored: views compute them until a run stores them", "error", err)
	case days > 0:
		r.Log.Debug("stored figures of days", "days", days)
	}
}

// locked calls work, and cancels it if the writer loses its lock.
func locked(ctx context.Context, r *run, work func(context.Context, *run) error) error {
	w, ok := r.writer.(load.Watched)
	if !ok {
		return guarded(ctx, r, work)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var watching sync.WaitGroup
	done := make(chan struct{})
	var lost error
	watching.Go(func() {
		select {
		case lost = <-w.Lost():
			stop(lost)
		case <-done:
		}
	})
	err := guarded(ctx, r, work)
	close(done)
	watching.Wait()
	if lost != nil && errors.Is(err, context.Canceled) {
		return lost
	}
	return err
}

// guarded calls work, and turns a panic into an error, so that the lock is
// released.
func guarded(ctx context.Context, r *run, work func(context.Context, *run) error) (err error) {
	defer logPanic(r.Log, &err)
	defer panics.Recover(&err)
	return work(ctx, r)
}

func orElse[T any](f, other func() T) func() T {
	if f == nil {
		return other
	}
	return f
}

// run is a run that holds its writer locks.
type run struct {
	Options
	writer load.Writer
	report *Report

	stages  *stages
	windows atomic.Int64
	commits sync.Mutex // Publish is called from one goroutine at a time
}

func (r *run) do(ctx context.Context) error {
	if err := r.register(ctx); err != nil {
		return err
	}
	if err := r.mend(ctx); err != nil {
		return err
	}
	if err := r.recover(ctx); err != nil {
		return err
	}
	states, err := r.Destination.State(ctx, feedKeys(r.Feeds))
	if err != nil {
		return err
	}
	r.report.FirstLoad = isFirstLoad(states)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.stages = startStages(ctx, stop, r.writer, r.Shares, r.TransformWorkers, r.LoadWorkers)
	r.Progress.stages.Store(r.stages)
	defer r.Progress.stages.Store(nil)
	var projects sync.WaitGroup
	for _, feeds := range r.byProject(states) {
		projects.Go(func() {
			if err := readProject(ctx, feeds, stop); err != nil {
				stop(err)
			}
		})
	}
	projects.Wait()
	r.stages.close()
	return errors.Join(context.Cause(ctx), r.describeFeeds(context.WithoutCancel(ctx)))
}

// isFirstLoad reports whether no feed has coverage.
func isFirstLoad(states map[load.Feed]load.FeedState) bool {
	for f := range states {
		if len(states[f].Coverage) > 0 {
			return false
		}
	}
	return true
}

// mend repairs the stored data.
func (r *run) mend(ctx context.Context) error {
	for _, m := range r.Mend {
		m.RunID, m.At = r.Owner.RunID, warehouse.TimestampOf(r.Clock())
		counts, err := r.writer.Mend(ctx, &m)
		if err != nil {
			return fmt.Errorf("repair the stored data of project %s: %w", m.ProjectID, err)
		}
		r.report.keep(counts)
		r.Log.Info("repaired the stored data", "project", m.ProjectID, "rows", counts.Rows)
	}
	return nil
}

func (r *run) newFeedRun(f *Feed, state load.FeedState) *feedRun {
	log := r.Log.With("project", f.ProjectID, "environment", f.Environment)
	feed := &feedRun{run: r, feed: *f, log: log, state: state}
	feed.digests.digester = transform.NewDigester(&feed.feed.Transform)
	feed.prepareReader()
	return feed
}

// describeFeeds adds the current state of the feeds to the report.
func (r *run) describeFeeds(ctx context.Context) error {
	states, err := r.Destination.State(ctx, feedKeys(r.Feeds))
	if err != nil {
		return err
	}
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	r.report.StateKnown = true
	for _, f := range r.Feeds {
		state := states[f.Feed]
		p := *r.report.feed(f.Feed)
		if p.Status == NotRun && p.Conversations.Read > 0 { // the run ended before the feed did
			p.Status = warehouse.RunPartial
		}
		p.Open, p.Holes, p.Gaps = len(state.Open), len(state.Holes), Gaps(state.Accounted(), f.Start.Time())
		if state.Watermark != 0 {
			at := state.Watermark.Time()
			p.Watermark = &at
		}
		r.report.Projects = append(r.report.Projects, p)
	}
	return nil
}

func feedKeys(feeds []Feed) []load.Feed {
	keys := make([]load.Feed, len(feeds))
	for i := range feeds {
		keys[i] = feeds[i].Feed
	}
	return keys
}

// sourceError reports whether err concerns only the feed, and not the run: it does
// not come from the destination, and the run was not stopped.
func sourceError(ctx context.Context, err error) bool {
	var destination *destinationError
	return err != nil && !errors.As(err, &destination) && ctx.Err() == nil
}
