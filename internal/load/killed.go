package load

import (
	"cmp"

	"convsync/internal/warehouse"
)

// KilledRun is the row in sync_runs of a run that ended without one, by the
// record of its owner. Older programs' records do not tell the kind.
func KilledRun(o *Owner) warehouse.SyncRun {
	return warehouse.SyncRun{
		RunID: o.RunID, Actor: warehouse.Text(o.Actor), Host: warehouse.Text(o.Host), Version: warehouse.Text(o.Version),
		Kind: cmp.Or(o.Kind, "incremental"), Status: warehouse.RunKilled, StartedAt: o.Started,
		Error: "the run ended without a word; what it published is kept, its counts are not known",
	}
}
