package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// feedRun is the part of a run that processes one feed.
type feedRun struct {
	run      *run
	feed     Feed
	log      *slog.Logger // of the run, with project and environment
	state    load.FeedState
	coverage []extract.Covered
	now      extract.Second // the later clock at the start of the run: end of what is read
	sure     extract.Second // the earlier clock: end of what is covered
	rewind   bool           // the stored watermark lies in the future

	identity     identity
	siblings     []*feedRun // other environments of the project
	tracker      missingTracker
	digests      digests
	twice        sameIDs
	doubtful     []doubtfulDay     // days on which nothing was marked or deleted
	wereRead     []extract.Span    // read completely by this run
	visibleAgain load.VisibleAgain // number of conversations with parts that are visible again
	visible      bool              // this run received some transcript or metrics

	holes    []warehouse.Hole // as stored
	newHoles []warehouse.Hole // found by this run

	mu     sync.Mutex           // several windows are read concurrently
	seen   extract.TryResult    // density of what was read last
	weight float64              // mean weight of its conversations: see [window.weight]; 0: not known
	failed []*extract.SpanError // parts that could not be read
	left   []extract.Span       // parts of windows that have to be read by others
	// rejected has the ids of the feed's rejects that are not JSON; nil until they
	// are needed.
	rejected map[string]bool
}

// account records the result of the feed in the report; err is the result of
// reading it. It returns err if that has to end the run; an error that concerns
// only the feed is recorded instead.
func (f *feedRun) account(ctx context.Context, err error) error {
	doubt := f.doubt()
	missing := errors.Join(f.incomplete(), f.errHoles(), doubt)
	if err == nil && ctx.Err() == nil && f.readNothing() {
		err = missing
	}
	if err == nil && missing != nil {
		if len(f.failed) > 0 { // the reader has logged the reason for each part
			f.log.Warn("project "+f.name()+" was not read completely: "+failedBecause(missing)+"; the next run reads the rest", "parts", len(f.failed))
		}
		if doubt != nil {
			f.log.Warn("project " + f.name() + " needs confirmation: " + doubt.Error())
		}
		f.run.report.feedIncomplete(f.describe(missing))
		return nil
	}
	if sourceError(ctx, err) {
		f.log.Error("project "+f.name()+" failed: "+failedBecause(err)+"; what was committed of it remains stored", "error", err.Error())
		f.run.report.failFeed(f.describe(err))
		return nil
	}
	if err == nil {
		f.run.report.feedDone(f.feed.Feed)
	}
	return err
}

// readNothing reports whether nothing of the feed could be read, although it was
// tried.
func (f *feedRun) readNothing() bool {
	if len(f.failed) == 0 || slices.ContainsFunc(f.wereRead, func(s extract.Span) bool { return !s.Empty() }) {
		return false
	}
	f.run.report.mu.Lock()
	defer f.run.report.mu.Unlock()
	return f.run.report.feed(f.feed.Feed).Conversations.Read == 0
}

// incomplete returns an error with the parts that could not be read, or nil.
// Adjacent parts are merged, with the first reason.
func (f *feedRun) incomplete() error {
	if len(f.failed) == 0 {
		return nil
	}
	slices.SortFunc(f.failed, func(a, b *extract.SpanError) int { return cmp.Compare(a.From, b.From) })
	var missing []*extract.SpanError
	for _, part := range f.failed {
		if last := len(missing) - 1; last >= 0 && part.From <= missing[last].Until {
			missing[last].Until = max(missing[last].Until, part.Until)
			continue
		}
		missing = append(missing, part)
	}
	const named = 5
	var said []error
	for _, m := range missing[:min(len(missing), named)] {
		said = append(said, m)
	}
	if more := len(missing) - len(said); more > 0 {
		said = append(said, fmt.Errorf("and %d more", more))
	}
	return fmt.Errorf("some time ranges could not be read (%d); the next run tries them again: %w", len(missing), errors.Join(said...))
}

// describe adds the name of the feed to an error.
func (f *feedRun) describe(err error) *FeedError { return &FeedError{f.feed.Feed, err} }

func (f *feedRun) name() string { return f.feed.ProjectID + " (" + f.feed.Environment + ")" }

// failedBecause returns the reason for the beginning of a log line.
func failedBecause(err error) string {
	if reason := shortReason(err); reason != "" {
		return reason
	}
	return Brief(err.Error())
}

// guarded calls work, and turns a panic into an error of the feed.
func (f *feedRun) guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer logPanic(f.log, &err)
	defer panics.Recover(&err)
	return work(ctx)
}

// logPanic logs the stack if the error is a panic.
func logPanic(log *slog.Logger, err *error) {
	var caught *panics.Error
	if errors.As(*err, &caught) {
		log.Error("a run panicked", "where", caught.Where, "stack", string(caught.Stack))
	}
}

