package load

import "convsync/internal/warehouse"

// How many days the tables that grow with time are kept; docs/retention.md
// lists them. Ages are counted by [Ages], never by one clock alone.
const (
	// KeepChanges is for how many days changes are kept, at least.
	KeepChanges = 90
	// KeepEvents is for how many days events are kept after they were received.
	// Those that wait are kept however old.
	KeepEvents = 90
	// KeepAlerts is for how many days resolved alerts are kept after their last
	// change. Others are kept for KeepRuns days.
	KeepAlerts = 90
	// KeepRuns is for how many days runs are kept.
	KeepRuns = 400
	// KeepRejects is for how many days rejects are kept after they were last
	// answered.
	KeepRejects = 400
	// KeepDrift is for how many days drift is kept after it was last observed.
	KeepDrift = 400
)

const (
	// FullRuns is how many runs are kept each. Of older ones the last of each day
	// is kept.
	FullRuns = 10_000
	// MaxRuns is how many runs there may be before they are thinned.
	MaxRuns = 12_000
)

const dayMicros = warehouse.Timestamp(24 * 60 * 60 * 1_000_000)

// Ages tells how old things are at the end of a run. A clock that is far ahead
// must not expire anything early, and what was dated by such a clock must not
// prevent that later things expire.
type Ages struct {
	source, local warehouse.Timestamp
}

// AgesAt returns the ages at the end of a run; ok is false when the source did
// not answer it: a single clock expires nothing.
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

// Cutoff is the time before which something is older than so many days, by the
// clock that is behind.
func (a Ages) Cutoff(days int) warehouse.Timestamp {
	return min(a.source, a.local) - warehouse.Timestamp(days)*dayMicros
}

// Day is the UTC day of the clock that is behind, [from, until). Tables that take
// long to search are pruned with its first run.
func (a Ages) Day() (from, until warehouse.Timestamp) {
	now := a.Cutoff(0)
	from = now - (now%dayMicros+dayMicros)%dayMicros
	return from, from + dayMicros
}

// Latest is the latest time that something can have: a day after the clock that
// is ahead. What is later was dated by a wrong clock and gets this time, since
// it would never expire.
func (a Ages) Latest() warehouse.Timestamp { return max(a.source, a.local) + dayMicros }

// Cutoffs are the times before which a run must have ended to be older than so
// many days, by each clock. Both must say so: a clock that was wrong when the run
// ended, or is now, does not agree.
func (a Ages) Cutoffs(days int) (source, local warehouse.Timestamp) {
	age := warehouse.Timestamp(days) * dayMicros
	return a.source - age, a.local - age
}

// isOlder reports whether a run ended more than so many days ago.
func (a Ages) isOlder(run *warehouse.SyncRun, days int) bool {
	source, local := a.Cutoffs(days)
	return run.SourceAt.Valid && run.SourceAt.V < source && run.FinishedAt.Valid && run.FinishedAt.V < local
}

// RunLog decides what expires by the log of runs. Runs are added in the order in
// which they ended. What was written before a run that is old enough is old
// enough as well, whatever time it has itself.
type RunLog struct {
	days    []int64 // that the runs started on
	expired int     // so many of the first
	changes int64
}

// Add adds the next run, judged at the end of the current one. ok is that of
// [AgesAt].
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

// ExpiredChanges is the sequence up to which changes have expired.
func (l *RunLog) ExpiredChanges() int64 { return l.changes }

// Drop tells which of the runs that were added, by their position, are no longer
// kept; nil: all are kept.
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
