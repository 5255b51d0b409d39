package loadtest

import (
	"errors"
	"maps"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// crashed checks what the next writer finds: each conversation is the old or the
// new version, and the new one if it is covered.
func crashed(t testing.TB, b *session, base *Dump) {
	t.Helper()
	d := dump(t, b.subject)
	watermark := b.state(live("p")).Watermark
	_, _, want := crashDays()
	total := len(d.Conversations)
	for i, rows := range want {
		covered := watermark >= at(i+1)
		for _, r := range rows {
			key := [2]string{"p", r.Conversation.ConversationID}
			old, got := base.Conversations[key], d.Conversations[key]
			if old == nil && got == nil && !covered {
				total++
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
	total += crashedMissing(t, d, base, watermark)
	crashedInbox(t, d, false)
	if want := len(base.Conversations) + 3; total != want {
		t.Errorf("%d conversations are stored, not yet stored or deleted, want %d", total, want)
	}
	if key := [2]string{"p", "untouched"}; Diff(base.Conversations[key], d.Conversations[key]) != "" {
		t.Errorf("the untouched conversation has changed")
	}
	if covered := b.state(live("p")).Coverage; len(covered) != 1 || covered[0].Until != max(watermark, at(-1)) {
		t.Errorf("coverage is %+v, with the watermark at %d", covered, watermark)
	}
	b.close()
}

// crashedMissing checks that missing conversations are marked or deleted, and the
// reject is resolved, exactly when their window is covered. It returns the number
// of deleted conversations.
func crashedMissing(t testing.TB, d, base *Dump, watermark warehouse.Timestamp) (deleted int) {
	t.Helper()
	marked, dropped := watermark >= at(1), watermark >= at(2)
	if since, got := d.mark("missing"); got != marked {
		t.Errorf("missing since %d (%v), covered: %v", since, got, marked)
	}
	if diff := Diff(base.of("missing"), d.of("missing"), "missing_since", "run_id"); diff != "" {
		t.Errorf("the missing conversation: %s", diff)
	}
	if n := d.upserts("missing") - base.upserts("missing"); n == 1 != marked || n > 1 {
		t.Errorf("%d changes of the missing conversation, covered: %v", n, marked)
	}
	for _, key := range windowOf(1).Missing {
		got, n := d.of(key.ID), d.changes(key.ID, warehouse.OperationDelete)
		if got == nil != dropped || n == 1 != dropped || n > 1 || d.upserts(key.ID) != base.upserts(key.ID) {
			t.Errorf("%q is stored: %v, deleted by %d changes, covered: %v", key.ID, got != nil, n, dropped)
		}
		if got == nil {
			deleted++
		} else if diff := Diff(base.of(key.ID), got); diff != "" {
			t.Errorf("the conversation to be deleted: %s", diff)
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

// windowOf returns one of the two windows that a crashing writer publishes.
func windowOf(i int) *load.Window {
	windows, _, _ := crashDays()
	return windows[i]
}

// crashedAndResumed does the work once more and checks that all of it is stored,
// and nothing else.
func crashedAndResumed(t testing.TB, s Subject) {
	t.Helper()
	dest := s.Open(t, nil)
	err := crashWork(t.Context(), dest, 4)
	countedOnce(t, dest)
	if err := errors.Join(err, dest.Close()); err != nil {
		t.Fatalf("the run after the crash: %v", err)
	}
	d := dump(t, s)
	if _, marked := d.mark("missing"); !marked || d.upserts("missing") != 2 {
		t.Errorf("the missing conversation is marked: %v, with %d changes; want 2", marked, d.upserts("missing"))
	}
	for _, key := range windowOf(1).Missing {
		if n := d.changes(key.ID, warehouse.OperationDelete); n != 1 {
			t.Errorf("%d changes delete %q, want 1", n, key.ID)
		}
	}
	_, _, want := crashDays()
	total := 2 // the untouched and the missing one
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
		t.Errorf("%d rejects and %d rows of drift are stored, want 2 and 1", len(d.Rejects), len(d.Drift))
	}
	if len(d.Coverage) != 1 || d.Coverage[0].Until != at(2) || len(d.Watermarks) != 1 || d.Watermarks[0].Watermark != at(2) {
		t.Errorf("coverage is %+v, with watermarks %+v", d.Coverage, d.Watermarks)
	}
	crashedInbox(t, d, true)
	if l, ok := s.(Leftovers); ok {
		for _, path := range l.Leftovers(t) {
			t.Errorf("left over: %s", path)
		}
	}
}

// countedOnce checks that the lateness of each written conversation was counted
// once, whichever of the runs wrote it.
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
