package loadtest

import (
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// transcriptVisibleAgain reports whether the hidden transcript of an ended
// conversation is visible on a day on which no other transcript is.
func (w *referenceWriter) transcriptVisibleAgain(is, was *warehouse.Conversation) bool {
	wasHidden, isHidden := hidden(was), hidden(is)
	switch w.fault {
	case visibleAlways:
		return !isHidden
	case visibleKept:
		isHidden = is.TranscriptStatus == warehouse.TranscriptHidden
	}
	if !wasHidden || isHidden || is.TurnsLoaded == 0 || was.Lifecycle != warehouse.LifecycleFinal && w.fault != visibleOpen {
		return false
	}
	return w.fault == visibleLate || !w.dayHas(was, func(c *warehouse.Conversation) bool {
		switch w.fault {
		case keptIsShown:
			return c.TurnsLoaded > 0
		case silentIsShown:
			return !hidden(c)
		}
		return c.TurnsLoaded > 0 && !hidden(c)
	})
}

// metricsVisibleAgain reports whether an ended conversation that had no metrics has
// some on a day on which no other conversation has any.
func (w *referenceWriter) metricsVisibleAgain(is, was *warehouse.Conversation) bool {
	if was.Lifecycle != warehouse.LifecycleFinal || !load.NoMetrics(was.Metrics) || load.NoMetrics(is.Metrics) {
		return false
	}
	return w.fault == visibleLateMetrics || !w.dayHas(was, func(c *warehouse.Conversation) bool { return !load.NoMetrics(c.Metrics) })
}

func hidden(c *warehouse.Conversation) bool {
	return strings.HasPrefix(c.TranscriptStatus, warehouse.TranscriptHidden)
}

// dayHas reports whether the condition is true for any stored conversation of the
// same feed and day.
func (w *referenceWriter) dayHas(of *warehouse.Conversation, such func(*warehouse.Conversation) bool) bool {
	for _, r := range w.data.Conversations {
		c := &r.Conversation
		feed := c.ProjectID == of.ProjectID && (c.Environment == of.Environment || w.fault == visibleElsewhere)
		if feed && midnight(c.StartedAt) == midnight(of.StartedAt) && such(c) {
			return true
		}
	}
	return false
}

// hole stores the holes of a feed.
func (w *referenceWriter) hole(st *load.Window) {
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

// setVisibleAgain stores that data of a feed is visible again, until its hidden
// days were read.
func (w *referenceWriter) setVisibleAgain(st *load.Window, again load.VisibleAgain) {
	of := func(r warehouse.Reveal) bool {
		return r.ProjectID == st.Feed.ProjectID && (r.Environment == st.Feed.Environment || w.fault == settlesElsewhere)
	}
	switch {
	case st.HiddenRead:
		w.data.VisibleAgain = slices.DeleteFunc(slices.Clone(w.data.VisibleAgain), of)
	case again.Any() && !slices.ContainsFunc(w.data.VisibleAgain, of) && w.fault != forgetsVisibleAgain:
		row := warehouse.Reveal{ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment, RevealedAt: st.At}
		w.data.VisibleAgain = append(w.data.VisibleAgain, row)
	}
}
