package memory

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// resolve deletes the rejects of a feed that are resolved, or whose conversation
// was staged, and marks those whose conversation is missing.
func (d *Data) resolve(window *load.Window, staged []version) {
	read := map[warehouse.Text]bool{}
	for _, v := range staged {
		read[warehouse.Text(v.rows.Conversation.ConversationID)] = true
	}
	keep(&d.Rejects, func(r *warehouse.Reject) bool {
		if window.Feed != (load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}) {
			return true
		}
		if slices.Contains(window.MissingRejects, r.RejectID) && !r.MissingSince.Valid {
			r.MissingSince = warehouse.Some(window.At)
		}
		return !read[r.ConversationID] && !slices.Contains(window.Resolved, r.RejectID)
	})
}

// addRejects stores the rejects of a window, except for those of erased
// conversations. The first version of a payload remains.
func (d *Data) addRejects(window *load.Window, counts *load.Counts) {
	for _, in := range window.Rejects {
		if d.isErased(&in) {
			continue
		}
		isNew := put(&d.Rejects, in, func(r *warehouse.Reject) bool {
			return r.ProjectID == in.ProjectID && r.Environment == in.Environment && r.RejectID == in.RejectID
		}, func(stored, row *warehouse.Reject) {
			last := *row
			*row = *stored
			row.MissingSince = warehouse.Null[warehouse.Timestamp]{}
			if last.LastSeenAt >= row.LastSeenAt {
				row.LastSeenAt, row.Reason = last.LastSeenAt, last.Reason
			}
		})
		if isNew {
			counts.NewRejects++
		}
	}
}

func (d *Data) isErased(r *warehouse.Reject) bool {
	return slices.Contains(d.Erased, ID{r.ProjectID, string(r.ConversationID)})
}

// addDrift adds the drift of a window to what is stored, under a limited number of
// paths.
func (d *Data) addDrift(window *load.Window, counts *load.Counts) {
	var paths load.DriftPaths
	for i := range d.Drift {
		if x := &d.Drift[i]; window.Feed == (load.Feed{ProjectID: x.ProjectID, Environment: x.Environment}) {
			paths.Add(x.Path, x.Kind)
		}
	}
	for _, in := range window.ElsewhereDrift(counts) {
		in.Path = paths.Bound(in.Path, in.Kind)
		put(&d.Drift, in, func(x *warehouse.Drift) bool {
			return x.ProjectID == in.ProjectID && x.Environment == in.Environment &&
				x.Path == in.Path && x.Kind == in.Kind && x.JSONType == in.JSONType
		}, func(stored, row *warehouse.Drift) {
			row.Count += stored.Count
			row.FirstSeenAt, row.LastSeenAt = min(row.FirstSeenAt, stored.FirstSeenAt), max(row.LastSeenAt, stored.LastSeenAt)
			row.MaxLengthBytes = max(row.MaxLengthBytes, stored.MaxLengthBytes)
		})
	}
}
