package pipeline

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// poison is what a conversation does to the pages it is on.
type poison string

const (
	poisonNone    poison = ""
	poisonRefused poison = "the page is answered 500"
	poisonNaN     poison = "it is no JSON"
	poisonQuote   poison = "the page cannot be framed"
)

// text is what stands in the page for a conversation that is no JSON.
func (p poison) text(id string) (text string, ok bool) {
	switch p {
	case poisonNaN:
		return fmt.Sprintf(`{"id":%q,"latency":NaN}`, id), true
	case poisonQuote:
		return fmt.Sprintf(`{"id":%q,"note":"he said "no" twice"}`, id), true
	}
	return "", false
}

func isPoisoned(v *version) bool { return v.listed && v.poison != poisonNone }

// wasPoisoned reports whether a conversation was poisoned after one moment, up to
// another.
func (c *told) wasPoisoned(from, until extract.Second) bool {
	return slices.ContainsFunc(c.versions, func(v version) bool { return v.at > from && v.at <= until && v.poison != poisonNone })
}

func (w *world) poison(c *told, p poison) {
	c.change(w.tick(), func(v *version) { v.poison = p })
}

// mostPoisoned is how many conversations are poisoned at once: of more, a run
// leaves some to the next.
const mostPoisoned = 3

func (w *world) drawPoison(t *rapid.T, c *told) {
	if len(w.visible(isPoisoned)) < mostPoisoned {
		w.poison(c, rapid.SampledFrom([]poison{poisonRefused, poisonNaN, poisonQuote}).Draw(t, "poison"))
	}
}

// isLost reports whether a version of a conversation cannot be read: it is
// poisoned, or lies in a hole, or in the last microsecond before one.
func (w *world) isLost(c *told, v *version) bool {
	if v == nil {
		return false
	}
	if v.poison != poisonNone || c.as(w.source.clock).poison != poisonNone {
		return true
	}
	for _, h := range w.store.of(load.Feed{ProjectID: modelRules.ProjectID, Environment: v.env}).holes {
		if v.start >= h.From-1 && v.start < h.Until {
			return true
		}
	}
	// It is stored with a later start for which the source could not be asked.
	if r := w.store.rows[c.id]; r != nil && r.Conversation.StartedAt > v.start && w.wasPoisonedNear(extract.SecondOf(r.Conversation.StartedAt.Time())) {
		return true
	}
	// It may have been a hole since it was read.
	return v.start%1_000_000 == 999_999 && w.wasPoisonedNear(v.second())
}

// wasPoisonedNear reports whether something that starts near a second was ever
// poisoned.
func (w *world) wasPoisonedNear(at extract.Second) bool {
	return slices.ContainsFunc(w.source.conversations, func(c *told) bool {
		return slices.ContainsFunc(c.versions, func(v version) bool {
			return v.poison != poisonNone && v.second() >= at-2 && v.second() <= at+2
		})
	})
}

// checkHoles: a hole is a second in which something is or was poisoned, and no
// other.
func (w *world) checkHoles(after feedStanding) {
	for i, h := range HoleSpans(after.holes) {
		if h.Seconds() != 1 || i > 0 && h.From <= extract.SecondOf(after.holes[i-1].From.Time()) {
			w.fail("the holes cannot be: %v", HoleSpans(after.holes))
		}
		if !w.wasPoisonedNear(h.From) {
			w.fail("%s is no hole", h)
		}
	}
}
