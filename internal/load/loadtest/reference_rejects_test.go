package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// resolve deletes the rejects of conversations that could be read.
func (w *referenceWriter) resolve(st *load.Window, rows []*warehouse.Rows) {
	if w.fault == keepsRejected {
		return
	}
	read := map[warehouse.Text]bool{}
	for _, r := range rows {
		read[warehouse.Text(r.Conversation.ConversationID)] = w.fault != resolvesChanged || w.data.Conversations[id{r.Conversation.ProjectID, r.Conversation.ConversationID}] == nil
	}
	w.data.Rejects = slices.DeleteFunc(slices.Clone(w.data.Rejects), func(r warehouse.Reject) bool {
		of := load.Feed{ProjectID: r.ProjectID, Environment: r.Environment} == st.Feed || w.fault == resolvesAllFeeds
		return of && read[r.ConversationID]
	})
}

// storeRejects deletes resolved rejects, then stores rejects and drift.
func (w *referenceWriter) storeRejects(st *load.Window, counts *load.Counts) {
	w.data.Rejects = slices.DeleteFunc(slices.Clone(w.data.Rejects), func(r warehouse.Reject) bool {
		of := load.Feed{ProjectID: r.ProjectID, Environment: r.Environment} == st.Feed || w.fault == resolvesAnywhere
		return of && slices.Contains(st.Resolved, r.RejectID) && w.fault != keepsResolved
	})
	w.missRejects(st)
	for _, in := range st.Rejects {
		if slices.Contains(w.erased, id{in.ProjectID, string(in.ConversationID)}) && w.fault != keepsErasedRejects {
			continue
		}
		same := func(s warehouse.Reject) bool {
			return s.ProjectID == in.ProjectID && s.Environment == in.Environment && s.RejectID == in.RejectID
		}
		if i := slices.IndexFunc(w.data.Rejects, same); i >= 0 {
			last := in
			if in = w.data.Rejects[i]; last.LastSeenAt >= in.LastSeenAt {
				in.LastSeenAt, in.Reason = last.LastSeenAt, last.Reason
			}
			if w.fault != keepsRejectMark {
				in.MissingSince = warehouse.Null[warehouse.Timestamp]{}
			}
		} else {
			counts.NewRejects++
		}
		if w.fault == countsRejectsAgain {
			counts.NewRejects = int64(len(st.Rejects))
		}
		w.data.Rejects = upsert(w.data.Rejects, in, same)
	}
	drift := st.ElsewhereDrift(counts)
	if w.fault == environmentsAlike {
		drift = st.Drift
	}
	var paths load.DriftPaths
	for i := range w.data.Drift {
		if d := &w.data.Drift[i]; st.Feed == (load.Feed{ProjectID: d.ProjectID, Environment: d.Environment}) {
			paths.Add(d.Path, d.Kind)
		}
	}
	for _, in := range drift {
		if w.fault != driftUnbounded {
			in.Path = paths.Bound(in.Path, in.Kind)
		}
		same := func(s warehouse.Drift) bool {
			return s.ProjectID == in.ProjectID && s.Environment == in.Environment &&
				s.Path == in.Path && s.Kind == in.Kind && s.JSONType == in.JSONType
		}
		if i := slices.IndexFunc(w.data.Drift, same); i >= 0 && w.fault != driftOverwritten {
			old := w.data.Drift[i]
			in.Count += old.Count
			in.FirstSeenAt, in.LastSeenAt = min(in.FirstSeenAt, old.FirstSeenAt), max(in.LastSeenAt, old.LastSeenAt)
			in.MaxLengthBytes = max(in.MaxLengthBytes, old.MaxLengthBytes)
		}
		w.data.Drift = upsert(w.data.Drift, in, same)
	}
}
