package loadtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// crashDays are the two stretches that a crashing writer publishes: what it is
// given, and what has to stand afterwards.
func crashDays() (stretches [2]*load.Stretch, given, want [2][]*warehouse.Rows) {
	for i := range stretches {
		stretches[i] = &load.Stretch{ID: load.StretchID(i + 1), Feed: live("p")}
		stretches[i].Coverage, stretches[i].Watermark = []load.Range{span(-4, i+1)}, at(i+1)
	}
	next := Noon.AddDate(0, 0, 1)
	want[0] = []*warehouse.Rows{
		Conversation("p", "unchanged", Noon),
		Conversation("p", "changed", Noon, Note("was read"), Turns(4)),
		Conversation("p", "shrunk", Noon, Turns(1)),
		Conversation("p", "new", Noon.Add(time.Minute), Open()),
		Conversation("p", "to another day", Noon.AddDate(0, 0, -1), Note("moved")),
		Conversation("p", "to another month", Noon.AddDate(0, -1, 0)),
		kept(Conversation("p", "hidden", Noon, Note("hidden"))),
	}
	want[1] = []*warehouse.Rows{
		Conversation("p", "new, next day", next),
		Conversation("p", "ended", next),
		Conversation("p", "from another day", next, Turns(2)),
		Conversation("p", "a year ago", Noon.AddDate(-1, 0, 0)),
	}
	for i := range want {
		for _, r := range want[i] {
			given[i] = append(given[i], Clone(r))
		}
	}
	given[0][6] = Conversation("p", "hidden", Noon, Note("hidden"), Hidden(warehouse.Some(int64(3))), NoMetrics("{}"))
	return stretches, given, want
}

// crashBase loads what is there before the writer that crashes.
func crashBase(t testing.TB, s Subject) *Dump {
	t.Helper()
	b := begin(t, s, 1, "p")
	b.load(
		Conversation("p", "unchanged", Noon), Conversation("p", "changed", Noon), Conversation("p", "shrunk", Noon, Turns(6)),
		Conversation("p", "to another day", Noon), Conversation("p", "to another month", Noon), Conversation("p", "hidden", Noon),
		Conversation("p", "ended", Noon.AddDate(0, 0, 1), Open()), Conversation("p", "from another day", Noon.AddDate(0, 0, -2)),
		Conversation("p", "untouched", Noon.AddDate(0, 0, -3)),
	)
	cover(b, live("p"), at(-1), span(-4, -1))
	b.end()
	return dump(t, s)
}

// crashWork does what the writer that crashes does, as the run of that number.
func crashWork(ctx context.Context, dest load.Destination, run int) (err error) {
	owner := ownerOf(run)
	if err := dest.Prepare(ctx); err != nil {
		return fmt.Errorf("Prepare: %w", err)
	}
	w, err := dest.Begin(ctx, owner)
	if err != nil {
		return fmt.Errorf("Begin: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Register(ctx, []load.Project{Project("p")}); err != nil {
		return fmt.Errorf("Register: %w", err)
	}
	stretches, given, _ := crashDays()
	for i, st := range stretches {
		st.RunID, st.At = owner.RunID, owner.Started+warehouse.Timestamp(i+1)
		st.Rejects = []warehouse.Reject{reject(st, fmt.Sprintf("reject-%d", i))}
		st.Drift = []warehouse.Drift{drift(st, "extra", 1, 10)}
		half := len(given[i]) / 2
		for _, rows := range [][]*warehouse.Rows{given[i][:half], given[i][half:]} {
			if err := w.Stage(ctx, batch(st, rows)); err != nil {
				return fmt.Errorf("Stage: %w", err)
			}
		}
		if _, err := w.Publish(ctx, st); err != nil {
			return fmt.Errorf("Publish: %w", err)
		}
	}
	row := warehouse.SyncRun{RunID: owner.RunID, Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: owner.Started}
	return w.Finish(ctx, &row)
}

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
	if want := len(base.Conversations) + 3; seen != want {
		t.Errorf("%d conversations are stored or still to come, want %d", seen, want)
	}
	if key := [2]string{"p", "untouched"}; Diff(base.Conversations[key], d.Conversations[key]) != "" {
		t.Errorf("a conversation that nobody touched has changed")
	}
	if covered := b.state(live("p")).Coverage; len(covered) != 1 || covered[0].Until != max(watermark, at(-1)) {
		t.Errorf("covered are %+v, with the watermark at %d", covered, watermark)
	}
	b.close()
}

// crashedAndDone does the work once more and checks that all of it stands, and
// nothing else.
func crashedAndDone(t testing.TB, s Subject) {
	t.Helper()
	dest := s.Open(t, nil)
	if err := errors.Join(crashWork(t.Context(), dest, 4), dest.Close()); err != nil {
		t.Fatalf("the run after the crash: %v", err)
	}
	d := dump(t, s)
	_, _, want := crashDays()
	total := 1 // the one that nobody touched
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
	if l, ok := s.(Leftovers); ok {
		for _, path := range l.Leftovers(t) {
			t.Errorf("left over: %s", path)
		}
	}
}
