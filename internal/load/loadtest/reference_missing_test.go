package loadtest

import (
	"cmp"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// applyMissing marks or deletes conversations that the source no longer lists.
func (w *referenceWriter) applyMissing(st *load.Window, counts *load.Counts) {
	for _, k := range st.Missing {
		key := id{st.Feed.ProjectID, k.ID}
		stored := w.data.Conversations[key]
		if stored == nil {
			continue
		}
		c := &stored.Conversation
		if c.Environment != st.Feed.Environment && w.fault != marksElsewhere || c.StartedAt != k.StartedAt && w.fault != marksMoved {
			continue
		}
		if st.DeleteMissing && w.fault != deletesNothing {
			w.remove(key, st, counts)
		} else if !c.MissingSince.Valid || w.fault == marksAgain {
			w.mark(key, st, counts)
		}
	}
}

func (w *referenceWriter) mark(key id, st *load.Window, counts *load.Counts) {
	marked := Clone(w.data.Conversations[key])
	marked.Conversation.MissingSince = warehouse.Some(st.At)
	if w.fault == markIsAChange {
		marked.Conversation.UpdatedAt = st.At
	}
	w.data.Conversations[key] = marked
	counts.Missing++
	counts.Rows["conversations"]++
	if w.fault != marksSilently {
		w.change(key, warehouse.OperationUpsert, st.At)
	}
}

func (w *referenceWriter) remove(key id, st *load.Window, counts *load.Counts) {
	left := maps.Clone(w.data.Conversations)
	delete(left, key)
	w.data.Conversations = left
	counts.Missing++
	if w.fault != deletesSilently {
		w.change(key, warehouse.OperationDelete, st.At)
	}
}

// late adds counted lateness to the stored one of a feed.
func (w *referenceWriter) late(feed load.Feed, counted map[load.LatenessKey]int64) {
	if w.fault == latenessAnywhere {
		feed = live("p")
	}
	for key, n := range counted {
		same := func(l warehouse.Lateness) bool {
			return l.ProjectID == feed.ProjectID && l.Environment == feed.Environment &&
				l.Measure == key.Measure && l.UpperSeconds == key.UpperSeconds
		}
		row := warehouse.Lateness{ProjectID: feed.ProjectID, Environment: feed.Environment,
			Measure: key.Measure, UpperSeconds: key.UpperSeconds, Count: n}
		if i := slices.IndexFunc(w.data.Lateness, same); i >= 0 && w.fault != latenessReplaced {
			row.Count += w.data.Lateness[i].Count
		}
		w.data.Lateness = upsert(w.data.Lateness, row, same)
	}
	slices.SortFunc(w.data.Lateness, func(a, b warehouse.Lateness) int {
		return cmp.Or(cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.UpperSeconds, b.UpperSeconds))
	})
}

// missRejects marks rejects that the source no longer lists.
func (w *referenceWriter) missRejects(st *load.Window) {
	keep(&w.data.Rejects, func(r *warehouse.Reject) bool {
		of := st.Feed == load.Feed{ProjectID: r.ProjectID, Environment: r.Environment} || w.fault == marksRejectsAnywhere
		if of && slices.Contains(st.MissingRejects, r.RejectID) && (!r.MissingSince.Valid || w.fault == marksRejectsAgain) {
			r.MissingSince = warehouse.Some(st.At)
		}
		return true
	})
}
