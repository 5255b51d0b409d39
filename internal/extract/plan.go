package extract

import (
	"cmp"
	"slices"
	"time"
)

// Tier is a tier of the lookback: the last Depth is read again when the oldest
// reading of a part of it is older than Every.
type Tier struct{ Depth, Every time.Duration }

// Need holds the input of a plan for one feed.
type Need struct {
	Start    Second // start of the history
	Now      Second // the later clock: end of what is read
	Sure     Second // the earlier clock: end of what is covered; 0: Now
	Coverage []Covered
	Lookback []Tier
	Open     []Second // starts of the conversations in the open-conversation queue
	Shape    string   // current transform version
	Holes    []Span   // seconds that the source fails to return: in no plan
}

// Plan holds the spans that a run reads of one feed.
type Plan struct {
	// Spans are read completely and become coverage; ordered, without overlap.
	Spans []Span
	// Open are short spans around the starts of open conversations that lie in none of
	// Spans. Reading them adds no coverage.
	Open []Span
	// Older was read completely by an older transform version, and becomes
	// coverage again. Each run reads a part of it, the newest first, after the
	// others.
	Older []Span
}

const (
	// olderSeconds limits how much of Plan.Older one run reads.
	olderSeconds = 30 * Day
	// early is the divisor for how early a tier may be due: a tenth of its
	// interval, since a nightly run may start some seconds earlier than the last.
	early = 10
	// near is the largest gap between spans that are read by one request.
	near = Second(5 * 60)
)

// Decide returns the plan of a run.
func Decide(n Need) Plan {
	history := Span{n.Start, n.Now}
	n.Coverage = outside(n.Coverage, n.Holes) // holes are not read again, so they are never due
	due := subtract(history, spansOf(n.Coverage))
	for _, tier := range n.Lookback {
		window := n.lookback(tier).Intersect(history)
		if tierDue(window, n, tier.Every) {
			due = append(due, window)
		}
	}
	plan := Plan{Spans: union(due)}
	plan.Open = openSpans(&n, plan.Spans)
	plan.Older = older(n, plan.Spans)
	return plan.Without(n.Holes)
}

// Without returns the plan without the parts that lie in the holes.
func (p Plan) Without(holes []Span) Plan {
	if len(holes) == 0 {
		return p
	}
	return Plan{Without(p.Spans, holes), Without(p.Open, holes), Without(p.Older, holes)}
}

// sure returns the earlier clock.
func (n *Need) sure() Second { return cmp.Or(n.Sure, n.Now) }

// lookback returns the span of a tier: from its depth before the earlier clock to
// the later one.
func (n *Need) lookback(tier Tier) Span { return Span{n.sure() - seconds(tier.Depth), n.Now} }

// Narrow selects what a short run reads, for example after an event. Everything
// else is left to the scheduled runs.
type Narrow struct {
	Around []Second // starts of conversations; the spans around them are read
	Recent bool     // read the first tier of the lookback, and the open-conversation queue
}

// around is how far from a start that an event reports a conversation is searched.
const around = Second(60)

// DecideNarrow returns the plan of a run that reads only what narrow selects. The
// recent span becomes coverage, possibly with a gap before it; spans around
// starts do not.
func DecideNarrow(n Need, narrow Narrow) Plan {
	history := Span{n.Start, n.Now}
	var plan Plan
	if narrow.Recent && len(n.Lookback) > 0 {
		recent := n.lookback(n.Lookback[0]).Intersect(history)
		plan.Spans = union([]Span{recent})
		plan.Open = openSpans(&n, plan.Spans)
	}
	for _, at := range narrow.Around {
		plan.Open = append(plan.Open, Span{at - around, at + around + 1}.Intersect(history))
	}
	plan.Open = Together(Without(plan.Open, plan.Spans))
	return plan.Without(n.Holes)
}

// older returns the newest spans that an older transform version read and that
// this run does not read anyway.
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

// tierDue reports whether the oldest reading within the window is due.
func tierDue(window Span, n Need, every time.Duration) bool {
	deadline := n.sure() - seconds(every-every/early)
	return slices.ContainsFunc(n.Coverage, func(c Covered) bool {
		return !c.Intersect(window).Empty() && c.ReadAt <= deadline
	})
}

// currentHour is the length of the span that is read for open conversations with
// a start in the future: the source may list them at their start or among the
// newest.
const currentHour = Second(60 * 60)

// openSpans returns spans around the starts of open conversations that lie in
// none of the given spans.
func openSpans(n *Need, spans []Span) []Span {
	var out []Span
	for _, at := range n.Open {
		if !slices.ContainsFunc(spans, func(s Span) bool { return s.From <= at && at < s.Until }) {
			at = min(at, lastSecond-1) // the request asks for one second more
			out = append(out, Span{at, at + 1})
		}
	}
	if slices.ContainsFunc(n.Open, func(at Second) bool { return at >= n.Now }) {
		out = append(out, subtract(Span{n.sure() - currentHour, n.Now}, spans)...)
	}
	return Together(out)
}

// Together returns the spans in order, and merges those that are close enough to
// be read by one request.
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

// Sizes of a window, which is staged and published as one unit of work.
const (
	windowTarget = 25_000 // conversations, approximately
	// WindowLimit is the number of conversations after which a window takes no further
	// days, although it was planned with them: the days before may have had few.
	WindowLimit  = 2 * windowTarget
	windowMost   = 366 * Day // maximum length, however few conversations there are
	windowGrowth = 4         // maximum length as a multiple of the previous window's
)

// NextWindow removes the newest window from spans, which must not be empty. The
// window starts at a UTC midnight or at the start of its span, and contains about
// windowTarget conversations, estimated by the density (conversations per second)
// of the previous window. Its length is at most four times that of the previous
// one (before), since a quiet night does not predict the day. before is 0 for the
// first window, which is a day.
func NextWindow(spans []Span, density float64, before Second) (window Span, rest []Span) {
	last := spans[len(spans)-1]
	length := min(windowMost, max(Day, windowGrowth*before))
	if fits := windowTarget / max(density, 1e-9); fits < float64(length) {
		length = max(Day, Second(fits))
	}
	// Days are not cut, since a day is merged as a whole: the window has the
	// newest day, and as many before it as fit.
	newest := (last.Until - 1).StartOfDay()
	from := max(last.From, min(newest, (last.Until-length+Day-1).StartOfDay()))
	window = Span{from, last.Until}
	rest = slices.Clone(spans[:len(spans)-1])
	if last.From < from {
		rest = append(rest, Span{last.From, from})
	}
	return window, rest
}

// Slices cuts a window into slices that are read in parallel. The last page of
// each slice is only partly filled. So slices are few and long if the rate is
// limited, and many and short if it is not.
func (r *Reader) Slices(window Span, density float64) []Span {
	pages := density * float64(window.Seconds()) / float64(r.pageSize())
	each := float64(slicePages)
	if !r.Session.current().Limited() {
		each = shortSlicePages
	}
	return window.cut(min(int(pages/each)+1, maxSlices))
}

const (
	slicePages      = 12 // per slice if the rate is limited, approximately
	shortSlicePages = 2  // if it is not
	maxSlices       = 64
)
