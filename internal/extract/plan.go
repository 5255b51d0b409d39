package extract

import (
	"cmp"
	"slices"
	"time"
)

// Tier is a part of the lookback: what started within Depth is read again when
// its last reading is Every old.
type Tier struct{ Depth, Every time.Duration }

// Need is what decides what a run reads of one feed.
type Need struct {
	Start    Second // where the history begins
	Now      Second // the later clock: the upper end of what is read
	Sure     Second // the earlier clock: the upper end of what is covered; Now unless set
	Coverage []Covered
	Lookback []Tier
	Open     []Second // starts of the conversations on the worklist
	Shape    string   // of today's rules
	Holes    []Span   // what the source cannot answer: it is in no plan
}

// Plan is what a run reads of one feed.
type Plan struct {
	// Spans are read whole and become coverage: ordered, without overlap.
	Spans []Span
	// Worklist spans are narrow, around the starts of open conversations
	// that lie in no other span; reading them is no coverage.
	Worklist []Span
	// Older was read whole by older rules, and becomes coverage again: some of
	// it in each run, the newest first, after all else.
	Older []Span
}

const (
	// olderSeconds is how much of what older rules read a run reads again.
	olderSeconds = 30 * day
	// early is the share of a tier's interval by which a reading may come
	// early: the next night's run may begin some seconds before this one's.
	early = 10
	// near is how far apart open conversations may start to be read by one
	// request.
	near = Second(5 * 60)
)

// Decide plans a run.
func Decide(n Need) Plan {
	history := Span{n.Start, n.Now}
	n.Coverage = outside(n.Coverage, n.Holes) // what is not read again does not become due
	due := subtract(history, spansOf(n.Coverage))
	for _, tier := range n.Lookback {
		window := n.lookback(tier).Intersect(history)
		if tierDue(window, n, tier.Every) {
			due = append(due, window)
		}
	}
	plan := Plan{Spans: union(due)}
	plan.Worklist = worklist(&n, plan.Spans)
	plan.Older = older(n, plan.Spans)
	return plan.Without(n.Holes)
}

// Without is the plan without what lies in the holes.
func (p Plan) Without(holes []Span) Plan {
	if len(holes) == 0 {
		return p
	}
	return Plan{Without(p.Spans, holes), Without(p.Worklist, holes), Without(p.Older, holes)}
}

// sure is the earlier clock.
func (n *Need) sure() Second { return cmp.Or(n.Sure, n.Now) }

// lookback is what a tier reads again: its depth before the earlier clock, up
// to the later one.
func (n *Need) lookback(tier Tier) Span { return Span{n.sure() - seconds(tier.Depth), n.Now} }

// Narrow is the little that a run is to read at once, such as for an event: it
// leaves all else to the runs that come anyway.
type Narrow struct {
	Around []Second // starts of conversations; what starts nearby is read
	Recent bool     // the lookback's first tier, and the worklist
}

// around is how far from a start that somebody else told a conversation is
// looked for.
const around = Second(60)

// DecideNarrow plans a run that reads no more than is asked for. What is recent
// becomes coverage, and leaves a gap before it where there is one; what lies
// around a start does not.
func DecideNarrow(n Need, narrow Narrow) Plan {
	history := Span{n.Start, n.Now}
	var plan Plan
	if narrow.Recent && len(n.Lookback) > 0 {
		recent := n.lookback(n.Lookback[0]).Intersect(history)
		plan.Spans = union([]Span{recent})
		plan.Worklist = worklist(&n, plan.Spans)
	}
	for _, at := range narrow.Around {
		plan.Worklist = append(plan.Worklist, Span{at - around, at + around + 1}.Intersect(history))
	}
	plan.Worklist = Together(Without(plan.Worklist, plan.Spans))
	return plan.Without(n.Holes)
}