// read plans the feed and reads it.
func (f *feedRun) read(ctx context.Context) error {
	f.coverage = covered(f.state.Coverage)
	defer f.run.report.took(f.feed.Feed, f.run.Clock())(f.run.Clock)
	if f.feed.Refused != nil {
		return &refusedError{f.feed.Refused}
	}
	plan, err := f.open(ctx)
	if err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Spans); err != nil {
		return err
	}
	if err := f.readOpen(ctx, plan.Open); err != nil {
		return err
	}
	if err := f.retryHoles(ctx); err != nil {
		return err
	}
	if err := f.readVisibleAgain(ctx); err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Older); err != nil {
		return err
	}
	return f.publishHoles(ctx)
}

// open requests the first page of the newest part of the history, plans with the
// server time of its response, and reads the rest of that part. It returns the plan
// of what is still to be read.
func (f *feedRun) open(ctx context.Context) (plan extract.Plan, err error) {
	local := f.run.Clock()
	ask := f.firstSpan(local)
	first, err := f.feed.Reader.Open(ctx, ask, local)
	if err != nil {
		return plan, err
	}
	defer first.Close()
	f.setClocks(first.Moment)
	plan = f.plan()
	f.planned(plan)
	f.log.Debug("planned", "spans", len(plan.Spans), "open", len(plan.Open))
	if ask.Empty() { // the density is unknown: the span that server time adds is tried without cutting it
		f.noteSeen(extract.TryResult{Over: 1})
		return plan, nil
	}
	st := f.newWindow(newest(plan.Spans).Intersect(ask))
	result, err := first.Try(ctx, f.emitter(st))
	f.noteSeen(result)
	if err != nil || !result.Whole || st.span.Empty() {
		f.abandon(ctx, st)
		return plan, err
	}
	plan.Spans = extract.Without(plan.Spans, []extract.Span{st.span})
	return plan, f.publish(ctx, st)
}

// firstSpan returns the newest span to read by the local clock, which is all that
// is known before the first response.
func (f *feedRun) firstSpan(local time.Time) extract.Span {
	f.now = extract.SecondOf(local)
	f.sure = f.now
	ask := extract.Widen(newest(f.plan().Spans), f.now, f.feed.Start)
	return newest(extract.Without([]extract.Span{ask}, f.holeSpans()))
}

func (f *feedRun) plan() extract.Plan {
	if f.run.Repairs != nil {
		return extract.Plan{Open: extract.Together(f.run.Repairs[f.feed.Feed].Spans)}.Without(f.holeSpans())
	}
	if !f.run.Backfill.Empty() {
		asked := extract.Span{From: f.run.Backfill.From, Until: min(f.run.Backfill.Until, f.now)}
		if asked.Empty() {
			return extract.Plan{}
		}
		return extract.Plan{Spans: []extract.Span{asked}}.Without(f.holeSpans())
	}
	need := extract.Need{
		Start:    f.feed.Start,
		Now:      f.now,
		Sure:     f.sure,
		Coverage: f.coverage,
		Lookback: f.run.Lookback,
		Shape:    f.feed.Transform.Shape(),
		Holes:    f.holeSpans(),
	}
	for _, o := range f.state.Open {
		need.Open = append(need.Open, secondOf(o.StartedAt))
	}
	if f.run.Narrow != nil {
		return extract.DecideNarrow(need, *f.run.Narrow)
	}
	return extract.Decide(need)
}

// openSince returns the age limit of open conversations.
func (f *feedRun) openSince() warehouse.Timestamp {
	return timestamp(f.sure) - warehouse.Timestamp(f.run.OpenAgeLimit.Microseconds())
}

// newWindow begins a window. span is what it will cover; it is empty if reading
// the window adds no coverage.
func (f *feedRun) newWindow(span extract.Span) *window {
	st := &window{
		id:        load.WindowID(f.run.windows.Add(1)),
		feed:      f.feed.Feed,
		span:      span,
		whole:     []extract.Span{span},
		rewrite:   f.run.Repairs != nil,
		options:   &f.feed.Transform,
		openSince: f.openSince(),
		runID:     f.run.Owner.RunID,
		at:        warehouse.TimestampOf(f.run.Clock()),
		rejects:   map[string]warehouse.Reject{},
		drift:     map[driftKey]warehouse.Drift{},
	}
	st.unchanged = f.unchangedIn(st)
	if f.remembers() {
		st.tracker = &f.tracker
	}
	for _, c := range f.state.Coverage {
		if st.liveSince == 0 || c.ReadAt < st.liveSince {
			st.liveSince = c.ReadAt
		}
	}
	return st
}

// remembers reports whether the run records which conversations the source
// returns, to find missing ones. A first load does not need that.
func (f *feedRun) remembers() bool {
	return len(f.state.Coverage)+len(f.state.Open) > 0 || f.run.Repairs != nil || !f.run.Backfill.Empty()
}

// emitter returns a function that passes chunks of the window to the stages.
func (f *feedRun) emitter(st *window) extract.Emit {
	return func(ctx context.Context, c *extract.Chunk) error {
		if err := f.identify(c); err != nil {
			return err
		}
		if err := f.prepare(ctx, st); err != nil {
			return err
		}
		st.emitted.Add(int64(c.Len()))
		f.run.Progress.conversations.Add(int64(c.Len()))
		f.note(func(o *outlook) { o.pending += int64(c.Len()) })
		return f.run.stages.put(ctx, st, c)
	}
}
