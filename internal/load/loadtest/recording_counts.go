package loadtest

import (
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// checkRecordingCounts counts references, before and after a run moves results into
// the tables. The backlog is that of the kinds that are worked on, without
// conversations that the source no longer lists.
func checkRecordingCounts(t testing.TB, s Subject) {
	b := begin(t, s, 1, "p", "q")
	at := func(hours int) time.Time { return Noon.Add(time.Duration(hours) * time.Hour) }
	for i := range 5 {
		b.load(Conversation("p", fmt.Sprint("c-", i), at(i)))
	}
	unlisted := Conversation("p", "unlisted", at(-1))
	b.load(unlisted, Conversation("p", "open", at(5), Open()))
	b.load(Conversation("q", "c-1", Noon))
	b.miss(live("p"), keyOf(unlisted))
	c := claimRecordings(t, s, "p")
	later := available("c-1", raw, 1)
	later.NextCheckAt = recordingTime(1_000_000) // in the backlog, because it is due then
	c.record(later, copied("c-2", raw, 2), missing("c-3", raw, 1), available("unlisted", redacted, 1),
		load.RecordingResult{AudioReference: unchecked("c-1", redacted)}, available("c-4", redacted, 1))
	all := load.RecordingCounts{
		Unknown:     5,
		Available:   4,
		Missing:     1,
		Stored:      1,
		StoredBytes: 1000,
	}
	with := func(left int64, oldestUnchecked int, unstored int64, oldestUnstored int) load.RecordingCounts {
		counts := all
		counts.Unchecked, counts.OldestUnchecked = left, warehouse.TimestampOf(at(oldestUnchecked))
		counts.Unstored, counts.OldestUnstored = unstored, warehouse.TimestampOf(at(oldestUnstored))
		return counts
	}
	for range 2 {
		for _, of := range []struct {
			name  string
			kinds []load.RecordingKind
			want  load.RecordingCounts
		}{
			{"all kinds", []load.RecordingKind{redacted, raw}, with(4, 0, 2, 1)},
			{"raw", []load.RecordingKind{raw}, with(3, 0, 1, 1)},
			{"redacted", []load.RecordingKind{redacted}, with(1, 1, 1, 4)},
			{"no longer requested", []load.RecordingKind{{Direction: "user"}}, all},
			{"no kinds", nil, all},
		} {
			got, err := c.dest.RecordingCounts(t.Context(), map[string][]load.RecordingKind{"p": of.kinds, "q": {raw}, "none": {raw}})
			if err != nil || len(got) != 3 || got["p"] != of.want || got["q"].Unchecked != 1 || got["none"] != (load.RecordingCounts{}) {
				t.Errorf("%s: counts %+v, %v; want %+v", of.name, got, err, of.want)
			}
		}
		b.end()
		b = begin(t, s, 2, "p", "q")
	}
}
