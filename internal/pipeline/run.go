package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// Feed is what a run reads: a project in one environment.
type Feed struct {
	load.Feed
	Reader *extract.Reader
	Rules  transform.Options // OpenSince is set by the run
	Start  extract.Second    // where the history begins
	// Refused is why nothing can be read of the feed, found before any request,
	// such as a key that cannot be had; it fails alone. nil: it can.
	Refused error
}

// Options configure a run.
type Options struct {
	Feeds       []Feed
	Projects    []load.Project
	Destination load.Destination
	Owner       load.Owner
	ConfigHash  string
	Stats       *extract.Stats // the one that the feeds' readers count in
	Budgets     []Budget       // of the feeds' readers, to tell how fast each key is used

	// Backfill is read again, whatever is covered, and moves no watermark;
	// empty: an incremental run.
	Backfill extract.Span
	// Repairs are all that a run does that is to mend what verify found.
	Repairs map[load.Feed]Repair
	// Mend is what such a run mends in the stored data, before it reads.
	Mend     []load.Mending
	Lookback []extract.Tier
	// Narrow is all that a run reads that an event led to; nil: an event did not.
	Narrow *extract.Narrow
	// OpenAgeLimit is how long a conversation may be in progress before it
	// counts as abandoned; 7 days unless set.
	OpenAgeLimit time.Duration
	// DeleteMissing deletes what the source no longer lists, instead of marking it.
	DeleteMissing bool
	// MissingLimit is how many conversations of a UTC day a run marks or deletes
	// without confirmation; see [MissingLimit] for the default.
	MissingLimit MissingLimit
	// MaxRejects is how many conversations that cannot be read, and could not be
	// before, a run may meet and still succeed.
	MaxRejects int64

	TransformWorkers int // as many as there are cores unless set
	LoadWorkers      int // 2 unless set

	Log      *slog.Logger
	Progress *Progress        // told how far the run is; nil: nobody looks
	Clock    func() time.Time // our own clock; time.Now unless set

	stored []warehouse.Project // before the run
}

// Repair is what a run mends of a feed.
type Repair struct {
	Spans []extract.Span // read again, and written anew whatever is stored
	Gone  []load.Key     // no longer listed by the source
}

// bytesInFlight bounds what was read and is not staged yet.
const bytesInFlight = 24 << 20

// Run does one run. The report is complete also beside an error, which says
// why the run as a whole could not go on; what failed for single feeds stands
// in the report.
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

// waitsAloud is how long the wait for another writer is silent.
const waitsAloud = time.Second

// begin becomes the writer of the destination. It logs when it has to wait.
func (o *Options) begin(ctx context.Context, kind string) (load.Writer, error) {
	waiting := time.AfterFunc(waitsAloud, func() {
		o.Log.Info("the destination is not free yet, because another run writes or the connection is slow; waiting")
	})
	defer waiting.Stop()
	owner := o.Owner
	owner.Kind = kind
	return o.Destination.Begin(ctx, owner)
}

// record does work as the writer of the destination, and records its end.
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
	err = locked(ctx, &run{Options: *o, writer: writer, report: report}, work)
	report.finish(o, err)
	// The end is recorded also when the run was told to stop.
	last := context.WithoutCancel(ctx)
	finishing := writer.Finish(last, report.row(o))
	if errors.Is(err, finishing) { // a writer that has ended repeats why
		finishing = nil
	}
	closing := errors.Join(finishing, writer.Close())
	if closing != nil {
		report.fail(closing)
	}
	return report, errors.Join(err, closing)
}

// locked does work until it is done, or the writer loses its lock.
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

// guarded does work; a panic in it must not keep the lock.
func guarded(ctx context.Context, r *run, work func(context.Context, *run) error) (err error) {
	defer logPanic(r.Log, &err)
	defer extract.Caught(&err)
	return work(ctx, r)
}

func orElse[T any](f, other func() T) func() T {
	if f == nil {
		return other
	}
	return f
}

// run is a run that holds the writer.
type run struct {
	Options
	writer load.Writer
	report *Report

	stages    *stages
	stretches atomic.Int64
	commits   sync.Mutex // Publish is called from one goroutine at a time
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
	r.stages = startStages(ctx, stop, r.writer, r.TransformWorkers, r.LoadWorkers)
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

// isFirstLoad reports whether nothing was read of any feed before.
func isFirstLoad(states map[load.Feed]load.FeedState) bool {
	for f := range states {
		if len(states[f].Coverage) > 0 {
			return false
		}
	}
	return true
}

// mend mends the stored data.
func (r *run) mend(ctx context.Context) error {
	for _, m := range r.Mend {
		m.RunID, m.At = r.Owner.RunID, warehouse.TimestampOf(r.Clock())
		counts, err := r.writer.Mend(ctx, &m)
		if err != nil {
			return fmt.Errorf("mend the stored data of project %s: %w", m.ProjectID, err)
		}
		r.report.keep(counts)
		r.Log.Info("mended the stored data", "project", m.ProjectID, "rows", counts.Rows)
	}
	return nil
}

func (r *run) newFeedRun(f *Feed, state load.FeedState) *feedRun {
	feed := &feedRun{run: r, Feed: *f, Log: r.Log.With("project", f.ProjectID, "environment", f.Environment), state: state}
	feed.prepareHoles()
	return feed
}

// describeFeeds puts into the report how far the feeds are now.
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

// sourceError reports whether err is the source's, which fails the feed and
// not the run.
func sourceError(ctx context.Context, err error) bool {
	var destination *destinationError
	return err != nil && !errors.As(err, &destination) && ctx.Err() == nil
}
