package loadtest

import (
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// transcriptRevealed reports whether an ended conversation shows a transcript
// that was hidden, where none of its day shows any.
func (w *referenceWriter) transcriptRevealed(is, was *warehouse.Conversation) bool {
	wasHidden, isHidden := hidden(was), hidden(is)
	switch w.fault {
	case revealsAlways:
		return !isHidden
	case revealsKept:
		isHidden = is.TranscriptStatus == warehouse.TranscriptHidden
	}
	if !wasHidden || isHidden || is.TurnsLoaded == 0 || was.Lifecycle != warehouse.LifecycleFinal && w.fault != revealsOpen {
		return false
	}
	return w.fault == revealsLate || !w.dayHas(was, func(c *warehouse.Conversation) bool {
		switch w.fault {
		case keptIsShown:
			return c.TurnsLoaded > 0
		case silentIsShown:
			return !hidden(c)
		}
		return c.TurnsLoaded > 0 && !hidden(c)
	})
}

// metricsRevealed reports whether an ended conversation has metrics that had
// none, where none of its day has any.
func (w *referenceWriter) metricsRevealed(is, was *warehouse.Conversation) bool {
	if was.Lifecycle != warehouse.LifecycleFinal || !load.NoMetrics(was.Metrics) || load.NoMetrics(is.Metrics) {
		return false
	}
	return w.fault == revealsLateMetrics || !w.dayHas(was, func(c *warehouse.Conversation) bool { return !load.NoMetrics(c.Metrics) })
}

func hidden(c *warehouse.Conversation) bool {
	return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
}

// dayHas reports whether any conversation that is stored of the same feed and
// day is such.
func (w *referenceWriter) dayHas(of *warehouse.Conversation, such func(*warehouse.Conversation) bool) bool {
	for _, r := range w.data.Conversations {
		c := &r.Conversation
		feed := c.ProjectID == of.ProjectID && (c.Environment == of.Environment || w.fault == revealsBeside)
		if feed && midnight(c.StartedAt) == midnight(of.StartedAt) && such(c) {
			return true
		}
	}
	return false
}

// hole stores the holes of a feed.
func (w *referenceWriter) hole(st *load.Stretch) {
	if st.Holes == nil && w.fault != nilClearsHoles {
		return
	}
	w.data.Holes = slices.DeleteFunc(slices.Clone(w.data.Holes), func(h warehouse.Hole) bool {
		of := h.ProjectID == st.Feed.ProjectID && (h.Environment == st.Feed.Environment || w.fault == holesOfAll)
		return of && w.fault != keepsHoles
	})
	for _, h := range st.Holes {
		if w.fault == forgetsTries {
			h.Tries = 1
		}
		w.data.Holes = append(w.data.Holes, h)
	}
	slices.SortFunc(w.data.Holes, func(a, b warehouse.Hole) int { return int(a.From - b.From) })
}

// reveal remembers that a feed shows something again, until it was read.
func (w *referenceWriter) reveal(st *load.Stretch, revealed load.Revealed) {
	of := func(r warehouse.Reveal) bool {
		return r.ProjectID == st.Feed.ProjectID && (r.Environment == st.Feed.Environment || w.fault == revealsEverywhere)
	}
	switch {
	case st.HiddenRead:
		w.data.Revealed = slices.DeleteFunc(slices.Clone(w.data.Revealed), of)
	case revealed.Any() && !slices.ContainsFunc(w.data.Revealed, of) && w.fault != forgetsRevealed:
		row := warehouse.Reveal{ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment, RevealedAt: st.At}
		w.data.Revealed = append(w.data.Revealed, row)
	}
}
