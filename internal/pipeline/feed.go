package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// feedRun is a feed's part of a run.
type feedRun struct {
	*run
	Feed
	Log      *slog.Logger // the run's, with the feed
	state    load.FeedState
	coverage []extract.Covered
	now      extract.Second // the later clock when the run began: what is read ends here
	sure     extract.Second // the earlier clock: what is covered ends here
	rewind   bool           // the stored watermark lies in the future

	identity identity
	beside   []*feedRun // of the project's other environments
	vanished vanished
	twice    sameIDs
	doubtful []doubtfulDay  // of which nothing was marked or deleted
	wereRead []extract.Span // whole, by this run
	revealed load.Revealed  // conversations that show again what was hidden
	shows    bool           // some transcript or metrics were shown to this run

	holes    []warehouse.Hole // as stored
	newHoles []warehouse.Hole // found by this run

	mu     sync.Mutex           // several stretches are read at once
	seen   extract.TryResult    // of what was read last
	failed []*extract.SpanError // parts that could not be read
	// rejected are the ids of the feed's rejects that are no JSON, once they were
	// asked for.
	rejected map[string]bool
}

// account puts the end of the feed's part into the report; err is how it was
// read. The error that it returns ends the run; what fails the feed alone goes to
// the report.
func (f *feedRun) account(ctx context.Context, err error) error {
	doubt := f.doubt()
	missing := errors.Join(f.incomplete(), f.errHoles(), doubt)
	if err == nil && ctx.Err() == nil && f.readNothing() {
		err = missing
	}
	if err == nil && missing != nil {
		if len(f.failed) > 0 { // its reader has logged why, of each part
			f.Log.Warn("project "+f.name()+" was not read completely: "+failedBecause(missing)+"; the next run reads the rest", "parts", len(f.failed))
		}
		if doubt != nil {
			f.Log.Warn("project " + f.name() + " needs confirmation: " + doubt.Error())
		}
		f.report.feedIncomplete(f.describe(missing))
		return nil
	}
	if sourceError(ctx, err) {
		f.Log.Error("project "+f.name()+" failed: "+failedBecause(err)+"; what was published of it is kept", "error", err.Error())
		f.report.failFeed(f.describe(err))
		return nil
	}
	if err == nil {
		f.report.feedDone(f.Feed.Feed)
	}
	return err
}

// readNothing reports whether all that was tried of the feed failed.
func (f *feedRun) readNothing() bool {
	if len(f.failed) == 0 || slices.ContainsFunc(f.wereRead, func(s extract.Span) bool { return !s.Empty() }) {
		return false
	}
	f.report.mu.Lock()
	defer f.report.mu.Unlock()
	return f.report.feed(f.Feed.Feed).Conversations.Read == 0
}

// incomplete says which parts could not be read: what touches as one, with the
// first reason. It is nil where all could.
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
	const shown = 5
	var said []error
	for _, m := range missing[:min(len(missing), shown)] {
		said = append(said, m)
	}
	if more := len(missing) - len(said); more > 0 {
		said = append(said, fmt.Errorf("and %d more", more))
	}
	return fmt.Errorf("not all could be read (stretches: %d); the next run tries them again: %w", len(missing), errors.Join(said...))
}

// describe names the feed in an error for people.
func (f *feedRun) describe(err error) *FeedError { return &FeedError{f.Feed.Feed, err} }

func (f *feedRun) name() string { return f.ProjectID + " (" + f.Environment + ")" }

// failedBecause is a reason for the first words of a log line.
func failedBecause(err error) string {
	if reason := shortReason(err); reason != "" {
		return reason
	}
	return Brief(err.Error())
}

// guarded does a part of the feed's work; a panic fails it as the source would.
func (f *feedRun) guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer logPanic(f.Log, &err)
	defer extract.Caught(&err)
	return work(ctx)
}

// logPanic logs the stack of a panic that was caught, where there was one.
func logPanic(log *slog.Logger, err *error) {
	var caught *extract.PanicError
	if errors.As(*err, &caught) {
		log.Error("a run panicked", "where", caught.Where, "stack", string(caught.Stack))
	}
}

