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

// crashDays returns the two windows that a crashing writer publishes: the rows
// that are staged, and the rows that have to be stored afterwards.
func crashDays() (windows [2]*load.Window, given, want [2][]*warehouse.Rows) {
	for i := range windows {
		windows[i] = &load.Window{ID: load.WindowID(i + 1), Feed: live("p")}
		windows[i].Coverage, windows[i].Watermark = []load.Range{span(-4, i+1)}, at(i+1)
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
	windows[0].Missing, windows[0].Resolved = missingKeys("missing"), []string{"resolved"}
	windows[1].Missing, windows[1].DeleteMissing = missingKeys("dropped", "dropped, alone"), true
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
	return windows, given, want
}

// crashBase loads the conversations that precede the crashing writer.
func crashBase(t testing.TB, s Subject) *Dump {
	t.Helper()
	b := begin(t, s, 1, "p")
	b.load(
		Conversation("p", "unchanged", Noon), Conversation("p", "changed", Noon), Conversation("p", "shrunk", Noon, Turns(6)),
		Conversation("p", "to another day", Noon), Conversation("p", "to another month", Noon), Conversation("p", "hidden", Noon),
		Conversation("p", "ended", Noon.AddDate(0, 0, 1), Open()), Conversation("p", "from another day", Noon.AddDate(0, 0, -2)),
		Conversation("p", "untouched", Noon.AddDate(0, 0, -3)),
		Conversation("p", "missing", Noon, Open()), Conversation("p", "dropped", Noon.AddDate(0, 0, 1), Open()),
		Conversation("p", "dropped, alone", Noon.AddDate(0, 0, 9)),
	)
	cover(b, live("p"), at(-1), span(-4, -1))
	st := b.next(live("p"))
	st.Rejects = []warehouse.Reject{reject(st, "resolved")}
	b.publish(st)
	takeBase(t, inbox(t, b.dest))
	b.end()
	return dump(t, s)
}

// missingKeys returns the keys of conversations that are no longer listed.
func missingKeys(ids ...string) (keys []load.Key) {
	starts := map[string]time.Time{"missing": Noon, "dropped": Noon.AddDate(0, 0, 1), "dropped, alone": Noon.AddDate(0, 0, 9)}
	for _, id := range ids {
		keys = append(keys, load.Key{ID: id, StartedAt: warehouse.TimestampOf(starts[id])})
	}
	return keys
}

// crashWork does the work of the crashing writer, as the run of that number.
func crashWork(ctx context.Context, dest load.Destination, run int) (err error) {
	owner := ownerOf(run)
	if err := dest.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if err := crashInbox(ctx, dest); err != nil {
		return err
	}
	w, err := dest.Begin(ctx, owner, "p")
	if err != nil {
		return fmt.Errorf("Begin: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Register(ctx, []load.Project{Project("p")}); err != nil {
		return fmt.Errorf("Register: %w", err)
	}
	windows, given, _ := crashDays()
	for i, st := range windows {
		st.RunID, st.At = owner.RunID, owner.Started+warehouse.Timestamp(i+1)
		st.Rejects = []warehouse.Reject{reject(st, fmt.Sprintf("reject-%d", i))}
		st.Drift = []warehouse.Drift{drift(st, "extra", 1, 10)}
		half := len(given[i]) / 2
		for _, rows := range [][]*warehouse.Rows{given[i][:half], given[i][half:]} {
			staged := batch(st, rows)
			staged.LiveSince = 1 // all of it is late
			before := load.Place{Environment: Live, StartedAt: warehouse.TimestampOf(Noon)}
			staged.Moved = map[string]load.Place{"to another day": before, "to another month": before}
			if err := w.Stage(ctx, staged); err != nil {
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
