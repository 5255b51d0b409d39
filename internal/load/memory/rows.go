package memory

import (
	"cmp"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func idOf(c *warehouse.Conversation) ID { return ID{c.ProjectID, c.ConversationID} }

func feedOf(c *warehouse.Conversation) load.Feed {
	return load.Feed{ProjectID: c.ProjectID, Environment: c.Environment}
}

func byStart(a warehouse.Timestamp, aID string, b warehouse.Timestamp, bID string) int {
	return cmp.Or(cmp.Compare(a, b), cmp.Compare(aID, bID))
}

// midnight returns the beginning of the UTC day of a time.
func midnight(t warehouse.Timestamp) warehouse.Timestamp {
	return warehouse.TimestampOf(t.Time().Truncate(24 * time.Hour))
}

// keep replaces rows by those that are kept, which the function may change.
func keep[R any](rows *[]R, isKept func(*R) bool) {
	var kept []R
	for _, r := range *rows {
		if isKept(&r) {
			kept = append(kept, r)
		}
	}
	*rows = kept
}

// put replaces the row that is the same, after merging with it, or appends row.
// merge may be nil.
func put[R any](rows *[]R, row R, same func(*R) bool, merge func(stored, row *R)) (isNew bool) {
	i := slices.IndexFunc(*rows, func(r R) bool { return same(&r) })
	if i < 0 {
		*rows = append(*rows, row)
		return true
	}
	if merge != nil {
		merge(&(*rows)[i], &row)
	}
	(*rows)[i] = row
	return false
}