// older is the newest of what was read by older rules, and is not read anyway.
func older(n Need, anyway []Span) []Span {
	var spans []Span
	for _, c := range n.Coverage {
		if c.Shape != n.Shape {
			spans = append(spans, c.Intersect(Span{n.Start, n.Now}))
		}
	}
	left := olderSeconds
	var newest []Span
	for _, s := range slices.Backward(Without(spans, anyway)) {
		if s.From = max(s.From, s.Until-left); s.Empty() {
			break
		}
		left -= s.Seconds()
		newest = append(newest, s)
	}
	slices.Reverse(newest)
	return newest
}

// tierDue reports whether the oldest reading within the window is due again.
func tierDue(window Span, n Need, every time.Duration) bool {
	deadline := n.sure() - seconds(every-every/early)
	return slices.ContainsFunc(n.Coverage, func(c Covered) bool {
		return !c.Intersect(window).Empty() && c.ReadAt <= deadline
	})
}

// currentHour is what is read for open conversations that start in the future:
// the source may list them at their start or among the newest.
const currentHour = Second(60 * 60)

// worklist is spans around the starts of open conversations that lie in none of
// the spans.
func worklist(n *Need, spans []Span) []Span {
	var out []Span
	for _, at := range n.Open {
		if !slices.ContainsFunc(spans, func(s Span) bool { return s.From <= at && at < s.Until }) {
			at = min(at, lastSecond-1) // the request asks a second more
			out = append(out, Span{at, at + 1})
		}
	}
	if slices.ContainsFunc(n.Open, func(at Second) bool { return at >= n.Now }) {
		out = append(out, subtract(Span{n.sure() - currentHour, n.Now}, spans)...)
	}
	return Together(out)
}

// Together is spans, ordered, those that are near enough to be read by one
// request made one.
func Together(spans []Span) []Span {
	var out []Span
	for _, s := range union(spans) {
		if last := len(out) - 1; last >= 0 && s.From-out[last].Until <= near {
			out[last].Until = s.Until
			continue
		}
		out = append(out, s)
	}
	return out
}

// Stretch sizes: what is staged and published as one.
const (
	stretchTarget = 25_000    // conversations, about
	stretchMost   = 366 * day // however quiet
	stretchGrowth = 4         // times the one before
)

// NextStretch takes the newest stretch off the spans, of which there is one at
// least. It begins at a UTC midnight or where its span begins, and holds about
// as many conversations as are good to publish at once, by the density
// (conversations a second) of the stretch before; it is at most four times as
// long as that one, since a quiet night says little about the day. Before is 0
// for the first stretch, which is a day.
func NextStretch(spans []Span, density float64, before Second) (stretch Span, rest []Span) {
	last := spans[len(spans)-1]
	length := min(stretchMost, max(day, stretchGrowth*before))
	if fits := stretchTarget / max(density, 1e-9); fits < float64(length) {
		length = max(day, Second(fits))
	}
	// Days stay whole, since a day is merged at once: the newest one always,
	// and as many before it as fit.
	newest := (last.Until - 1).startOfDay()
	from := max(last.From, min(newest, (last.Until-length+day-1).startOfDay()))
	stretch = Span{from, last.Until}
	rest = slices.Clone(spans[:len(spans)-1])
	if last.From < from {
		rest = append(rest, Span{last.From, from})
	}
	return stretch, rest
}

// Slices cuts a stretch for reading in parallel, so that each slice has about
// as many pages as are good to walk in a row. The last page of each is only
// partly filled: where requests are counted, slices are few and long; where
// only time counts, many and short.
func (r *Reader) Slices(stretch Span, density float64) []Span {
	pages := density * float64(stretch.Seconds()) / float64(r.pageSize())
	each := float64(slicePages)
	if !r.Budget.limited() {
		each = shortSlicePages
	}
	return stretch.cut(min(int(pages/each)+1, maxSlices))
}

const (
	slicePages      = 12
	shortSlicePages = 2
	maxSlices       = 64
)
