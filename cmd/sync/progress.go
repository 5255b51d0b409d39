package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/plural"
)

// progressInterval is the interval in which the line of progress is drawn.
const progressInterval = 200 * time.Millisecond

// showProgress draws the progress of a run on a terminal.
func (a *app) showProgress(progress *pipeline.Progress) (stop func()) {
	bar := progressBar{}
	return a.showLine(func(width int, elapsed time.Duration) string { return bar.line(width, howFarIs(progress, elapsed)) })
}

// showLine draws a line of progress on a terminal; elsewhere it does nothing. Of
// several at the same time, it draws the first one. stop erases the line.
func (a *app) showLine(line func(width int, elapsed time.Duration) string) (stop func()) {
	if a.screen == nil || a.quiet || !a.drawing.CompareAndSwap(false, true) {
		return func() {}
	}
	done := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for started := time.Now(); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				a.screen.draw(line(a.screen.width(), time.Since(started)))
			}
		}
	})
	return func() {
		close(done)
		drawing.Wait()
		a.screen.draw("")
		a.drawing.Store(false)
	}
}

// howFar is the progress of a run.
type howFar struct {
	read, expected     int64 // conversations; expected 0: not known yet
	published, planned int64 // seconds of history
	elapsed            time.Duration
}

func howFarIs(p *pipeline.Progress, elapsed time.Duration) howFar {
	h := howFar{read: p.Conversations(), expected: p.Expected(), elapsed: elapsed}
	h.published, h.planned = p.Seconds()
	return h
}

// share returns the finished part of the work, 0 to 1; 0 if unknown.
func (h *howFar) share() float64 {
	switch {
	case h.read > 0 && h.expected > 0:
		return float64(h.read) / float64(h.expected)
	case h.planned > 0:
		return float64(h.published) / float64(h.planned)
	}
	return 0
}

// progressBar is a line of progress that never moves back when an estimate
// changes.
type progressBar struct{ share float64 }

const almost = 0.99 // the end is reported by the summary

// barFor returns the length of the bar from the width of the terminal only, so
// that it does not change with the numbers next to it.
func barFor(width int) int {
	switch {
	case width < 50:
		return 0
	case width < 80:
		return 12
	case width < 110:
		return 20
	}
	return 30
}

// line returns the line of a run.
func (b *progressBar) line(width int, h howFar) string {
	b.share = max(b.share, min(h.share(), almost))
	return b.fit(width, b.facts(h))
}

// fit fits bar and facts into a width. It leaves the last column free, because some
// terminals wrap there.
func (b *progressBar) fit(width int, facts []string) string {
	bar, room := "", width-1
	if size := barFor(width); size > 0 {
		done := int(b.share * float64(size-2))
		bar = "[" + strings.Repeat("#", done) + strings.Repeat(".", size-2-done) + "] "
	}
	for len(facts) > 1 && len(bar+strings.Join(facts, ", ")) > room {
		facts = facts[:len(facts)-1]
	}
	line := bar + strings.Join(facts, ", ")
	return line[:max(0, min(len(line), room))]
}

// facts lists the contents of the line, the most important first.
func (b *progressBar) facts(h howFar) []string {
	left := "estimating the time left"
	switch {
	case h.read+h.published == 0:
		left = "waiting for the source"
	case b.share >= almost:
		left = "storing the rest"
	case b.share > 0 && h.elapsed > 0:
		left = timeLeft(time.Duration(float64(h.elapsed) * (1 - b.share) / b.share))
	}
	facts := []string{fmt.Sprintf("%2d %%", int(100*b.share)), left, plural.Count(h.read, "conversation")}
	if rate := float64(h.read) / h.elapsed.Seconds(); rate >= 10 {
		facts = append(facts, fmt.Sprintf("%.0f/s", rate))
	} else if rate > 0 {
		facts = append(facts, fmt.Sprintf("%.1f/s", rate))
	}
	if h.expected > 0 {
		facts = append(facts, fmt.Sprintf("about %d in all", roughly(h.expected)))
	}
	if h.planned > 0 {
		facts = append(facts, ofTime(h.published, h.planned)+" stored")
	}
	return facts
}

// timeLeft formats a duration with the precision of an estimate.
func timeLeft(d time.Duration) string {
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s left", int(d.Seconds())+1)
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min left", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min left", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days left", int(d.Hours()/24))
}

// roughly formats a number with two significant digits.
func roughly(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// ofTime formats the finished part of a time range, in a suitable unit.
func ofTime(done, all int64) string {
	for _, unit := range []struct {
		name    string
		seconds float64
	}{{"days", 24 * 60 * 60}, {"hours", 60 * 60}} {
		if float64(all) >= 2*unit.seconds {
			return fmt.Sprintf("%.1f of %.1f %s", float64(done)/unit.seconds, float64(all)/unit.seconds, unit.name)
		}
	}
	return fmt.Sprintf("%d of %d minutes", done/60, all/60)
}
