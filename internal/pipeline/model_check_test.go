package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// check holds what a run left against what the engine promises.
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
	w.checkRanges(o, after)
	w.checkWatermark(o, after)
	w.checkCovered(after)
	w.checkMissing(o)
	w.checkLimit(o)
	if !o.troubled() {
		w.checkSucceeded(o)
	}
	if o.err == nil && o.report.Status == warehouse.RunSucceeded {
		w.checkReread(o, after)
		w.checkShownAgain(o)
		w.checkWhole(o, after)
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	what := fmt.Sprintf(format, args...)
	w.t.Fatalf("after run %d, at %s: %s\n%s", w.runs, w.source.clock.Time(), what, w.describe(what))
}

// describe is what is stored for people, and the conversations named in what.
func (w *world) describe(what string) string {
	var b strings.Builder
	for _, c := range w.source.conversations {
		if !strings.Contains(what, c.id) {
			continue
		}
		for _, v := range c.versions {
			fmt.Fprintf(&b, "%s, told from %s: content %d, started %s, open %t, listed %t, %d turns of %d\n",
				c.id, v.at.Time(), v.content, v.start.Time(), v.open, v.listed, v.turns, v.numTurns)
		}
		if r := w.store.rows[c.id]; r != nil {
			s := &r.Conversation
			fmt.Fprintf(&b, "%s, stored: %s, started %s, %s, missing %t, %d turns, %s\n",
				c.id, s.Note, s.StartedAt.Time(), s.Lifecycle, s.MissingSince.Valid, len(r.Turns), s.TranscriptStatus)
		}
	}
	fmt.Fprintf(&b, "history from %s, watermark %s\n", w.start.Time(), w.store.watermark.Time())
	for _, c := range covered(w.store.coverage) {
		fmt.Fprintf(&b, "covered %s, read at %s\n", c.Span, c.ReadAt.Time())
	}
	return b.String()
}