// read reads what the feed needs.
func (f *feedRun) read(ctx context.Context) error {
	f.coverage = covered(f.state.Coverage)
	defer f.report.took(f.Feed.Feed, f.Clock())(f.Clock)
	if f.Refused != nil {
		return &refusedError{f.Refused}
	}
	plan, err := f.open(ctx)
	if err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Spans); err != nil {
		return err
	}
	if err := f.readWorklist(ctx, plan.Worklist); err != nil {
		return err
	}
	if err := f.retryHoles(ctx); err != nil {
		return err
	}
	if err := f.readRevealed(ctx); err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Older); err != nil {
		return err
	}
	return f.publishHoles(ctx)
}

// open reads the newest span that our own clock gives, learns the source's time
// from the first answer, plans by both, and returns what is still to be read.
func (f *feedRun) open(ctx context.Context) (plan extract.Plan, err error) {
	local := f.Clock()
	f.now = extract.SecondOf(local)
	f.sure = f.now
	ask := extract.Widen(newest(f.plan().Spans), f.now, f.Start)
	ask = newest(extract.Without([]extract.Span{ask}, f.holeSpans()))
	var st *stretch
	shown, err := f.Reader.Open(ctx, ask, local, func(now time.Time) extract.Emit {
		f.setClocks(now)
		f.Rules.OpenSince = warehouse.TimestampOf(f.sure.Time().Add(-f.OpenAgeLimit))
		plan = f.plan()
		f.planned(plan)
		f.Log.Debug("planned", "spans", len(plan.Spans), "worklist", len(plan.Worklist))
		st = f.newStretch(newest(plan.Spans).Intersect(ask))
		return f.emitter(st)
	})
	if ask.Empty() { // nothing is known yet: what the source's clock adds is tried whole
		shown.Over = 1
	}
	f.noteSeen(shown)
	switch {
	case st == nil || err == nil && ask.Empty():
		return plan, err
	case err != nil || !shown.Whole || st.span.Empty():
		f.abandon(ctx, st)
		return plan, err
	}
	plan.Spans = extract.Without(plan.Spans, []extract.Span{st.span})
	return plan, f.publish(ctx, st)
}

// newest is the last of the spans, if there is one.
func newest(spans []extract.Span) (last extract.Span) {
	if len(spans) > 0 {
		last = spans[len(spans)-1]
	}
	return last
}

func (f *feedRun) plan() extract.Plan {
	if f.Repairs != nil {
		return extract.Plan{Worklist: extract.Together(f.Repairs[f.Feed.Feed].Spans)}.Without(f.holeSpans())
	}
	if !f.Backfill.Empty() {
		asked := extract.Span{From: f.Backfill.From, Until: min(f.Backfill.Until, f.now)}
		if asked.Empty() {
			return extract.Plan{}
		}
		return extract.Plan{Spans: []extract.Span{asked}}.Without(f.holeSpans())
	}
	need := extract.Need{Start: f.Start, Now: f.now, Sure: f.sure, Coverage: f.coverage, Lookback: f.Lookback, Shape: transform.Shape, Holes: f.holeSpans()}
	for _, o := range f.state.Open {
		need.Open = append(need.Open, extract.SecondOf(o.StartedAt.Time()))
	}
	if f.Narrow != nil {
		return extract.DecideNarrow(need, *f.Narrow)
	}
	return extract.Decide(need)
}

// newStretch begins a stretch; span is what it covers, empty where reading it
// is no coverage.
func (f *feedRun) newStretch(span extract.Span) *stretch {
	st := &stretch{
		id: load.StretchID(f.stretches.Add(1)), feed: f.Feed.Feed, span: span, whole: []extract.Span{span}, rewrite: f.Repairs != nil, rules: &f.Rules, runID: f.Owner.RunID,
		at: warehouse.TimestampOf(f.Clock()), rejects: map[string]warehouse.Reject{}, drift: map[driftKey]warehouse.Drift{},
	}
	if f.remembers() {
		st.vanished = &f.vanished
	}
	for _, c := range f.state.Coverage {
		if st.liveSince == 0 || c.ReadAt < st.liveSince {
			st.liveSince = c.ReadAt
		}
	}
	return st
}

// remembers reports whether the run remembers what it is answered: something may
// be stored already. During a first load that would take memory for nothing.
func (f *feedRun) remembers() bool {
	return len(f.state.Coverage)+len(f.state.Open) > 0 || f.Repairs != nil || !f.Backfill.Empty()
}

