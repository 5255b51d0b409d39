package pipeline

import (
	"context"
	"errors"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// publish waits until the complete window is staged, and commits it.
func (f *feedRun) publish(ctx context.Context, st *window) error {
	st.pending.Wait()
	if ctx.Err() != nil {
		return ctx.Err() // a part of it may not be staged
	}
	if err := f.readAgain(ctx, st, st.unchanged.twice()); err != nil {
		f.abandon(ctx, st)
		return err
	}
	if err := f.compareStored(ctx, st); err != nil {
		return err
	}
	for {
		err := f.commit(ctx, st)
		var earlier *load.EarlierStartsError
		if !errors.As(err, &earlier) {
			return err
		}
		if err := f.resolveStarts(ctx, st, earlier.Earlier); err != nil {
			f.abandon(ctx, st)
			return err
		}
	}
}

// commit commits a window whose chunks are all staged.
func (f *feedRun) commit(ctx context.Context, st *window) error {
	f.run.commits.Lock()
	defer f.run.commits.Unlock()
	out := &load.Window{
		ID:         st.id,
		Feed:       st.feed,
		RunID:      f.run.Owner.RunID,
		At:         st.at,
		Judged:     st.judged,
		Rejects:    slices.Collect(maps.Values(st.rejects)),
		Drift:      slices.Collect(maps.Values(st.drift)),
		HiddenRead: st.hiddenRead,
		OtherID:    f.identity.learned(),
	}
	holes, found, changed := f.holesWith(st)
	if changed {
		out.Holes = append([]warehouse.Hole{}, holes...)
	}
	coverage := f.coverage // not changed if the commit fails: other windows are in progress
	if f.run.Backfill.Empty() && !st.span.Empty() && len(st.whole) > 0 {
		for _, whole := range st.whole {
			coverage = f.cover(coverage, whole)
		}
		out.Coverage, out.Watermark, out.CorrectWatermark = ranges(coverage), f.watermark(coverage, holes), f.rewind
	}
	counts, err := f.run.writer.Publish(ctx, out)
	if earlier := (*load.EarlierStartsError)(nil); errors.As(err, &earlier) {
		return earlier
	}
	if err != nil {
		return &destinationError{err}
	}
	f.coverage = coverage
	f.storedHoles(holes, found)
	counts.Unchanged += st.unchanged.skippedCount()
	f.run.report.add(counts, st)
	f.noteLater(counts.OtherStarts)
	f.wereRead = append(f.wereRead, st.whole...)
	f.noteObserved(st, counts)
	f.run.Progress.published.Add(int64(st.seconds()))
	f.note(func(o *outlook) {
		o.published += int64(st.seconds())
		o.pending -= st.emitted.Load()
		if !st.span.Empty() {
			o.loaded += st.emitted.Load()
		}
	})
	f.log.Debug("published", "window", st.span.String(), "inserted", counts.Inserted, "updated", counts.Updated, "unchanged", counts.Unchanged)
	return nil
}

func (f *feedRun) publishGuarded(ctx context.Context, st *window) (err error) {
	defer panics.Recover(&err)
	return f.publish(ctx, st)
}

// abandon ends a window that was not read completely.
func (f *feedRun) abandon(ctx context.Context, st *window) {
	st.pending.Wait()
	f.note(func(o *outlook) { o.pending -= st.emitted.Load() })
	f.run.commits.Lock()
	defer f.run.commits.Unlock()
	counts, err := f.run.writer.Abandon(context.WithoutCancel(ctx), st.id)
	if err != nil {
		f.log.Warn("staged rows of a failed window could not be deleted; the next run deletes them", "error", err.Error())
	}
	f.run.report.addAbandoned(counts, st)
	f.noteObserved(st, counts)
}

// noteObserved records what a window returned, even if it was read incompletely.
func (f *feedRun) noteObserved(st *window, counts load.Counts) {
	f.visibleAgain.Transcripts += counts.VisibleAgain.Transcripts
	f.visibleAgain.Metrics += counts.VisibleAgain.Metrics
	f.visible = f.visible || st.visible.Load()
}
