package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// check compares the result of a run with the guarantees of the engine.
func (w *world) check(o *outcome) {
	if len(w.store.broken) > 0 {
		w.t.Fatalf("the contract is broken: %v", w.store.broken)
	}
	if err := explained(o.report); err != nil {
		w.fail("%v", err)
	}
	after := w.standing()
	w.checkLoss(o)
	w.checkRows()
	w.checkKept(o)
	w.checkDigests()
	for _, f := range w.feeds() {
		w.checkRanges(o, f, after)
		w.checkHoles(after.feeds[f])
		w.checkWatermark(o, f, after)
		w.checkCovered(f, after)
	}
	w.checkMissing(o)
	w.checkLimit(o)
	if !o.troubled() {
		w.checkSucceeded(o)
	}
	if o.err == nil && o.report.Status == warehouse.RunSucceeded {
		for _, f := range w.feeds() {
			w.checkReread(o, f, after)
			w.checkVisibleAgain(o, f)
			w.checkWhole(o, f, after)
		}
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	what := fmt.Sprintf(format, args...)
	w.t.Fatalf("after run %d, at %s: %s\n%s", w.runs, w.source.clock.Time(), what, w.describe(what))
}

// describe returns the stored state and the conversations named in what, as text.
func (w *world) describe(what string) string {
	var b strings.Builder
	for _, c := range w.source.conversations {
		if !strings.Contains(what, c.id) {
			continue
		}
		for _, v := range c.versions {
			fmt.Fprintf(&b, "%s, in the source from %s: content %d, started %s, in %s, open %t, listed %t, %d turns of %d\n",
				c.id, v.at.Time(), v.content, v.start.Time(), v.env, v.open, v.listed, v.turns, v.numTurns)
		}
		if r := w.store.rows[c.id]; r != nil {
			s := &r.Conversation
			fmt.Fprintf(&b, "%s, stored: %s, started %s, in %s, %s, missing %t, %d turns, %s\n",
				c.id, s.Note, s.StartedAt.Time(), s.Environment, s.Lifecycle, s.MissingSince.Valid, len(r.Turns), s.TranscriptStatus)
		}
	}
	for _, f := range w.feeds() {
		fmt.Fprintf(&b, "history of %s from %s, watermark %s\n", f.Environment, w.start.Time(), w.store.of(f).Watermark.Time())
		for _, c := range covered(w.store.of(f).Coverage) {
			fmt.Fprintf(&b, "covered %s, read at %s\n", c.Span, c.ReadAt.Time())
		}
	}
	return b.String()
}

// checkRows: everything stored was once returned by the source, and a conversation
// is one unit.
func (w *world) checkRows() {
	for id, r := range w.store.rows {
		found := w.withID(id)
		if len(found) == 0 {
			w.fail("the source never returned %s", id)
		}
		var wrong []string
		for _, c := range found {
			if e := c.unitError(r, w.source.clock, len(found) > 1); e != "" {
				wrong = append(wrong, e)
			}
		}
		if len(wrong) == len(found) {
			w.fail("%s: %v", id, wrong)
		}
	}
}

// checkKept: stored turns and metrics are not deleted by a response that hides them.
func (w *world) checkKept(o *outcome) {
	for id, was := range o.before.rows {
		is := w.store.rows[id]
		switch {
		case is == nil:
		case len(was.Turns) > 0 && len(is.Turns) == 0:
			w.fail("%s lost its turns because of a response that hides them", id)
		case len(was.Metrics) > 0 && len(is.Metrics) == 0:
			w.fail("%s lost its metrics because of a response that hides them", id)
		}
	}
}

// checkRanges: the coverage lies within the history, and only grows.
func (w *world) checkRanges(o *outcome, f load.Feed, after standing) {
	end, before, now := extract.Second(0), o.before.feeds[f].coverage, after.feeds[f].coverage
	for _, c := range now {
		if c.Empty() || c.From < end || c.Until > w.source.clock || c.ReadAt > w.source.clock {
			w.fail("invalid coverage: %s, read at %s", c.Span, c.ReadAt.Time())
		}
		end = c.Until
	}
	kept := extract.Believable(before, w.earliest(o))
	if lost := extract.Without(spans(kept), spans(now)); len(lost) > 0 {
		w.fail("coverage was lost: %v", lost)
	}
	if !o.backfill.Empty() && !slices.Equal(before, now) {
		w.fail("a backfill changed the coverage")
	}
}

func spans(coverage []extract.Covered) (spans []extract.Span) {
	for _, c := range coverage {
		spans = append(spans, c.Span)
	}
	return spans
}

// checkWatermark: the watermark is the end of the coverage without a gap, and never
// moves back.
func (w *world) checkWatermark(o *outcome, f load.Feed, after standing) {
	end := w.start
	ranges := append(spans(after.feeds[f].coverage), HoleSpans(after.feeds[f].holes)...)
	slices.SortFunc(ranges, compareSpans)
	for _, c := range ranges {
		if c.From <= end {
			end = max(end, c.Until)
		}
	}
	want := o.before.feeds[f].watermark
	begun := func(c extract.Span) bool { return c.From < end && c.Until > w.start }
	if slices.ContainsFunc(spans(after.feeds[f].coverage), begun) { // holes alone are no history that was read
		want = max(want, end)
	} else {
		end = 0
	}
	stored, got := o.before.feeds[f].watermark, after.feeds[f].watermark
	corrected := extract.InFuture(stored, w.earliest(o)) && got == end
	left := !o.backfill.Empty() && got == stored // a backfill may find a hole at the watermark
	if got != want && !corrected && !left {
		w.fail("the watermark is %s, not %s", got.Time(), want.Time())
	}
}

// checkCovered: a conversation that was visible when a range was read, and has been
// listed there since, is stored in its version of then or a later one. Those that
// moved or were missing for a while are not checked: a merged range has the oldest
// reading time.
func (w *world) checkCovered(f load.Feed, after standing) {
	for _, covered := range after.feeds[f].coverage {
		for _, c := range w.source.conversations {
			if !c.stays(covered.ReadAt, w.source.clock) || w.isAstray(c) || !w.wins(c, covered.ReadAt) {
				continue
			}
			if c.wasPoisoned(covered.ReadAt, covered.ReadAt+w.behind) { // the range was read within these, by the right clock
				continue
			}
			v := c.as(covered.ReadAt)
			inside := v.env == f.Environment && covered.From <= v.second() && v.second() < covered.Until
			if inside && !w.isLost(c, v) && !w.isStored(c, v) {
				w.fail("%s is not stored as it was when %s was read, at %s", c.id, covered.Span, covered.ReadAt.Time())
			}
		}
	}
}

// checkMissing: a run does not mark a conversation as missing that the source
// returned, or that is listed where it is stored.
func (w *world) checkMissing(o *outcome) {
	for id := range w.store.missing {
		if w.source.answered[id] {
			w.fail("%s is marked as missing by a run that received it", id)
		}
		if was := o.before.rows[id]; was != nil && w.inPlace(was) {
			w.fail("%s is marked as missing, and is listed", id)
		}
	}
}

// checkLimit: without confirmation, no more conversations of a day than the limit
// are marked as missing, and none of a day of which the source lists nothing. For
// open ones that were requested individually, only the limit applies.
func (w *world) checkLimit(o *outcome) {
	if o.repairs != nil {
		return
	}
	type day struct {
		start warehouse.Timestamp
		env   string
	}
	dayOf := func(r *warehouse.Rows) day { return day{midnightOf(r), r.Conversation.Environment} }
	stored, missing, ended := map[day]int{}, map[day]int{}, map[day]string{}
	for id, r := range w.store.rows {
		if o.before.rows[id] == nil || o.before.rows[id].Conversation.StartedAt != r.Conversation.StartedAt { // by this run
			stored[dayOf(r)]++
		}
	}
	for id, r := range o.before.rows {
		if !r.Conversation.MissingSince.Valid {
			stored[dayOf(r)]++
		}
		if w.store.missing[id] {
			missing[dayOf(r)]++
			if !r.IsOpen() {
				ended[dayOf(r)] = id
			}
		}
	}
	for d, n := range missing {
		if most := w.limit.of(stored[d]); n > most {
			w.fail("%d of %d of %s are marked as missing, the limit is %d", n, stored[d], d.start.Time(), most)
		}
		listed := slices.ContainsFunc(w.source.conversations, func(c *scriptedConversation) bool {
			return w.source.answered[c.id] && slices.ContainsFunc(c.versions, func(v version) bool { return secondOf(v.start).StartOfDay() == secondOf(d.start) && v.env == d.env })
		})
		if ended[d] != "" && !listed {
			w.fail("%s is marked as missing, on a day that the source returned as empty", ended[d])
		}
	}
}

// checkSucceeded: a run without faults succeeds, unless many conversations are
// missing at once.
func (w *world) checkSucceeded(o *outcome) {
	if o.err != nil {
		w.fail("the run failed: %v", o.err)
	}
	if o.report.Status == warehouse.RunSucceeded || len(w.visible(isPoisoned)) > 0 {
		return
	}
	if text := fmt.Sprint(o.report.Errors); !strings.Contains(text, "no longer lists conversations that are stored") {
		w.fail("the run %s: %s", o.report.Status, text)
	}
	for _, r := range o.before.rows {
		if !w.inPlace(r) {
			return
		}
	}
	w.fail("nothing is missing, but the run reports: %v", o.report.Errors)
}

// checkReread: the conversations in the open-conversation queue were read again.
func (w *world) checkReread(o *outcome, f load.Feed, after standing) {
	if !o.backfill.Empty() || o.repairs != nil {
		return
	}
	for _, open := range o.before.feeds[f].open {
		for _, c := range w.withID(open.ID) {
			v := c.as(o.began)
			if v != nil && !w.isLost(c, v) && v.start == open.StartedAt && v.env == f.Environment && c.stays(o.began, w.source.clock) && w.wins(c, o.began) && !w.isStored(c, v) {
				w.fail("%s was in the open-conversation queue, and was not read again", open.ID)
			}
		}
	}
	if w.clocks != (clocks{}) {
		return // they decide which open conversations are past the age limit
	}
	state := after.feeds[f]
	for id, r := range w.store.rows {
		if !isOf(f, r) || w.hasTwin(id) {
			continue
		}
		c := &r.Conversation
		young := c.StartedAt >= warehouse.TimestampOf(state.now().Time().Add(-w.openAge))
		listed := slices.ContainsFunc(state.open, func(l load.OpenConversation) bool { return l.ID == id && l.StartedAt == c.StartedAt })
		if want := c.InProgress.V && young && !c.MissingSince.Valid; want != listed && w.source.answered[id] && w.inPlace(r) && !w.isLost(w.at(r), w.at(r).as(w.source.clock)) {
			w.fail("%s in the open-conversation queue: %t", id, listed)
		}
	}
}

// checkVisibleAgain: when transcripts are visible again, the hidden conversations are
// read again, by the run that observes it or, if that fails, by a later one that
// loads a visible one. A request about a missing conversation may return others,
// which are not loaded.
func (w *world) checkVisibleAgain(o *outcome, f load.Feed) {
	before := o.before.feeds[f]
	older := slices.ContainsFunc(before.coverage, func(c extract.Covered) bool { return c.Shape != transform.Shape })
	wasHidden := before.visibleAgain && slices.ContainsFunc(w.source.conversations, func(c *scriptedConversation) bool {
		v := c.as(o.began)
		return w.source.answered[c.id] && w.store.settled[c.id] && v != nil && !w.isLost(c, v) && v.turns > 0 && v.env == f.Environment && !w.hasTwin(c.id)
	})
	if w.store.visible[f].Transcripts == 0 && !wasHidden || w.source.hideTurns || older || !o.backfill.Empty() || o.repairs != nil { // ranges of an older transform version are read last
		return
	}
	for id, r := range w.store.rows {
		v := w.at(r).as(o.began)
		if isOf(f, r) && load.IsHidden(&r.Conversation) && !w.isLost(w.at(r), v) && w.inPlace(r) && v.start == r.Conversation.StartedAt && v.turns > 0 && v.numTurns > 0 {
			w.fail("%s is still hidden, although transcripts are visible again", id)
		}
	}
}

// checkWhole: a successful run leaves no gap, reads what is due, and stores all
// conversations of its backfill.
func (w *world) checkWhole(o *outcome, f load.Feed, after standing) {
	if b := o.backfill; !b.Empty() {
		for _, c := range w.source.conversations {
			v := c.as(o.began)
			if !w.isLost(c, v) && c.stays(o.began, w.source.clock) && v.env == f.Environment && !w.isAstray(c) && w.wins(c, o.began) && b.From <= v.second() && v.second() < min(b.Until, o.began) && !w.isStored(c, v) {
				w.fail("%s lies in the backfill, and is not stored", c.id)
			}
		}
		return
	}
	state := after.feeds[f]
	now, least := state.now(), w.earliest(o)
	if o.repairs != nil || least <= w.start {
		return
	}
	if now < least {
		w.fail("a run succeeded, and did not read up to its start, %s", least.Time())
	}
	for _, c := range w.source.conversations { // including those after the earlier clock, which are not covered
		v := c.as(o.began)
		late := v != nil && v.env == f.Environment && now <= v.second() && v.second() < o.began+max(w.clocks.source, w.clocks.local)
		if late && !w.isLost(c, v) && c.stays(o.began, w.source.clock) && !w.isAstray(c) && w.wins(c, o.began) && !w.isStored(c, v) {
			w.fail("%s started before the later clock, and is not stored", c.id)
		}
	}
	if gaps := extract.Without([]extract.Span{{From: w.start, Until: now}}, append(spans(state.coverage), HoleSpans(state.holes)...)); len(gaps) > 0 {
		w.fail("a run succeeded and left gaps: %v", gaps)
	}
	for _, tier := range o.lookback {
		from := now - extract.Second(tier.Depth.Seconds())
		for _, c := range state.coverage {
			if len(extract.Without([]extract.Span{c.Span}, HoleSpans(state.holes))) > 0 && c.Until > max(from, w.start) && c.ReadAt < least && c.ReadAt <= least-extract.Second(tier.Every.Seconds()) {
				w.fail("%s is due by %v, and was last read at %s", c.Span, tier, c.ReadAt.Time())
			}
		}
	}
}
