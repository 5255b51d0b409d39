package recordings

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func TestWaitFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		availability, before string
		checks               int64
		age                  time.Duration
		want                 time.Duration // -1: not again
	}{
		"MissingAtFirst":       {warehouse.AudioMissing, warehouse.AudioUnknown, 1, 2 * time.Minute, 10 * time.Minute},
		"MissingDoubles":       {warehouse.AudioMissing, warehouse.AudioMissing, 5, 5 * time.Hour, 5 * time.Hour},
		"MissingUpToTheLimit":  {warehouse.AudioMissing, warehouse.AudioMissing, 9, 51 * time.Hour, 21 * time.Hour},
		"MissingOld":           {warehouse.AudioMissing, warehouse.AudioUnknown, 1, 72 * time.Hour, -1},
		"MissingBeforeItsEnd":  {warehouse.AudioMissing, warehouse.AudioUnknown, 1, -time.Minute, 10 * time.Minute},
		"MissingTooOften":      {warehouse.AudioMissing, warehouse.AudioMissing, 12, time.Hour, -1},
		"FailedAtFirst":        {warehouse.AudioFailed, warehouse.AudioUnknown, 1, time.Hour, 10 * time.Minute},
		"FailedAgain":          {warehouse.AudioFailed, warehouse.AudioFailed, 7, 999 * time.Hour, 640 * time.Minute},
		"FailedFinal":          {warehouse.AudioFailed, warehouse.AudioFailed, 8, time.Hour, -1},
		"FailedAfterMissing":   {warehouse.AudioFailed, warehouse.AudioMissing, 9, time.Hour, 24 * time.Hour},
		"ForbiddenAgain":       {warehouse.AudioForbidden, warehouse.AudioForbidden, 3, time.Hour, 24 * time.Hour},
		"ForbiddenFinal":       {warehouse.AudioForbidden, warehouse.AudioForbidden, 4, time.Hour, -1},
		"AvailableIsCompleted": {warehouse.AudioAvailable, warehouse.AudioMissing, 0, time.Hour, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, again := waitFor(c.availability, c.before, c.checks, c.age)
			if !again {
				got = -1
			}
			if got != c.want {
				t.Errorf("wait %v, not %v", got, c.want)
			}
		})
	}
}

// TestWaitFor_Bounded checks that a recording that is never available is checked at
// most 12 times, whatever the results, and that a missing one is checked when it is
// 72 h old.
func TestWaitFor_Bounded(t *testing.T) {
	t.Parallel()
	results := []string{warehouse.AudioMissing, warehouse.AudioForbidden, warehouse.AudioFailed}
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64Range(int64(-24*time.Hour), int64(100*time.Hour)).Draw(t, "age"))
		onlyMissing := rapid.Bool().Draw(t, "only missing")
		isYoung := age >= settleTime && age < youngFor
		before := warehouse.AudioUnknown
		for checks := int64(1); ; checks++ {
			if checks > maxChecks {
				t.Fatal("more than 12 checks")
			}
			availability := warehouse.AudioMissing
			if !onlyMissing {
				availability = rapid.SampledFrom(results).Draw(t, "result")
			}
			wait, again := waitFor(availability, before, checks, age)
			if !again {
				if onlyMissing && isYoung && age != youngFor {
					t.Fatalf("the last check of a missing recording was at the age of %v", age)
				}
				return
			}
			if wait <= 0 {
				t.Fatalf("wait %v", wait)
			}
			age += wait
			before = availability
		}
	})
}

func TestEndOf(t *testing.T) {
	t.Parallel()
	now := begin
	start := warehouse.TimestampOf(now.Add(-10 * time.Minute))
	at := func(d time.Duration) warehouse.Null[warehouse.Timestamp] {
		return warehouse.Some(warehouse.TimestampOf(now.Add(d)))
	}
	for name, c := range map[string]struct {
		finished warehouse.Null[warehouse.Timestamp]
		seconds  warehouse.Null[float64]
		want     time.Duration // before now
		settled  bool
	}{
		"Finished":       {finished: at(-3 * time.Minute), want: 3 * time.Minute, settled: true},
		"JustFinished":   {finished: at(-time.Minute), want: time.Minute},
		"Duration":       {seconds: warehouse.Some(90.0), want: 510 * time.Second, settled: true},
		"Unknown":        {want: 10 * time.Minute, settled: true},
		"FarInTheFuture": {finished: at(999 * time.Hour), want: 10 * time.Minute, settled: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := endOf(&load.RecordedConversation{StartedAt: start, FinishedAt: c.finished, TotalDurationSeconds: c.seconds}, now)
			if got := now.Sub(ended); got != c.want || isSettled(ended, now) != c.settled {
				t.Errorf("ended %v ago, settled %v", got, isSettled(ended, now))
			}
		})
	}
}
