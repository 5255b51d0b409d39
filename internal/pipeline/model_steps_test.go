package pipeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/extract"
	"convsync/internal/warehouse"
)

// TestModel generates sequences of events at a source, a destination and the runs
// between them, and compares the stored data with a simple model. Run more sequences
// with -rapid.checks=5000. A sequence that failed once becomes a separate test in
// pipeline_test.go.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawSettings(t))
		defer w.close()
		t.Repeat(w.steps())
		w.settle()
	})
}

func drawSettings(t *rapid.T) settings {
	return settings{
		habits: habits{exclusive: rapid.Bool().Draw(t, "exclusive"), overlap: rapid.Bool().Draw(t, "overlap"),
			offset: rapid.Bool().Draw(t, "offset"), lowered: rapid.Bool().Draw(t, "lowered")},
		environments:  rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "environments"),
		atOnce:        rapid.Bool().Draw(t, "at once"),
		deleteMissing: rapid.Bool().Draw(t, "delete missing"),
		pageSize:      rapid.IntRange(2, 6).Draw(t, "page size"),
		parallel:      rapid.SampledFrom([]int{1, 1, 4}).Draw(t, "parallel"),
		openAge:       rapid.SampledFrom([]time.Duration{7 * 24 * time.Hour, 30 * time.Hour}).Draw(t, "open age"),
		limit:         rapid.SampledFrom([]MissingLimit{{Share: 0.1, AtLeast: 20}, {Share: 0.5, AtLeast: 1}}).Draw(t, "limit"),
		lookback: rapid.SampledFrom([][]extract.Tier{
			{{Depth: time.Hour}, {Depth: 24 * time.Hour, Every: time.Hour}, {Depth: 168 * time.Hour, Every: 24 * time.Hour}},
			{{Depth: 10 * time.Minute}, {Depth: 36 * time.Hour, Every: 6 * time.Hour}},
			{},
		}).Draw(t, "lookback"),
	}
}

// steps returns the possible steps.
func (w *world) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"arrive":      w.drawArrivals,
		"arrive more": w.drawArrivals,
		"edit":        w.onOne(isListed, func(_ *rapid.T, c *scriptedConversation) { w.edit(c) }),
		"delete turn": w.onOne(isListed, func(t *rapid.T, c *scriptedConversation) { w.deleteTurn(c, rapid.Bool().Draw(t, "counted")) }),
		"count zero":  w.onOne(isListed, func(_ *rapid.T, c *scriptedConversation) { w.countZero(c) }),
		"move":        w.onOne(isListed, func(t *rapid.T, c *scriptedConversation) { w.move(c, w.drawStart(t)) }),
		"two ids": w.onOne(isListed, func(t *rapid.T, c *scriptedConversation) {
			w.arriveTwice(c, w.drawStart(t), rapid.IntRange(0, 3).Draw(t, "turns"))
		}),
		"move environment": w.onOne(isListed, func(_ *rapid.T, c *scriptedConversation) { w.moveEnvironment(c) }),
		"unlist":           w.onOne(isListed, func(_ *rapid.T, c *scriptedConversation) { w.setListed(c, false) }),
		"come back":        w.onOne(isGone, func(_ *rapid.T, c *scriptedConversation) { w.setListed(c, true) }),
		"hide":             func(t *rapid.T) { w.hide(rapid.Bool().Draw(t, "turns"), rapid.Bool().Draw(t, "metrics")) },
		"show":             func(*rapid.T) { w.hide(false, false) },
		"pass minutes":     func(t *rapid.T) { w.source.clock += aMinute * extract.Second(rapid.IntRange(1, 90).Draw(t, "minutes")) },
		"pass hours":       func(t *rapid.T) { w.source.clock += anHour * extract.Second(rapid.IntRange(1, 40).Draw(t, "hours")) },
		"start earlier": func(t *rapid.T) {
			w.start = max(w.start-anHour*extract.Second(rapid.IntRange(1, 30).Draw(t, "hours")), modelBegin)
		},
		"clocks go wrong": func(t *rapid.T) {
			w.clocks = drawClocks(t)
			w.behind = max(w.behind, -w.clocks.source, -w.clocks.local)
		},
		"clocks go right": func(*rapid.T) { w.clocks = clocks{} },
		"plan ahead": func(t *rapid.T) {
			start := min(w.source.clock+anHour*extract.Second(rapid.SampledFrom([]int{1, 5, 30, 100, 1e9}).Draw(t, "hours")), lastSecond)
			w.plan(start, drawWhile(t, "length")+1)
		},
		"confirm":      func(*rapid.T) { w.confirm() },
		"poison":       w.onOne(isListed, w.drawPoison),
		"cure":         w.onOne(isPoisoned, func(_ *rapid.T, c *scriptedConversation) { w.poison(c, "") }),
		"renew rules":  func(*rapid.T) { w.renewRules() },
		"run":          func(t *rapid.T) { w.run(attempt{trouble: trouble{pace: drawPace(t)}}) },
		"run twice":    func(*rapid.T) { w.checkQuiet(w.run(attempt{})) },
		"run troubled": func(t *rapid.T) { w.run(attempt{trouble: drawTrouble(t)}) },
		"run in part":  func(t *rapid.T) { w.run(attempt{trouble: trouble{pace: drawPace(t), broken: w.drawSpan(t)}}) },
		"run killed":   func(t *rapid.T) { w.run(attempt{trouble: trouble{pace: drawPace(t)}, ending: drawEnding(t)}) },
		"run loses":    func(t *rapid.T) { w.run(attempt{trouble: trouble{pace: drawPace(t)}, loss: drawLoss(t)}) },
		"lose commits": func(t *rapid.T) { w.lose(rapid.IntRange(1, 6).Draw(t, "commits")) },
		"backfill":     func(t *rapid.T) { w.run(attempt{trouble: drawTrouble(t), backfill: w.drawSpan(t)}) },
	}
}

