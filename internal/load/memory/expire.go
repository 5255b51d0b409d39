package memory

import (
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// expire deletes what is no longer kept at the end of a run. Times in the future
// become the latest possible one.
func (d *Data) expire(run *warehouse.SyncRun) {
	ages, ok := load.AgesAt(run)
	d.expireRuns(ages, ok)
	if !ok {
		return
	}
	latest := ages.Latest()
	keep(&d.Events, func(e *warehouse.WebhookEvent) bool {
		if e.State == warehouse.EventWaiting {
			return true
		}
		e.ReceivedAt = min(e.ReceivedAt, latest)
		return e.ReceivedAt >= ages.Cutoff(load.KeepEvents)
	})
	keep(&d.Alerts, func(a *warehouse.ActiveAlert) bool {
		a.UpdatedAt = min(a.UpdatedAt, latest)
		resolved := a.Status == warehouse.AlertResolved && a.UpdatedAt < ages.Cutoff(load.KeepAlerts)
		return !resolved && a.UpdatedAt >= ages.Cutoff(load.KeepRuns)
	})
	keep(&d.Drift, func(x *warehouse.Drift) bool {
		x.FirstSeenAt, x.LastSeenAt = min(x.FirstSeenAt, latest), min(x.LastSeenAt, latest)
		return x.LastSeenAt >= ages.Cutoff(load.KeepDrift)
	})
	keep(&d.Rejects, func(r *warehouse.Reject) bool {
		r.FirstSeenAt, r.LastSeenAt = min(r.FirstSeenAt, latest), min(r.LastSeenAt, latest)
		return r.LastSeenAt >= ages.Cutoff(load.KeepRejects) && !d.isErased(r)
	})
}

// expireRuns deletes expired runs, and the changes that were recorded before them.
func (d *Data) expireRuns(ages load.Ages, ok bool) {
	var log load.RunLog
	for i := range d.Runs {
		log.Add(&d.Runs[i], ages, ok)
	}
	if drop := log.Drop(); drop != nil {
		position := -1
		keep(&d.Runs, func(*warehouse.SyncRun) bool {
			position++
			return !drop(position)
		})
	}
	keep(&d.Changes, func(c *warehouse.Change) bool { return c.Sequence > log.ExpiredChanges() })
}
