package load

import (
	"cmp"

	"convsync/internal/warehouse"
)

// KilledRun returns the row of sync_runs for a run that ended without storing
// one, made from the record of its lock. Records of older versions lack the kind.
func KilledRun(o *Owner) warehouse.SyncRun {
	return warehouse.SyncRun{
		RunID:     o.RunID,
		Actor:     warehouse.Text(o.Actor),
		Host:      warehouse.Text(o.Host),
		Version:   warehouse.Text(o.Version),
		Kind:      cmp.Or(o.Kind, "incremental"),
		Status:    warehouse.RunKilled,
		StartedAt: o.Started,
		Error:     "the run was killed; what it published remains stored, its counts are not known",
	}
}
