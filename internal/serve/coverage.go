package serve

import (
	"fmt"
	"math"
	"time"

	"convsync/internal/load"
)

// stretch is a piece of time, half-open.
type stretch struct{ from, until time.Time }

// gapsOf are what was not read between start and the end of the coverage.
func gapsOf(coverage []load.Range, start time.Time) []stretch {
	var gaps []stretch
	at := start
	for _, c := range coverage {
		if from := c.From.Time(); from.After(at) && !at.IsZero() {
			gaps = append(gaps, stretch{at, from})
		}
		if until := c.Until.Time(); until.After(at) {
			at = until
		}
	}
	return gaps
}

// stripWidth is the width of a strip in its own units.
const stripWidth = 1000

// thinnest is the width that a gap has at least, however short it is: one that
// cannot be seen would be a picture of something else.
const thinnest = 4

// strip is a picture of what was read over a period.
type strip struct {
	ID       string
	Title    string // what it is of
	Alt      string // what it shows, in words
	From, To string
	Bars     []bar
}

// bar is a piece of a strip; its class says what it is.
type bar struct {
	Class    string // read, recent, gap
	X, Width float64
	Tip      string
}

// recently is the age up to which a reading counts as recent.
const recently = 24 * time.Hour

// drawStrip draws the coverage and the gaps of a period. Neighbours that look
// the same are one bar, so that a long history makes a small picture.
func drawStrip(coverage []load.Range, gaps []stretch, period stretch, now time.Time, zone *time.Location) []bar {
	var bars []bar
	place := func(class string, s stretch, tip string, least float64) {
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
		class, s := classOf(&coverage[i], now), stretch{coverage[i].From.Time(), coverage[i].Until.Time()}
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

func (s stretch) in(zone *time.Location) string {
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

// week is how much of the history the second strip shows.
const week = 7 * 24 * time.Hour

// drawCoverage makes the strips of a feed: its whole history, and the last week
// of it where that is not the same.
func drawCoverage(id string, state *load.FeedState, start, now time.Time, zone *time.Location) []strip {
	if start.IsZero() && len(state.Coverage) > 0 {
		start = state.Coverage[0].From.Time()
	}
	if start.IsZero() || !start.Before(now) {
		return nil
	}
	gaps := gapsOf(state.Accounted(), start)
	if state.Watermark == 0 { // a first load: it is still to come, and not missing
		gaps = nil
	}
	draw := func(n int, title string, from time.Time) strip {
		period := stretch{from, now}
		return strip{
			ID: fmt.Sprintf("%s-strip-%d", id, n), Title: title, Alt: describeCoverage(state, gaps, start, period, zone),
			From: from.In(zone).Format("2 Jan 2006"), To: "now",
			Bars: drawStrip(state.Coverage, gaps, period, now, zone),
		}
	}
	strips := []strip{draw(0, "full history", start)}
	if now.Sub(start) > 2*week {
		strips = append(strips, draw(1, "last 7 days", now.Add(-week)))
	}
	return strips
}

// describeCoverage says what a strip shows to those who do not see it.
func describeCoverage(state *load.FeedState, gaps []stretch, whole time.Time, period stretch, zone *time.Location) string {
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