// emitter hands what is read over to the stages.
func (f *feedRun) emitter(st *stretch) extract.Emit {
	return func(ctx context.Context, c *extract.Chunk) error {
		if err := f.identify(c); err != nil {
			return err
		}
		st.emitted.Add(int64(c.Len()))
		f.Progress.conversations.Add(int64(c.Len()))
		f.note(func(o *outlook) { o.pending += int64(c.Len()) })
		return f.stages.put(ctx, st, c)
	}
}

// publish waits until all of the stretch is staged, and commits it.
func (f *feedRun) publish(ctx context.Context, st *stretch) error {
	st.pending.Wait()
	if ctx.Err() != nil {
		return ctx.Err() // something of it may not be staged
	}
	if err := f.lookForVanished(ctx, st); err != nil {
		return err
	}
	for {
		err := f.commit(ctx, st)
		var earlier *load.EarlierStartsError
		if !errors.As(err, &earlier) {
			return err
		}
		if err := f.judge(ctx, st, earlier.Earlier); err != nil {
			f.abandon(ctx, st)
			return err
		}
	}
}

// commit commits a stretch whose chunks are all staged.
func (f *feedRun) commit(ctx context.Context, st *stretch) error {
	f.commits.Lock()
	defer f.commits.Unlock()
	out := &load.Stretch{
		ID: st.id, Feed: st.feed, RunID: f.Owner.RunID, At: st.at, Judged: st.judged,
		Rejects: slices.Collect(maps.Values(st.rejects)), Drift: slices.Collect(maps.Values(st.drift)), HiddenRead: st.hiddenRead,
		OtherID: f.identity.learned(),
	}
	holes, found, changed := f.holesWith(st)
	if changed {
		out.Holes = append([]warehouse.Hole{}, holes...)
	}
	coverage := f.coverage // which a publication that fails leaves as it is: others are on their way
	if f.Backfill.Empty() && !st.span.Empty() && len(st.whole) > 0 {
		for _, whole := range st.whole {
			coverage = f.cover(coverage, whole)
		}
		out.Coverage, out.Watermark, out.CorrectWatermark = ranges(coverage), f.watermark(coverage, holes), f.rewind
	}
	counts, err := f.writer.Publish(ctx, out)
	if earlier := (*load.EarlierStartsError)(nil); errors.As(err, &earlier) {
		return earlier
	}
	if err != nil {
		return &destinationError{err}
	}
	f.coverage = coverage
	f.storedHoles(holes, found)
	f.report.add(counts, st)
	f.noteLater(counts.OtherStarts)
	f.wereRead = append(f.wereRead, st.whole...)
	f.sees(st, counts)
	f.Progress.published.Add(int64(st.span.Seconds()))
	f.note(func(o *outlook) {
		o.published += int64(st.span.Seconds())
		o.pending -= st.emitted.Load()
		if !st.span.Empty() {
			o.loaded += st.emitted.Load()
		}
	})
	f.Log.Debug("published", "stretch", st.span.String(), "inserted", counts.Inserted, "updated", counts.Updated, "unchanged", counts.Unchanged)
	return nil
}

func (f *feedRun) publishGuarded(ctx context.Context, st *stretch) (err error) {
	defer extract.Caught(&err)
	return f.publish(ctx, st)
}

// abandon forgets a stretch that was not read whole.
func (f *feedRun) abandon(ctx context.Context, st *stretch) {
	st.pending.Wait()
	f.note(func(o *outlook) { o.pending -= st.emitted.Load() })
	f.commits.Lock()
	defer f.commits.Unlock()
	counts, err := f.writer.Abandon(context.WithoutCancel(ctx), st.id)
	if err != nil {
		f.Log.Warn("what was staged could not be cleared away; the next run does it", "error", err.Error())
	}
	f.report.addAbandoned(counts, st)
	f.sees(st, counts)
}

// sees takes in what a stretch showed, also one that was not read whole.
func (f *feedRun) sees(st *stretch, counts load.Counts) {
	f.revealed.Transcripts += counts.Revealed.Transcripts
	f.revealed.Metrics += counts.Revealed.Metrics
	f.shows = f.shows || st.shows.Load()
}
