package pipeline

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// poison is the effect of a conversation on the pages that contain it.
type poison string

const (
	poisonNone    poison = ""
	poisonRefused poison = "the page fails with 500"
	poisonNaN     poison = "the conversation is not JSON"
	poisonQuote   poison = "the page cannot be framed"
)

// text returns the text of a conversation that is not JSON.
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

// wasPoisoned reports whether a conversation was poisoned in a time range.
func (c *scriptedConversation) wasPoisoned(from, until extract.Second) bool {
	return slices.ContainsFunc(c.versions, func(v version) bool { return v.at > from && v.at <= until && v.poison != poisonNone })
}

func (w *world) poison(c *scriptedConversation, p poison) {
	c.change(w.tick(), func(v *version) { v.poison = p })
}

// mostPoisoned limits how many conversations are poisoned at once: a run would not
// isolate more.
const mostPoisoned = 3

func (w *world) drawPoison(t *rapid.T, c *scriptedConversation) {
	if len(w.visible(isPoisoned)) < mostPoisoned {
		w.poison(c, rapid.SampledFrom([]poison{poisonRefused, poisonNaN, poisonQuote}).Draw(t, "poison"))
	}
}

// isLost reports whether a version of a conversation cannot be read: it is
// poisoned, or lies in a hole, or in the last microsecond before one.
func (w *world) isLost(c *scriptedConversation, v *version) bool {
	if v == nil {
		return false
	}
	if v.poison != poisonNone || c.as(w.source.clock).poison != poisonNone {
		return true
	}
	for _, h := range w.store.of(load.Feed{ProjectID: modelTransform.ProjectID, Environment: v.env}).Holes {
		if v.start >= h.From-1 && v.start < h.Until {
			return true
		}
	}
	// It is stored with a later start whose second could not be read.
	if r := w.store.rows[c.id]; r != nil && r.Conversation.StartedAt > v.start && w.wasPoisonedNear(extract.SecondOf(r.Conversation.StartedAt.Time())) {
		return true
	}
	// It may have been a hole since it was read.
	return v.start%1_000_000 == 999_999 && w.wasPoisonedNear(v.second())
}

// wasPoisonedNear reports whether something that starts near a second was ever
// poisoned.
func (w *world) wasPoisonedNear(at extract.Second) bool {
	return slices.ContainsFunc(w.source.conversations, func(c *scriptedConversation) bool {
		return slices.ContainsFunc(c.versions, func(v version) bool {
			return v.poison != poisonNone && v.second() >= at-2 && v.second() <= at+2
		})
	})
}

// checkHoles: each hole is a second with a conversation that is or was poisoned.
func (w *world) checkHoles(after feedStanding) {
	for i, h := range HoleSpans(after.holes) {
		if h.Seconds() != 1 || i > 0 && h.From <= extract.SecondOf(after.holes[i-1].From.Time()) {
			w.fail("invalid holes: %v", HoleSpans(after.holes))
		}
		if !w.wasPoisonedNear(h.From) {
			w.fail("%s is not a hole", h)
		}
	}
}
