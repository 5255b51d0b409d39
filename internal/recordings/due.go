package recordings

import (
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const (
	// settleTime passes after the end of a conversation before its recording is
	// requested: the recording of a call in progress is not complete.
	settleTime = 2 * time.Minute
	// youngFor is how long after the end of a conversation a missing recording may
	// still appear.
	youngFor      = 72 * time.Hour
	firstWait     = 10 * time.Minute
	maxFailedWait = 24 * time.Hour
	forbiddenWait = 24 * time.Hour

	maxForbidden = 4  // checks
	maxFailed    = 8  // checks, unless the one before had another result
	maxChecks    = 12 // of a recording that was never available, whatever the results
)

// waitFor returns how long to wait before a recording is checked again, or false if
// it is not checked again by itself. before and availability are the results of the
// check before and of the latest one, checks is their number, and age is the time
// since the end of the conversation.
func waitFor(availability, before string, checks int64, age time.Duration) (time.Duration, bool) {
	if checks >= maxChecks {
		return 0, false
	}
	switch availability {
	case warehouse.AudioMissing:
		if age >= youngFor {
			return 0, false
		}
		// The next check is when the age has doubled, and a last one at the limit.
		return min(max(age, firstWait), youngFor-max(age, 0)), true
	case warehouse.AudioForbidden:
		return forbiddenWait, checks < maxForbidden
	case warehouse.AudioFailed:
		// A recording that was missing before gets at least one more check.
		if checks >= maxFailed && before == warehouse.AudioFailed {
			return 0, false
		}
		return min(firstWait<<max(checks-1, 0), maxFailedWait), true
	}
	return 0, false
}

// nextCheck is [waitFor] for the next_check_at of a row.
func nextCheck(availability, before string, checks int64, now, ended time.Time) warehouse.Null[warehouse.Timestamp] {
	wait, again := waitFor(availability, before, checks, now.Sub(ended))
	if !again {
		return warehouse.Null[warehouse.Timestamp]{}
	}
	return warehouse.Some(warehouse.TimestampOf(now.Add(wait)))
}

// endOf returns when a conversation ended, as far as it is known.
func endOf(c *load.RecordedConversation, now time.Time) time.Time {
	ended := c.StartedAt.Time()
	switch {
	case c.FinishedAt.Valid:
		ended = c.FinishedAt.V.Time()
	case c.TotalDurationSeconds.Valid:
		ended = ended.Add(time.Duration(c.TotalDurationSeconds.V * float64(time.Second)))
	}
	if ended.After(now.Add(time.Hour)) {
		// It is not in progress, so this value is wrong.
		return c.StartedAt.Time()
	}
	return ended
}

// isSettled reports whether the recording of a conversation may be requested.
func isSettled(ended, now time.Time) bool {
	return !now.Before(ended.Add(settleTime)) || ended.After(now.Add(time.Hour))
}
