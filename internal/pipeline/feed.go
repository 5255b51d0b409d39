package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	state    load.FeedState
	coverage []extract.Covered
	now      extract.Second // the source's, when the run began
	density  float64        // conversations a second, of what was read last
	before   extract.Second // length of what was read last; 0: nothing yet

	vanished vanished
	wereRead []extract.Span // whole, by this run
	failed   []error        // parts that could not be read
	revealed int64          // hidden transcripts that are shown again
}

// do reads what the feed needs. Its error ends the run; what fails the feed
// alone goes to the report.
func (f *feedRun) do(ctx context.Context) error {
	f.coverage = covered(f.state.Coverage)
	err := f.read(ctx)
	if err == nil && len(f.failed) > 0 {
		f.report.feedIncomplete(f.describe(f.incomplete()))
		return nil
	}
	if sourceError(ctx, err) {
		f.Log.Error("a project failed; what was published of it is kept",
			"project", f.ProjectID, "environment", f.Environment, "error", err.Error())
		f.report.failFeed(f.describe(err))
		return nil
	}
	if err == nil {
		f.report.feedDone()
	}
	return err
}

// incomplete says which parts could not be read.
func (f *feedRun) incomplete() error {
	const shown = 5
	said := f.failed[:min(len(f.failed), shown)]
	if more := len(f.failed) - len(said); more > 0 {
		said = append(slices.Clone(said), fmt.Errorf("and %d further stretches", more))
	}
	return fmt.Errorf("%d stretches could not be read; the next run tries them again: %w", len(f.failed), errors.Join(said...))
}

// describe names the feed in an error for people.
func (f *feedRun) describe(err error) error {
	return fmt.Errorf("project %s (%s): %w", f.ProjectID, f.Environment, err)
}

func (f *feedRun) read(ctx context.Context) error {
	plan, err := f.open(ctx)
	if err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Spans); err != nil {
		return err
	}
	if err := f.readRevealed(ctx); err != nil {
		return err
	}
	if err := f.readWorklist(ctx, plan.Worklist); err != nil {
		return err
	}
	if err := f.readSpans(ctx, plan.Older); err != nil {
		return err
	}
	if err := f.publishVanished(ctx); err != nil {
		return err
	}
	return f.errSuspicious()
}

