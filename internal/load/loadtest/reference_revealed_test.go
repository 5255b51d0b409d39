package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// metricsRevealed reports whether an ended conversation has metrics that had
// none, where none of its day has any.
func (w *referenceWriter) metricsRevealed(in, stored *warehouse.Rows) bool {
	was, is := &stored.Conversation, &in.Conversation
	if was.Lifecycle != warehouse.LifecycleFinal || !load.NoMetrics(was.Metrics) || load.NoMetrics(is.Metrics) {
		return false
	}
	for _, r := range w.data.Conversations {
		c := &r.Conversation
		same := c.ProjectID == was.ProjectID && c.Environment == was.Environment && midnight(c.StartedAt) == midnight(was.StartedAt)
		if same && !load.NoMetrics(c.Metrics) && w.fault != revealsLateMetrics {
			return false
		}
	}
	return true
}

// reveal remembers that a feed shows something again, until it was read.
func (w *referenceWriter) reveal(st *load.Stretch, revealed int64) {
	of := func(r warehouse.Reveal) bool {
		return r.ProjectID == st.Feed.ProjectID && (r.Environment == st.Feed.Environment || w.fault == revealsEverywhere)
	}
	switch {
	case st.HiddenRead:
		w.data.Revealed = slices.DeleteFunc(slices.Clone(w.data.Revealed), of)
	case revealed > 0 && !slices.ContainsFunc(w.data.Revealed, of) && w.fault != forgetsRevealed:
		row := warehouse.Reveal{ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment, RevealedAt: st.At}
		w.data.Revealed = append(w.data.Revealed, row)
	}
}
