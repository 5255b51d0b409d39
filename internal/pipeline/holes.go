package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"convsync/internal/extract"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

const (
	firstHoleRetry = time.Hour // after a hole was found; the wait doubles with each attempt
	lastHoleRetry  = 7 * 24 * time.Hour
	mostHoleTries  = 10  // holes requested per run
	maxHoleReason  = 500 // bytes
)

// prepareReader passes the stored holes and the clock to the reader of the feed.
func (f *feedRun) prepareReader() {
	f.holes = f.state.Holes
	if f.feed.Reader == nil {
		return
	}
	reader := *f.feed.Reader
	reader.Isolation = extract.NewIsolation(HoleSpans(f.holes))
	reader.IsKnown = f.isStoredReject
	reader.Clock = f.run.Clock
	f.feed.Reader = &reader
}

// holeSpans returns the spans that must not be requested, including holes that are
// not stored yet.
func (f *feedRun) holeSpans() []extract.Span {
	if f.feed.Reader == nil {
		return nil
	}
	return f.feed.Reader.Isolation.Holes()
}

// HoleSpans returns the time ranges of holes.
func HoleSpans(holes []warehouse.Hole) []extract.Span {
	spans := make([]extract.Span, len(holes))
	for i := range holes {
		spans[i] = spanOf(holes[i].From, holes[i].Until)
	}
	return spans
}

// holesWith returns the holes of the feed after a window: with those that were
// found, which are also in found, and without those that were read.
func (f *feedRun) holesWith(st *window) (holes, found []warehouse.Hole, changed bool) {
	holes = slices.Clone(f.holes)
	holes = slices.DeleteFunc(holes, func(h warehouse.Hole) bool {
		at := HoleSpans([]warehouse.Hole{h})[0]
		return slices.ContainsFunc(st.whole, func(s extract.Span) bool { return s.From <= at.From && at.Until <= s.Until })
	})
	changed = len(holes) < len(f.holes)
	now := timestamp(f.sure)
	for _, h := range f.feed.Reader.Isolation.Found() {
		row := warehouse.Hole{
			ProjectID:   f.feed.ProjectID,
			Environment: f.feed.Environment,
			From:        timestamp(h.At),
			Until:       timestamp(h.At + 1),
			FirstSeenAt: now,
		}
		tried(&row, now, h.Err)
		found = append(found, row)
	}
	holes = append(holes, found...)
	changed = changed || len(found) > 0
	for i := range holes {
		if again, asked := st.tried[holes[i].From]; asked {
			tried(&holes[i], now, again)
			changed = true
		}
	}
	slices.SortFunc(holes, func(a, b warehouse.Hole) int { return cmp.Compare(a.From, b.From) })
	return holes, found, changed
}

// storedHoles records the holes that a commit stored.
func (f *feedRun) storedHoles(holes, found []warehouse.Hole) {
	f.holes = holes
	f.newHoles = append(f.newHoles, found...)
	f.feed.Reader.Isolation.Stored(HoleSpans(found))
}

// tried records that a hole could not be read, and when to try again.
func tried(h *warehouse.Hole, at warehouse.Timestamp, why error) {
	h.Tries++
	wait := firstHoleRetry
	for n := int64(1); n < h.Tries && wait < lastHoleRetry; n++ {
		wait *= 2
	}
	h.LastTriedAt, h.NextTryAt = at, at+warehouse.Timestamp(min(wait, lastHoleRetry).Microseconds())
	h.Reason = shortened(why.Error())
}

func shortened(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > maxHoleReason {
		s = strings.ToValidUTF8(s[:maxHoleReason], "") + "…"
	}
	return s
}

// dueHoles returns the holes to request again: those whose next attempt is due by
// the earlier clock, and all in a backfill. A hole whose last attempt lies in the
// future is due: a clock that was ahead must not delay it.
func (f *feedRun) dueHoles() (due []warehouse.Hole) {
	now := timestamp(f.sure)
	for _, h := range f.holes {
		at := HoleSpans([]warehouse.Hole{h})[0]
		isDue := h.NextTryAt <= now || extract.InFuture(secondOf(h.LastTriedAt), f.sure)
		asked := f.run.kind() == KindIncremental && isDue && !at.Intersect(extract.Span{From: f.feed.Start, Until: f.now}).Empty()
		if asked || !at.Intersect(f.run.Backfill).Empty() {
			due = append(due, h)
		}
	}
	slices.SortStableFunc(due, func(a, b warehouse.Hole) int { return cmp.Compare(a.NextTryAt, b.NextTryAt) })
	return due[:min(len(due), mostHoleTries)]
}

// retryHoles requests the holes that are due, with one request each. A hole that
// can be read is covered and removed.
func (f *feedRun) retryHoles(ctx context.Context) error {
	due := f.dueHoles()
	if len(due) == 0 {
		return nil
	}
	spans := HoleSpans(due)
	st := f.newWindow(extract.Span{From: slices.MinFunc(spans, compareSpans).From, Until: slices.MaxFunc(spans, compareSpans).Until})
	st.whole, st.tried = nil, map[warehouse.Timestamp]error{}
	for i, at := range spans {
		still, err := f.feed.Reader.ReadHole(ctx, at, f.emitter(st))
		switch {
		case err != nil:
			f.abandon(ctx, st)
			return err
		case still != nil:
			st.tried[due[i].From] = still
		default:
			st.whole = append(st.whole, at)
			f.feed.Reader.Isolation.Heal(at)
			f.log.Info("a hole was read: the source returns this second again", "second", at.From.Time())
		}
	}
	return f.publish(ctx, st)
}

func compareSpans(a, b extract.Span) int { return cmp.Compare(a.From, b.From) }

// publishHoles stores the holes that were found since the last commit.
func (f *feedRun) publishHoles(ctx context.Context) error {
	if len(f.feed.Reader.Isolation.Found()) == 0 {
		return nil
	}
	return f.publish(ctx, f.newWindow(extract.Span{}))
}

// errHoles returns an error with the holes that this run found, or nil.
func (f *feedRun) errHoles() error {
	if len(f.newHoles) == 0 {
		return nil
	}
	var said []error
	for _, h := range f.newHoles {
		said = append(said, fmt.Errorf("%s: %s", h.From.Time().Format(time.RFC3339), h.Reason))
	}
	return fmt.Errorf("the source fails to return some seconds (%d): they are recorded in the table sync_holes and requested again later, "+
		"all others are read: %w", len(said), errors.Join(said...))
}

// isStoredReject reports whether a broken conversation is stored as a reject. Few
// feeds have one, so the rejects are read on the first call.
func (f *feedRun) isStoredReject(ctx context.Context, digest string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rejected == nil {
		found := map[string]bool{}
		err := f.run.Destination.Rejects(ctx, f.feed.Feed, func(r *warehouse.Reject) error {
			if strings.HasPrefix(r.Reason, polyai.RejectNotJSON) {
				found[strings.Clone(r.RejectID)] = true
			}
			return nil
		})
		if err != nil {
			return false, &destinationError{err}
		}
		f.rejected = found
	}
	return f.rejected[digest], nil
}
