package load_test

import (
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// drawResult draws a result of one recording.
func drawResult(t *rapid.T) load.RecordingResult {
	at := func(name string) warehouse.Null[warehouse.Timestamp] {
		v := rapid.Int64Range(-1, 3).Draw(t, name)
		return warehouse.Null[warehouse.Timestamp]{V: warehouse.Timestamp(max(v, 0)), Valid: v >= 0}
	}
	var r load.RecordingResult
	a := &r.AudioReference
	a.Availability = warehouse.AudioUnknown
	if a.CheckedAt = at("checked"); a.CheckedAt.Valid {
		a.Availability = rapid.SampledFrom([]string{warehouse.AudioAvailable, warehouse.AudioMissing, warehouse.AudioFailed}).Draw(t, "availability")
		a.Checks = rapid.Int64Range(0, 2).Draw(t, "checks")
		a.NextCheckAt = at("next")
		a.SizeBytes = warehouse.Some(rapid.Int64Range(0, 2).Draw(t, "size"))
	}
	if a.StoredAt = at("stored"); a.StoredAt.Valid {
		a.StoredURI = warehouse.Text(rapid.SampledFrom([]string{"a.wav", "b.wav"}).Draw(t, "uri"))
		a.SHA256 = warehouse.Text(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "hash"))
	}
	a.RedactionEvidence = warehouse.Text(rapid.SampledFrom([]string{"", "requested", "identical", "verified", "unknown"}).Draw(t, "evidence"))
	return r
}

// Results in any order, some of them twice, give the same row.
func TestMergeRecording_AnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		results := rapid.SliceOfN(rapid.Custom(drawResult), 1, 5).Draw(t, "results")
		merge := func(order []int) warehouse.AudioReference {
			row := warehouse.AudioReference{Availability: warehouse.AudioUnknown, URL: "u"}
			for _, i := range order {
				row = load.MergeRecording(row, &results[i])
			}
			return row
		}
		all := make([]int, len(results))
		for i := range all {
			all[i] = i
		}
		want := merge(all)
		again := rapid.SliceOfN(rapid.IntRange(0, len(results)-1), 0, 3).Draw(t, "again")
		if got := merge(append(rapid.Permutation(all).Draw(t, "order"), again...)); got != want {
			t.Fatalf("in another order:\n got %+v\nwant %+v", got, want)
		}
	})
}

func TestMergeRecording(t *testing.T) {
	t.Parallel()
	at := func(v int64) warehouse.Null[warehouse.Timestamp] { return warehouse.Some(warehouse.Timestamp(v)) }
	stored := warehouse.AudioReference{
		URL:               "u",
		Availability:      warehouse.AudioAvailable,
		CheckedAt:         at(5),
		SizeBytes:         warehouse.Some(int64(100)),
		StoredURI:         "a.wav",
		SHA256:            "1",
		StoredAt:          at(5),
		RedactionEvidence: warehouse.EvidenceVerified,
	}
	with := func(change func(*warehouse.AudioReference)) warehouse.AudioReference {
		a := stored
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		in   load.RecordingResult
		want warehouse.AudioReference
	}{
		"Older": {load.RecordingResult{AudioReference: warehouse.AudioReference{Availability: warehouse.AudioMissing, CheckedAt: at(4)}}, stored},
		"NoCheck": {
			load.RecordingResult{AudioReference: warehouse.AudioReference{Availability: warehouse.AudioUnknown, URL: "other"}}, stored,
		},
		"Later": {
			load.RecordingResult{AudioReference: warehouse.AudioReference{Availability: warehouse.AudioMissing, CheckedAt: at(6), Checks: 2, NextCheckAt: at(9)}},
			with(func(a *warehouse.AudioReference) {
				a.Availability, a.CheckedAt, a.Checks, a.NextCheckAt = warehouse.AudioMissing, at(6), 2, at(9)
				a.SizeBytes = warehouse.Null[int64]{}
			}),
		},
		"WeakerEvidence": {load.RecordingResult{AudioReference: warehouse.AudioReference{RedactionEvidence: warehouse.EvidenceRequested}}, stored},
		"Forget": {
			load.RecordingResult{AudioReference: warehouse.AudioReference{StoredURI: "a.wav"}, Forget: true},
			with(func(a *warehouse.AudioReference) {
				a.SHA256, a.StoredURI, a.StoredAt = "", "", warehouse.Null[warehouse.Timestamp]{}
			}),
		},
		"ForgetOther": {load.RecordingResult{AudioReference: warehouse.AudioReference{StoredURI: "b.wav"}, Forget: true}, stored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := load.MergeRecording(stored, &c.in); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestBacklog_Due(t *testing.T) {
	t.Parallel()
	kind := load.RecordingKind{Direction: "combined", Redacted: true}
	at := func(v int64) warehouse.Null[warehouse.Timestamp] { return warehouse.Some(warehouse.Timestamp(v)) }
	never := warehouse.Null[warehouse.Timestamp]{}
	for name, c := range map[string]struct {
		availability string
		next         warehouse.Null[warehouse.Timestamp]
		stored       bool
		check, store bool
	}{
		"Unknown":         {warehouse.AudioUnknown, never, false, true, true},
		"UnknownLater":    {warehouse.AudioUnknown, at(11), false, false, false},
		"UnknownDue":      {warehouse.AudioUnknown, at(10), false, true, true},
		"Available":       {warehouse.AudioAvailable, never, false, false, true},
		"AvailableLater":  {warehouse.AudioAvailable, at(11), false, false, false},
		"Stored":          {warehouse.AudioAvailable, never, true, false, false},
		"Missing":         {warehouse.AudioMissing, at(10), false, true, true},
		"MissingForever":  {warehouse.AudioMissing, never, false, false, false},
		"FailedLater":     {warehouse.AudioFailed, at(11), false, false, false},
		"ForbiddenIsDue":  {warehouse.AudioForbidden, at(9), false, true, true},
		"ForbiddenNoMore": {warehouse.AudioForbidden, never, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := warehouse.AudioReference{Direction: "combined", Redacted: true, Availability: c.availability, NextCheckAt: c.next}
			if c.stored {
				a.StoredAt = at(1)
			}
			for _, b := range []load.Backlog{{Kinds: []load.RecordingKind{kind}, DueAt: 10}, {Kinds: []load.RecordingKind{kind}, DueAt: 10, Store: true}} {
				if got, want := b.Due(&a), b.Store && c.store || !b.Store && c.check; got != want {
					t.Errorf("store %v: due %v, want %v", b.Store, got, want)
				}
				b.Recheck = []string{c.availability}
				if got := b.Due(&a); got == c.stored {
					t.Errorf("rechecked: due %v", got)
				}
				b.Kinds = []load.RecordingKind{{Direction: "combined"}}
				if b.Due(&a) {
					t.Error("another version is due")
				}
			}
		})
	}
}
