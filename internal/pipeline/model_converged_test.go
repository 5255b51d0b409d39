package pipeline

import (
	"slices"
	"time"

	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// checkConverged: the stored conversations are those of the source, and those that it
// no longer lists in any environment are missing. Of two records with one id the
// later one is stored.
func (w *world) checkConverged() {
	for _, f := range w.feeds() {
		if left := w.store.of(f).Holes; len(left) > 0 {
			w.fail("holes are left: %+v", left)
		}
		for _, c := range covered(w.store.of(f).Coverage) {
			if c.Shape != transform.Shape && c.Until > w.start {
				w.fail("a range was never read by the newer transform version")
			}
		}
	}
	w.checkDigestsStored()
	for _, c := range w.source.conversations {
		v, stored := c.as(w.source.clock), w.store.rows[c.id]
		if twins := w.withID(c.id); !w.wins(c, w.source.clock) || !v.listed && len(twins) > 1 && slices.ContainsFunc(twins, func(c *scriptedConversation) bool { return c.as(w.source.clock).listed }) {
			continue
		}
		switch outside := v.second() < w.start; {
		case stored == nil && v.listed && !outside:
			w.fail("%s is not stored at the end", c.id)
		case stored == nil || outside || w.isAstray(c) && w.atEdge(stored) || v.second() > w.source.clock && !v.listed:
		case v.listed && (stored.Conversation.Environment != v.env || stored.Conversation.MissingSince.Valid):
			w.fail("%s is listed in %s, and not stored there", c.id, v.env)
		case v.listed && stored.Conversation.ContentHash != c.kept(v, stored).Hash():
			w.fail("%s is stored with other content than the source returns", c.id)
		case !v.listed && !stored.Conversation.MissingSince.Valid && !w.atEdge(stored):
			w.fail("%s is no longer listed, and not marked as missing", c.id)
		}
	}
}

// checkQuiet: a second run immediately after a successful one writes nothing. It may
// read more, around open conversations or because of its first request; such
// conversations may be new.
func (w *world) checkQuiet(o *outcome) {
	if o.err != nil || o.report.Status != warehouse.RunSucceeded || o.tick > 0 {
		return
	}
	whole := len(o.lookback) > 0 && o.lookback[0].Depth > 500*24*time.Hour
	known := w.store.settled
	for _, c := range w.source.conversations {
		if w.isAstray(c) || w.hasTwin(c.id) && !whole {
			delete(known, c.id) // reading more may decide its environment
		}
	}
	digests := w.store.digests()
	w.run(attempt{lookback: o.lookback})
	if whole {
		w.checkSkipped(digests)
	}
	for id := range w.store.written {
		if known[id] {
			w.fail("%s is written by a second run", id)
		}
	}
	for id := range w.store.missing {
		if r := w.store.rows[id]; known[id] || r != nil && !w.atEdge(r) {
			w.fail("%s is marked as missing by a second run", id)
		}
	}
}
