package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// expire deletes what is no longer kept at the end of a run.
func (w *referenceWriter) expire(run *warehouse.SyncRun) {
	ages, ok := load.AgesAt(run)
	if w.fault == oneClock {
		ages, ok = load.AgesAt(&warehouse.SyncRun{SourceAt: run.FinishedAt, FinishedAt: run.FinishedAt})
	}
	log := &load.RunLog{}
	for i := range w.data.Runs {
		past := w.data.Runs[i]
		if w.fault == oneClock {
			past.SourceAt = past.FinishedAt
		}
		log.Add(&past, ages, ok)
	}
	if drop := log.Drop(); drop != nil && w.fault != keepsRuns {
		var kept []warehouse.SyncRun
		for i, r := range w.data.Runs {
			if !drop(i) {
				kept = append(kept, r)
			}
		}
		w.data.Runs = kept
	}
	if w.fault != keepsChanges {
		keep(&w.data.Changes, func(c *warehouse.Change) bool {
			return c.Sequence > log.ExpiredChanges()
		})
	}
	if !ok {
		return
	}
	latest := ages.Latest()
	keep(&w.data.Events, func(e *warehouse.WebhookEvent) bool {
		if e.State == warehouse.EventWaiting && w.fault != losesWaiting || w.fault == keepsEvents {
			return true
		}
		e.ReceivedAt = min(e.ReceivedAt, latest)
		return e.ReceivedAt >= ages.Cutoff(load.KeepEvents)
	})
	keep(&w.data.Alerts, func(a *warehouse.ActiveAlert) bool {
		a.UpdatedAt = min(a.UpdatedAt, latest)
		old := a.UpdatedAt < ages.Cutoff(load.KeepAlerts) && a.Status == warehouse.AlertResolved
		return !old && a.UpdatedAt >= ages.Cutoff(load.KeepRuns) || w.fault == keepsAlerts
	})
	keep(&w.data.Drift, func(d *warehouse.Drift) bool {
		if w.fault != keepsFutureDrift {
			d.LastSeenAt, d.FirstSeenAt = min(d.LastSeenAt, latest), min(d.FirstSeenAt, latest)
		}
		return d.LastSeenAt >= ages.Cutoff(load.KeepDrift)
	})
	keep(&w.data.Rejects, func(r *warehouse.Reject) bool {
		r.LastSeenAt, r.FirstSeenAt = min(r.LastSeenAt, latest), min(r.FirstSeenAt, latest)
		erased := slices.Contains(w.erased, id{r.ProjectID, string(r.ConversationID)}) && w.fault != keepsErasedRejects
		return !erased && (r.LastSeenAt >= ages.Cutoff(load.KeepRejects) || w.fault == keepsRejects)
	})
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