// find is a conversation by its id.
func (w *world) find(id string) *told {
	i := slices.IndexFunc(w.source.conversations, func(c *told) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return w.source.conversations[i]
}

// checkRows: nothing is stored that the source never said, and a conversation
// is one unit.
func (w *world) checkRows() {
	for id, r := range w.store.rows {
		c := w.find(id)
		if c == nil {
			w.fail("the source never said %s", id)
		}
		if wrong := c.unitError(r, w.source.clock); wrong != "" {
			w.fail("%s: %s", id, wrong)
		}
	}
}

// checkKept: hidden is not gone: what was stored outlives an answer that hides it.
func (w *world) checkKept(o *outcome) {
	for id, was := range o.before.rows {
		is := w.store.rows[id]
		switch {
		case is == nil:
		case len(was.Turns) > 0 && len(is.Turns) == 0:
			w.fail("%s lost its turns to an answer that hides them", id)
		case len(was.Metrics) > 0 && len(is.Metrics) == 0:
			w.fail("%s lost its metrics to an answer that hides them", id)
		}
	}
}

// checkRanges: the coverage is of what was to be read, and only grows.
func (w *world) checkRanges(o *outcome, after standing) {
	end := extract.Second(0)
	for _, c := range after.coverage {
		if c.Empty() || c.From < end || c.Until > w.source.clock || c.ReadAt > w.source.clock {
			w.fail("the coverage cannot be: %s, read at %s", c.Span, c.ReadAt.Time())
		}
		end = c.Until
	}
	kept := extract.Believable(o.before.coverage, w.earliest(o))
	if lost := extract.Without(spans(kept), spans(after.coverage)); len(lost) > 0 {
		w.fail("coverage was lost: %v", lost)
	}
	if !o.backfill.Empty() && !slices.Equal(o.before.coverage, after.coverage) {
		w.fail("a backfill changed the coverage")
	}
}

func spans(coverage []extract.Covered) (spans []extract.Span) {
	for _, c := range coverage {
		spans = append(spans, c.Span)
	}
	return spans
}

// checkWatermark: it is the end of the coverage without a gap, and never moves back.
func (w *world) checkWatermark(o *outcome, after standing) {
	end := w.start
	for _, c := range after.coverage {
		if c.From <= end {
			end = max(end, c.Until)
		}
	}
	want := o.before.watermark
	if end > w.start {
		want = max(want, end)
	} else {
		end = 0
	}
	corrected := extract.InFuture(o.before.watermark, w.earliest(o)) && after.watermark == end
	if after.watermark != want && !corrected {
		w.fail("the watermark is %s, not %s", after.watermark.Time(), want.Time())
	}
}

// checkCovered: what was visible when a stretch was read, and is listed there
// since, is stored as it was then or later. What moved or was gone for a while
// says nothing: of merged stretches the reading time is the oldest.
func (w *world) checkCovered(after standing) {
	for _, covered := range after.coverage {
		for _, c := range w.source.conversations {
			if !c.stays(covered.ReadAt, w.source.clock) {
				continue
			}
			v := c.as(covered.ReadAt)
			inside := covered.From <= v.second() && v.second() < covered.Until
			if inside && w.contentOf(c.id) < v.content {
				w.fail("%s is not stored as it was when %s was read, at %s", c.id, covered.Span, covered.ReadAt.Time())
			}
		}
	}
}

// contentOf is the content that is stored of a conversation; 0: it is not.
func (w *world) contentOf(id string) int {
	r := w.store.rows[id]
	if r == nil {
		return 0
	}
	return contentOf(r.Conversation.Note)
}

// checkMissing: what a run was answered it does not call missing, nor what is
// listed where it is stored.
func (w *world) checkMissing(o *outcome) {
	for id := range w.store.missing {
		if w.source.answered[id] {
			w.fail("%s is called missing by a run that was answered it", id)
		}
		v, was := w.find(id).as(w.source.clock), o.before.rows[id]
		if v.listed && was != nil && v.start == was.Conversation.StartedAt {
			w.fail("%s is called missing, and is listed", id)
		}
	}
}

// checkLimit: without confirmation, no more than the limit of a day is called
// missing, and nothing of a day of which the source lists nothing. Open ones
// that were looked for by themselves count by the limit only.
func (w *world) checkLimit(o *outcome) {
	if o.repairs != nil {
		return
	}
	stored, missing, ended := map[warehouse.Timestamp]int{}, map[warehouse.Timestamp]int{}, map[warehouse.Timestamp]string{}
	for id, r := range w.store.rows {
		if o.before.rows[id] == nil || o.before.rows[id].Conversation.StartedAt != r.Conversation.StartedAt { // by this run
			stored[midnightOf(r)]++
		}
	}
	for id, r := range o.before.rows {
		if !r.Conversation.MissingSince.Valid {
			stored[midnightOf(r)]++
		}
		if w.store.missing[id] {
			missing[midnightOf(r)]++
			if !r.IsOpen() {
				ended[midnightOf(r)] = id
			}
		}
	}
	for d, n := range missing {
		if most := w.limit.of(stored[d]); n > most {
			w.fail("%d of %d of %s are called missing, the limit is %d", n, stored[d], d.Time(), most)
		}
		listed := slices.ContainsFunc(w.source.conversations, func(c *told) bool {
			return w.source.answered[c.id] && slices.ContainsFunc(c.versions, func(v version) bool { return v.start-v.start%(secondsPerDay*1_000_000) == d })
		})
		if ended[d] != "" && !listed {
			w.fail("%s is called missing, of a day that came back empty", ended[d])
		}
	}
}

// checkSucceeded: a run that met no trouble succeeds, unless much is gone at once.
func (w *world) checkSucceeded(o *outcome) {
	if o.err != nil {
		w.fail("the run failed: %v", o.err)
	}
	if o.report.Status == warehouse.RunSucceeded {
		return
	}
	if text := fmt.Sprint(o.report.Errors); !strings.Contains(text, "no longer lists conversations that are stored") {
		w.fail("the run %s: %s", o.report.Status, text)
	}
	for id, r := range o.before.rows {
		if v := w.find(id).as(w.source.clock); !v.listed || v.start != r.Conversation.StartedAt {
			return
		}
	}
	w.fail("nothing is gone, and yet: %v", o.report.Errors)
}

// checkReread: what was on the worklist was read again.
func (w *world) checkReread(o *outcome, after standing) {
	if !o.backfill.Empty() || o.repairs != nil {
		return
	}
	for _, open := range o.before.open {
		c := w.find(open.ID)
		v := c.as(o.began)
		if v.start == open.StartedAt && c.stays(o.began, w.source.clock) && w.contentOf(open.ID) < v.content {
			w.fail("%s was on the worklist, and was not read again", open.ID)
		}
	}
	if w.clocks != (clocks{}) {
		return // how old what is open is depends on them
	}
	now := after.now()
	state, err := w.store.State(context.Background(), []load.Feed{modelFeed})
	if err != nil {
		w.t.Fatal(err)
	}
	for id, r := range w.store.rows {
		c := &r.Conversation
		young := c.StartedAt >= warehouse.TimestampOf(now.Time().Add(-w.openAge))
		listed := slices.ContainsFunc(state[modelFeed].Open, func(l load.OpenConversation) bool { return l.ID == id && l.StartedAt == c.StartedAt })
		if want := c.InProgress.V && young && !c.MissingSince.Valid; want != listed && w.source.answered[id] {
			w.fail("%s on the worklist: %t", id, listed)
		}
	}
}

// checkShownAgain: when transcripts are shown again, what was hidden is read
// again, by the run that sees it or, where that fails, by a later one.
func (w *world) checkShownAgain(o *outcome) {
	older := slices.ContainsFunc(o.before.coverage, func(c extract.Covered) bool { return c.Shape != transform.Shape })
	shown := o.before.revealed && slices.ContainsFunc(w.source.conversations, func(c *told) bool {
		v := c.as(o.began)
		return w.source.answered[c.id] && v != nil && v.turns > 0
	})
	if w.store.revealed.Transcripts == 0 && !shown || w.source.hideTurns || older || !o.backfill.Empty() || o.repairs != nil { // what is read by newer rules is read last
		return
	}
	for id, r := range w.store.rows {
		v := w.find(id).as(o.began)
		if isHidden(r) && v.listed && v.start == r.Conversation.StartedAt && v.turns > 0 && v.numTurns > 0 {
			w.fail("%s is hidden still, though transcripts are shown again", id)
		}
	}
}

// checkWhole: a run that succeeds leaves no gap, reads what is due, and has all
// that it was to backfill.
func (w *world) checkWhole(o *outcome, after standing) {
	if b := o.backfill; !b.Empty() {
		for _, c := range w.source.conversations {
			v := c.as(o.began)
			if c.stays(o.began, w.source.clock) && b.From <= v.second() && v.second() < min(b.Until, o.began) && w.contentOf(c.id) < v.content {
				w.fail("%s lies in the backfill, and is not stored", c.id)
			}
		}
		return
	}
	now, least := after.now(), w.earliest(o)
	if o.repairs != nil || least <= w.start {
		return
	}
	if now < least {
		w.fail("a run succeeded, and did not read up to its beginning, %s", least.Time())
	}
	for _, c := range w.source.conversations { // beyond what the earlier clock lets count as read
		v := c.as(o.began)
		if c.stays(o.began, w.source.clock) && now <= v.second() && v.second() < o.began+max(w.clocks.source, w.clocks.local) && w.contentOf(c.id) < v.content {
			w.fail("%s started before the later clock, and is not stored", c.id)
		}
	}
	if gaps := extract.Without([]extract.Span{{From: w.start, Until: now}}, spans(after.coverage)); len(gaps) > 0 {
		w.fail("a run succeeded and left gaps: %v", gaps)
	}
	for _, tier := range o.lookback {
		from := now - extract.Second(tier.Depth.Seconds())
		for _, c := range after.coverage {
			if c.Until > max(from, w.start) && c.ReadAt < least && c.ReadAt <= least-extract.Second(tier.Every.Seconds()) {
				w.fail("%s is due by %v, and was last read at %s", c.Span, tier, c.ReadAt.Time())
			}
		}
	}
}

// checkConverged: what is stored is what the source says, and what it no longer
// lists is missing.
func (w *world) checkConverged() {
	for _, c := range covered(w.store.coverage) {
		if c.Shape != transform.Shape && c.Until > w.start {
			w.fail("something was never read by the newer rules")
		}
	}
	for _, c := range w.source.conversations {
		v, stored := c.as(w.source.clock), w.store.rows[c.id]
		switch outside := v.second() < w.start; {
		case stored == nil && v.listed && !outside:
			w.fail("%s is not stored at the end", c.id)
		case stored == nil || outside || v.second() > w.source.clock && !v.listed:
		case v.listed && (stored.Conversation.ContentHash != c.kept(v, stored).Hash() || stored.Conversation.MissingSince.Valid):
			w.fail("%s is stored otherwise than the source shows it", c.id)
		case !v.listed && !stored.Conversation.MissingSince.Valid && !w.atEdge(stored):
			w.fail("%s is gone, and not called missing", c.id)
		}
	}
}

// atEdge reports whether a stored conversation lies within a second of where a
// stretch may end, where none is called missing.
func (w *world) atEdge(r *warehouse.Rows) bool {
	at := extract.SecondOf(r.Conversation.StartedAt.Time())
	return at <= w.start || at >= w.standing().now()-1 || at%aDay == 0 || at%aDay == aDay-1
}

// checkQuiet: a second run right after a successful one writes nothing. It may
// have read more, around what is on the worklist or by another plan of the first
// request: that may be news.
func (w *world) checkQuiet(o *outcome) {
	if o.err != nil || o.report.Status != warehouse.RunSucceeded || o.tick > 0 {
		return
	}
	known := w.store.settled
	w.run(attempt{lookback: o.lookback})
	for id := range w.store.written {
		if known[id] {
			w.fail("%s is written by a second run", id)
		}
	}
	for id := range w.store.missing {
		if r := w.store.rows[id]; known[id] || r != nil && !w.atEdge(r) {
			w.fail("%s is called missing by a second run", id)
		}
	}
}
