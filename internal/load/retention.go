package load

import "convsync/internal/warehouse"

// The retention of the tables that grow with time, in days: see
// docs/retention.md. Ages are counted by [Ages], never by a single clock.
const (
	// KeepChanges is the minimum number of days for which changes are kept.
	KeepChanges = 90
	// KeepEvents is the number of days for which events are kept after they were
	// received. Events that still wait do not expire.
	KeepEvents = 90
	// KeepAlerts is the number of days for which resolved alerts are kept after
	// their last change. Others are kept for KeepRuns days.
	KeepAlerts = 90
	// KeepRuns is the number of days for which runs are kept.
	KeepRuns = 400
	// KeepRejects is the number of days for which rejects are kept after the source
	// last returned them.
	KeepRejects = 400
	// KeepDrift is the number of days for which drift is kept after it was last
	// observed.
	KeepDrift = 400
)

const (
	// FullRuns is the number of latest runs that are all kept. Of older ones, only
	// the last of each day is kept.
	FullRuns = 10_000
	// MaxRuns is the number of runs above which all but the FullRuns latest are
	// thinned.
	MaxRuns = 12_000
)

const dayMicros = warehouse.Timestamp(24 * 60 * 60 * 1_000_000)

// Ages computes the age of rows at the end of a run, by server time and the local
// clock. A clock that is far ahead must not expire a row early, and a row with a
// time in the future must not prevent later rows from expiring.
type Ages struct {
	source, local warehouse.Timestamp
}

// AgesAt returns the ages at the end of a run. ok is false if the source did not
// respond in the run: nothing expires by the local clock alone.
func AgesAt(run *warehouse.SyncRun) (ages Ages, ok bool) {
	if !run.SourceAt.Valid {
		return Ages{}, false
	}
	local := run.StartedAt
	if run.FinishedAt.Valid {
		local = run.FinishedAt.V
	}
	return Ages{source: run.SourceAt.V, local: local}, true
}

// Cutoff returns the time before which a row is older than days, by the earlier
// of the two clocks.
func (a Ages) Cutoff(days int) warehouse.Timestamp {
	return min(a.source, a.local) - warehouse.Timestamp(days)*dayMicros
}

// Day returns the UTC day [from, until) of the earlier of the two clocks. Tables
// that are expensive to search are pruned in the first run of a day.
func (a Ages) Day() (from, until warehouse.Timestamp) {
	now := a.Cutoff(0)
	from = now - (now%dayMicros+dayMicros)%dayMicros
	return from, from + dayMicros
}

// Latest returns the latest time that a row can have: a day after the later of the
// two clocks. A row with a later time, which was written by a wrong clock, gets
// this one; otherwise it would not expire.
func (a Ages) Latest() warehouse.Timestamp { return max(a.source, a.local) + dayMicros }

// Cutoffs returns the times, by each clock, before which a run must have ended to
// be older than days. Both must agree, since either clock may be wrong now or may
// have been wrong when the run ended.
func (a Ages) Cutoffs(days int) (source, local warehouse.Timestamp) {
	age := warehouse.Timestamp(days) * dayMicros
	return a.source - age, a.local - age
}

// isOlder reports whether a run ended more than days ago.
func (a Ages) isOlder(run *warehouse.SyncRun, days int) bool {
	source, local := a.Cutoffs(days)
	return run.SourceAt.Valid && run.SourceAt.V < source && run.FinishedAt.Valid && run.FinishedAt.V < local
}

// RunLog decides what expires, from the log of runs. Runs are added in the order
// in which they ended. Everything that was written before an expired run has
// expired as well, whatever its own time.
type RunLog struct {
	days    []int64 // on which the runs started
	expired int     // number of runs, from the first, that have expired
	changes int64
}

// Add adds the next run. ages and ok are the result of [AgesAt] for the current
// run.
func (l *RunLog) Add(run *warehouse.SyncRun, ages Ages, ok bool) {
	l.days = append(l.days, int64(run.StartedAt/dayMicros))
	if !ok {
		return
	}
	if ages.isOlder(run, KeepRuns) {
		l.expired = len(l.days)
	}
	if ages.isOlder(run, KeepChanges) && run.LastChange.Valid {
		l.changes = max(l.changes, run.LastChange.V)
	}
}

// ExpiredChanges returns the sequence number up to which changes have expired.
func (l *RunLog) ExpiredChanges() int64 { return l.changes }

// Drop returns a function that reports whether the run at a position, in the
// order of Add, is no longer kept; nil if all are kept.
func (l *RunLog) Drop() func(position int) bool {
	full := 0
	if len(l.days) > MaxRuns {
		full = len(l.days) - FullRuns
	}
	if full == 0 && l.expired == 0 {
		return nil
	}
	return func(i int) bool { return i < l.expired || i < full && l.days[i] == l.days[i+1] }
}
