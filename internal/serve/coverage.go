package serve

import (
	"fmt"
	"math"
	"time"

	"convsync/internal/load"
)

// span is a half-open time range.
type span struct{ from, until time.Time }

// gapsOf returns the time ranges that are not read, from start to the end of the
// coverage.
func gapsOf(coverage []load.Range, start time.Time) []span {
	var gaps []span
	at := start
	for _, c := range coverage {
		if from := c.From.Time(); from.After(at) && !at.IsZero() {
			gaps = append(gaps, span{at, from})
		}
		if until := c.Until.Time(); until.After(at) {
			at = until
		}
	}
	return gaps
}

// stripWidth is the width of a strip in its own units.
const stripWidth = 1000

// thinnest is the minimum width of a gap, so that a short one stays visible.
const thinnest = 4

// strip is a picture of the coverage of a period.
type strip struct {
	ID       string
	Title    string // its period
	Alt      string // text alternative
	From, To string
	Bars     []bar
}

// bar is a part of a strip; its class gives its color.
type bar struct {
	Class    string // read, recent, gap
	X, Width float64
	Tip      string
}

// recently is the maximum age of a read that is drawn as recent.
const recently = 24 * time.Hour

// drawStrip draws the coverage and the gaps of a period. Adjacent ranges of the
// same class become one bar, which keeps the picture of a long history small.
func drawStrip(coverage []load.Range, gaps []span, period span, now time.Time, zone *time.Location) []bar {
	var bars []bar
	place := func(class string, s span, tip string, least float64) {
		s.from, s.until = later(s.from, period.from), earlier(s.until, period.until)
		if !s.from.Before(s.until) {
			return
		}
		whole := period.until.Sub(period.from).Seconds()
		x := s.from.Sub(period.from).Seconds() / whole * stripWidth
		width := max(s.until.Sub(s.from).Seconds()/whole*stripWidth, least)
		x = min(x, stripWidth-width)
		bars = append(bars, bar{class, round2(x), round2(width), tip})
	}
	for i := 0; i < len(coverage); {
		class, s := classOf(&coverage[i], now), span{coverage[i].From.Time(), coverage[i].Until.Time()}
		read := coverage[i].ReadAt
		for i++; i < len(coverage) && coverage[i].From.Time().Equal(s.until) && classOf(&coverage[i], now) == class; i++ {
			s.until = coverage[i].Until.Time()
			read = max(read, coverage[i].ReadAt)
		}
		place(class, s, fmt.Sprintf("%s: read, most recently on %s", s.in(zone), read.Time().In(zone).Format(shownTime)), 0)
	}
	for _, g := range gaps { // on top
		place("gap", g, g.in(zone)+": not read yet", thinnest)
	}
	return bars
}

func classOf(r *load.Range, now time.Time) string {
	if now.Sub(r.ReadAt.Time()) < recently {
		return "recent"
	}
	return "read"
}

func (s span) in(zone *time.Location) string {
	return s.from.In(zone).Format(shownTime) + " to " + s.until.In(zone).Format(shownTime)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func round2(v float64) float64 { return math.Round(v*100) / 100 }

// week is the period of the second strip.
const week = 7 * 24 * time.Hour

// drawCoverage draws the strips of a feed: its full history and, if that is
// longer, the last week.
func drawCoverage(id string, state *load.FeedState, start, now time.Time, zone *time.Location) []strip {
	if start.IsZero() && len(state.Coverage) > 0 {
		start = state.Coverage[0].From.Time()
	}
	if start.IsZero() || !start.Before(now) {
		return nil
	}
	gaps := gapsOf(state.Accounted(), start)
	if state.Watermark == 0 { // during a first load, the unread part is not a gap
		gaps = nil
	}
	draw := func(n int, title string, from time.Time) strip {
		period := span{from, now}
		return strip{
			ID:    fmt.Sprintf("%s-strip-%d", id, n),
			Title: title,
			Alt:   describeCoverage(state, gaps, start, period, zone),
			From:  from.In(zone).Format("2 Jan 2006"),
			To:    "now",
			Bars:  drawStrip(state.Coverage, gaps, period, now, zone),
		}
	}
	strips := []strip{draw(0, "full history", start)}
	if now.Sub(start) > 2*week {
		strips = append(strips, draw(1, "last 7 days", now.Add(-week)))
	}
	return strips
}

// describeCoverage is the text alternative of a strip.
func describeCoverage(state *load.FeedState, gaps []span, whole time.Time, period span, zone *time.Location) string {
	if len(state.Coverage) == 0 {
		return "Nothing has been read yet."
	}
	n := int64(0)
	for _, g := range gaps {
		if g.from.Before(period.until) && g.until.After(period.from) {
			n++
		}
	}
	end := state.Coverage[len(state.Coverage)-1].Until.Time().In(zone).Format(shownTime)
	if percent, loading := firstLoad(state, whole, period.until); loading {
		return fmt.Sprintf("First load, %d %% read.", percent)
	}
	if n == 0 {
		return "Complete up to " + end + "."
	}
	return fmt.Sprintf("Read up to %s, except for %s.", end, count(n, "gap"))
}