// open reads the newest span that our own clock gives, learns the source's now
// from the first answer, plans by it, and returns what is still to be read.
func (f *feedRun) open(ctx context.Context) (plan extract.Plan, err error) {
	local := f.Clock()
	f.now = extract.SecondOf(local)
	ask := extract.Widen(newest(f.plan().Spans), f.now, f.Start)
	var st *stretch
	shown, err := f.Reader.Open(ctx, ask, local, func(now time.Time) extract.Emit {
		f.now = extract.SecondOf(now)
		f.Rules.OpenSince = warehouse.TimestampOf(now.Add(-f.OpenAgeLimit))
		plan = f.plan()
		f.Progress.plan(plan)
		f.Log.Debug("planned", "project", f.ProjectID, "environment", f.Environment,
			"spans", len(plan.Spans), "worklist", len(plan.Worklist))
		st = f.newStretch(newest(plan.Spans).Intersect(ask))
		return f.emitter(st)
	})
	f.density, f.before = shown.Density, shown.Over
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

// readSpans reads and publishes spans, newest first, stretch by stretch: one is
// published while the next is read.
func (f *feedRun) readSpans(ctx context.Context, spans []extract.Span) error {
	published := make(chan error, 1) // the stretch before, which is being published
	published <- nil
	for fresh := true; len(spans) > 0; {
		st, rest, err := f.readNext(ctx, spans, fresh)
		if errors.Is(err, errTooMuch) {
			f.abandon(ctx, st)
			fresh = false
			continue
		}
		if err := errors.Join(err, <-published); err != nil {
			f.abandon(ctx, st)
			return err
		}
		fresh = len(rest) < len(spans)
		spans = rest
		go func() { published <- f.publish(ctx, st) }()
	}
	return <-published
}

// errTooMuch says that a span has more pages than are good to read at once.
var errTooMuch = errors.New("too many pages")

// readNext reads the newest stretch of the spans; where the newest span is
// fresh and few pages are to be expected, all of it.
func (f *feedRun) readNext(ctx context.Context, spans []extract.Span, fresh bool) (st *stretch, rest []extract.Span, err error) {
	if last := newest(spans); fresh && f.before > 0 && f.Reader.Suits(last, f.density) {
		st = f.newStretch(last)
		shown, err := f.Reader.Try(ctx, last, last, f.emitter(st))
		if err == nil && !shown.Whole {
			err = errTooMuch
		}
		f.density, f.before = shown.Density, shown.Over
		return st, spans[:len(spans)-1], err
	}
	span, rest := extract.NextStretch(spans, f.density, f.before)
	st = f.newStretch(span)
	err = f.readStretch(ctx, st, f.Reader.Slices(span, f.density))
	f.density, f.before = float64(st.emitted.Load())/float64(span.Seconds()), span.Seconds()
	return st, rest, err
}

func (f *feedRun) plan() extract.Plan {
	if f.Repairs != nil {
		return extract.Plan{Worklist: extract.Together(f.Repairs[f.Feed.Feed].Spans)}
	}
	if !f.Backfill.Empty() {
		asked := extract.Span{From: f.Backfill.From, Until: min(f.Backfill.Until, f.now)}
		if asked.Empty() {
			return extract.Plan{}
		}
		return extract.Plan{Spans: []extract.Span{asked}}
	}
	need := extract.Need{Start: f.Start, Now: f.now, Coverage: f.coverage, Lookback: f.Lookback, Shape: transform.Shape}
	for _, o := range f.state.Open {
		need.Open = append(need.Open, extract.SecondOf(o.StartedAt.Time()))
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
	if len(f.state.Coverage) > 0 || !f.Backfill.Empty() { // something may be stored
		st.vanished = &f.vanished
	}
	for _, c := range f.state.Coverage {
		if st.liveSince == 0 || c.ReadAt < st.liveSince {
			st.liveSince = c.ReadAt
		}
	}
	return st
}

// readStretch reads the slices of a stretch into the stages. A part that cannot
// be read fails alone, and is not covered.
func (f *feedRun) readStretch(ctx context.Context, st *stretch, slices []extract.Span) error {
	failed, err := f.Reader.ReadParts(ctx, slices, f.emitter(st))
	if err != nil {
		return err
	}
	for _, part := range failed {
		f.failed = append(f.failed, part)
	}
	st.whole = extract.Whole(slices, failed)
	return nil
}

// emitter hands what is read over to the stages.
func (f *feedRun) emitter(st *stretch) extract.Emit {
	return func(ctx context.Context, c *extract.Chunk) error {
		st.emitted.Add(int64(c.Len()))
		f.Progress.conversations.Add(int64(c.Len()))
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
	f.commits.Lock()
	defer f.commits.Unlock()
	out := &load.Stretch{
		ID: st.id, Feed: st.feed, RunID: f.Owner.RunID, At: st.at,
		Rejects: slices.Collect(maps.Values(st.rejects)), Drift: slices.Collect(maps.Values(st.drift)),
	}
	if f.Backfill.Empty() && !st.span.Empty() && len(st.whole) > 0 {
		for _, whole := range st.whole {
			f.cover(whole)
		}
		out.Coverage, out.Watermark = f.ranges(), f.watermark()
	}
	counts, err := f.writer.Publish(ctx, out)
	if err != nil {
		return &destinationError{err}
	}
	f.report.add(counts, st)
	f.wereRead = append(f.wereRead, st.whole...)
	f.revealed += counts.Revealed
	f.Progress.published.Add(int64(st.span.Seconds()))
	f.Log.Debug("published", "project", f.ProjectID, "environment", f.Environment, "stretch", st.span.String(),
		"inserted", counts.Inserted, "updated", counts.Updated, "unchanged", counts.Unchanged)
	return nil
}

// abandon forgets a stretch that was not read whole.
func (f *feedRun) abandon(ctx context.Context, st *stretch) {
	st.pending.Wait()
	f.commits.Lock()
	defer f.commits.Unlock()
	counts, err := f.writer.Abandon(context.WithoutCancel(ctx), st.id)
	if err != nil {
		f.Log.Warn("what was staged could not be cleared away; the next run does it", "error", err.Error())
	}
	f.report.add(counts, st)
}

// readWorklist reads the narrow spans around open conversations, as one stretch.
func (f *feedRun) readWorklist(ctx context.Context, spans []extract.Span) error {
	if len(spans) == 0 {
		return nil
	}
	st := f.newStretch(extract.Span{})
	if err := f.readStretch(ctx, st, spans); err != nil {
		f.abandon(ctx, st)
		return err
	}
	return f.publish(ctx, st)
}
