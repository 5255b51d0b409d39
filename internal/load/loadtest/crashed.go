package loadtest

import (
	"errors"
	"maps"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// crashed checks what the next writer finds: each conversation is as it was or
// as it was to become, and what is covered has become so.
func crashed(t testing.TB, b *session, base *Dump) {
	t.Helper()
	d := dump(t, b.subject)
	watermark := b.state(live("p")).Watermark
	_, _, want := crashDays()
	seen := len(d.Conversations)
	for i, rows := range want {
		covered := watermark >= at(i+1)
		for _, r := range rows {
			key := [2]string{"p", r.Conversation.ConversationID}
			old, got := base.Conversations[key], d.Conversations[key]
			if old == nil && got == nil && !covered {
				seen++
				continue
			}
			changes := d.upserts(key[1]) - base.upserts(key[1])
			asWas, asWill := Diff(old, got), Diff(r, got, LoaderSet...)
			switch {
			case asWill == "" && (changes == 1 || asWas == "" && changes == 0):
			case asWas == "" && !covered && changes == 0:
			default:
				t.Errorf("conversation %q, covered: %v, %d changes recorded: %s (before it was %s)", key[1], covered, changes, asWill, asWas)
			}
		}
	}
	seen += crashedGone(t, d, base, watermark)
	crashedInbox(t, d, false)
	if want := len(base.Conversations) + 3; seen != want {
		t.Errorf("%d conversations are stored, still to come or deleted, want %d", seen, want)
	}
	if key := [2]string{"p", "untouched"}; Diff(base.Conversations[key], d.Conversations[key]) != "" {
		t.Errorf("a conversation that nobody touched has changed")
	}
	if covered := b.state(live("p")).Coverage; len(covered) != 1 || covered[0].Until != max(watermark, at(-1)) {
		t.Errorf("covered are %+v, with the watermark at %d", covered, watermark)
	}
	b.close()
}

// crashedGone checks that what is no longer listed is marked or deleted, and
// the reject resolved, just where the stretch that says so is covered. It
// counts what is deleted.
func crashedGone(t testing.TB, d, base *Dump, watermark warehouse.Timestamp) (deleted int) {
	t.Helper()
	marked, dropped := watermark >= at(1), watermark >= at(2)
	if since, got := d.mark("missing"); got != marked {
		t.Errorf("missing since %d (%v), covered: %v", since, got, marked)
	}
	if diff := Diff(base.of("missing"), d.of("missing"), "missing_since", "run_id"); diff != "" {
		t.Errorf("what is missing: %s", diff)
	}
	if n := d.upserts("missing") - base.upserts("missing"); n == 1 != marked || n > 1 {
		t.Errorf("%d changes of what is missing, covered: %v", n, marked)
	}
	for _, key := range stretchOf(1).Missing {
		got, n := d.of(key.ID), d.changes(key.ID, warehouse.OperationDelete)
		if got == nil != dropped || n == 1 != dropped || n > 1 || d.upserts(key.ID) != base.upserts(key.ID) {
			t.Errorf("%q is stored: %v, deleted by %d changes, covered: %v", key.ID, got != nil, n, dropped)
		}
		if got == nil {
			deleted++
		} else if diff := Diff(base.of(key.ID), got); diff != "" {
			t.Errorf("what is to be deleted: %s", diff)
		}
	}
	resolved := true
	for _, r := range d.Rejects {
		resolved = resolved && r.RejectID != "resolved"
	}
	if resolved != marked {
		t.Errorf("the reject is resolved: %v, covered: %v", resolved, marked)
	}
	return deleted
}

// stretchOf is one of the two stretches that a crashing writer publishes.
func stretchOf(i int) *load.Stretch {
	stretches, _, _ := crashDays()
	return stretches[i]
}

// crashedAndDone does the work once more and checks that all of it stands, and
// nothing else.
func crashedAndDone(t testing.TB, s Subject) {
	t.Helper()
	dest := s.Open(t, nil)
	err := crashWork(t.Context(), dest, 4)
	countedOnce(t, dest)
	if err := errors.Join(err, dest.Close()); err != nil {
		t.Fatalf("the run after the crash: %v", err)
	}
	d := dump(t, s)
	if _, marked := d.mark("missing"); !marked || d.upserts("missing") != 2 {
		t.Errorf("what is missing is marked: %v, with %d changes; want 2", marked, d.upserts("missing"))
	}
	for _, key := range stretchOf(1).Missing {
		if n := d.changes(key.ID, warehouse.OperationDelete); n != 1 {
			t.Errorf("%d changes delete %q, want 1", n, key.ID)
		}
	}
	_, _, want := crashDays()
	total := 2 // the one that nobody touched, the missing one
	for _, rows := range want {
		for _, r := range rows {
			d.stored(t, r)
		}
		total += len(rows)
	}
	d.count(t, total)
	d.stored(t, Conversation("p", "untouched", Noon.AddDate(0, 0, -3)))
	if len(d.Open) != 1 || d.Open[0].ConversationID != "new" {
		t.Errorf("open are %+v, want the new one", d.Open)
	}
	if len(d.Rejects) != 2 || len(d.Drift) != 1 {
		t.Errorf("%d rejects and %d sightings of drift are stored, want 2 and 1", len(d.Rejects), len(d.Drift))
	}
	if len(d.Coverage) != 1 || d.Coverage[0].Until != at(2) || len(d.Watermarks) != 1 || d.Watermarks[0].Watermark != at(2) {
		t.Errorf("covered are %+v, with watermarks %+v", d.Coverage, d.Watermarks)
	}
	crashedInbox(t, d, true)
	if l, ok := s.(Leftovers); ok {
		for _, path := range l.Leftovers(t) {
			t.Errorf("left over: %s", path)
		}
	}
}

// countedOnce checks that the lateness of all that was written was counted, by
// whichever of the runs wrote it, and once.
func countedOnce(t testing.TB, dest load.Destination) {
	t.Helper()
	sums, err := dest.Summary(t.Context(), []load.Feed{live("p")})
	if err != nil {
		t.Fatalf("Summary: %v", err)
	}
	got := map[string]int64{}
	for _, l := range sums[live("p")].Lateness {
		got[l.Measure] += l.Count
	}
	// Three are new, of which one is open; one has ended; six have changed.
	want := map[string]int64{load.LateArrival: 3, load.LateFinal: 3, load.LateChange: 6}
	if !maps.Equal(got, want) {
		t.Errorf("lateness was counted of %v, want %v", got, want)
	}
}
