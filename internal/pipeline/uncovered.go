package pipeline

import (
	"context"
	"strings"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// loggedFindings limits how many findings are logged individually.
const loggedFindings = 20

// recover lets the destination compare its files with its records, and logs files
// that are missing or different. Their days no longer count as read.
func (r *run) recover(ctx context.Context) error {
	recoverer, ok := r.writer.(load.Recoverer)
	if !ok {
		return nil
	}
	found, err := recoverer.Recover(ctx, r.Owner.RunID, warehouse.TimestampOf(r.Clock()))
	for i, u := range found {
		if i == loggedFindings {
			r.Log.Warn("more stored files are missing or not as recorded", "count", len(found)-i)
			break
		}
		if u.ProjectID == "" {
			r.Log.Warn("a file of the destination could not be completed", "what", strings.Join(u.What, "; "))
			continue
		}
		r.Log.Warn("stored files are missing or not as recorded; the time range no longer counts as read, and the next incremental run reads it again",
			"project", u.ProjectID, "from", limit(u.From), "until", limit(u.Until), "what", strings.Join(u.What, "; "))
	}
	return err
}

// limit formats a time for the log; "any" if there is no limit.
func limit(at warehouse.Timestamp) string {
	if at == 0 {
		return "any"
	}
	return at.Time().Format(time.RFC3339)
}