// onOne returns a step that changes one of the conversations of a kind.
func (w *world) onOne(which func(*version) bool, step func(*rapid.T, *scriptedConversation)) func(*rapid.T) {
	return func(t *rapid.T) {
		if found := w.visible(which); len(found) > 0 {
			step(t, found[rapid.IntRange(0, len(found)-1).Draw(t, "conversation")])
		}
	}
}

func (w *world) drawArrivals(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "arrivals") {
		env := w.feeds()[rapid.IntRange(0, len(w.feeds())-1).Draw(t, "environment")].Environment
		w.arriveIn(env, w.drawStart(t), rapid.IntRange(0, 3).Draw(t, "turns"), drawWhile(t, "delay"), drawWhile(t, "length"))
	}
}

// drawWhile draws a duration: mostly 0, otherwise up to days.
func drawWhile(t *rapid.T, what string) extract.Second {
	units := []extract.Second{0, 0, 1, aMinute, anHour}
	return rapid.SampledFrom(units).Draw(t, what) * extract.Second(rapid.IntRange(1, 50).Draw(t, what))
}

// drawStart draws a start in the history up to now: mostly a recent one, often at a
// boundary where off-by-one errors may occur.
func (w *world) drawStart(t *rapid.T) warehouse.Timestamp {
	unit := rapid.SampledFrom([]extract.Second{1, aMinute, anHour, 0}).Draw(t, "unit of age")
	at := w.source.clock - unit*extract.Second(rapid.IntRange(1, 200).Draw(t, "age"))
	if unit == 0 {
		at = rapid.SampledFrom(w.edges()).Draw(t, "edge") + extract.Second(rapid.IntRange(-1, 1).Draw(t, "offset"))
	}
	at = min(max(at, w.start), w.source.clock-1)
	return warehouse.TimestampOf(at.Time()) + rapid.SampledFrom([]warehouse.Timestamp{0, 1, 500_000, 999_999}).Draw(t, "micros")
}

func (w *world) drawSpan(t *rapid.T) extract.Span {
	from := w.start + anHour*extract.Second(rapid.IntRange(-10, 200).Draw(t, "from"))
	return extract.Span{From: from, Until: from + anHour*extract.Second(rapid.IntRange(1, 100).Draw(t, "hours"))}
}

// lastSecond is the last one that a request can contain.
const lastSecond = extract.Second(253_402_300_799)

// drawClocks draws clocks of which one is wrong, ahead or behind.
func drawClocks(t *rapid.T) clocks {
	off := rapid.SampledFrom([]extract.Second{30, 10 * aMinute, 5 * anHour, 50 * anHour, 10_000 * aDay}).Draw(t, "off")
	if rapid.Bool().Draw(t, "behind") {
		off = -off
	}
	if rapid.Bool().Draw(t, "source") {
		return clocks{source: off}
	}
	return clocks{local: off}
}

func drawPace(t *rapid.T) pace {
	return pace{
		tick: rapid.SampledFrom([]extract.Second{0, 1, 30, 10 * aMinute}).Draw(t, "tick"),
		lag:  rapid.SampledFrom([]extract.Second{0, 0, 0, 30}).Draw(t, "lag"),
	}
}

func drawTrouble(t *rapid.T) trouble {
	x := trouble{pace: drawPace(t), at: map[int]fault{}}
	kind := rapid.SampledFrom(faults)
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		x.at[rapid.IntRange(1, 20).Draw(t, "request")] = kind.Draw(t, "fault")
	}
	switch rapid.IntRange(0, 3).Draw(t, "more") {
	case 1:
		x.downAt = rapid.IntRange(1, 15).Draw(t, "down at")
		x.downEnd = rapid.SampledFrom([]int{-1, x.downAt + 5, x.downAt + 12}).Draw(t, "down until")
		x.down = kind.Draw(t, "fault")
	case 2:
		x.stopAt = rapid.IntRange(1, 20).Draw(t, "stop at")
	}
	return x
}

func drawEnding(t *rapid.T) ending {
	return ending{
		at: rapid.IntRange(1, 12).Draw(t, "call"), after: rapid.Bool().Draw(t, "after"), dead: rapid.Bool().Draw(t, "dead"),
	}
}
