package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon.AddDate(0, 1, 0)))
	pgtest.Exec(t, inSchema(t, database, "polyai"), "INSERT INTO erasures VALUES ('p', 'c-2', now(), NULL, 'run-0')")
	c := claim(t, d, "run-1")
	forget := copyOf("c-1", redacted, 3)
	forget.Forget = true
	gone := record(t, c, result("c-1", raw, warehouse.AudioMissing, 1), result("c-1", raw, warehouse.AudioAvailable, 2), copyOf("c-1", redacted, 2),
		result("none", raw, warehouse.AudioMissing, 1), result("c-2", raw, warehouse.AudioMissing, 1), result("none", raw, warehouse.AudioMissing, 2))
	if want := []load.RecordingKey{{ConversationID: "none", RecordingKind: raw}, {ConversationID: "c-2", RecordingKind: raw}}; !slices.Equal(gone, want) {
		t.Errorf("gone are %v, want %v", gone, want)
	}
	record(t, c, result("c-1", raw, warehouse.AudioMissing, 1)) // older
	found := storedReferences(t, d, "c-1")
	if len(found) != 2 || found[0].Availability != warehouse.AudioAvailable || found[0].URL == "" ||
		found[1].SHA256 != "00ff" || found[1].StartedAt != found[0].StartedAt || found[1].ProjectID != "p" {
		t.Errorf("the references are %+v", found)
	}
	record(t, c, forget)
	if a := storedReferences(t, d, "c-1")[1]; a.StoredAt.Valid || a.StoredURI != "" || a.Availability != warehouse.AudioAvailable {
		t.Errorf("after the copy is gone: %+v", a)
	}
	state := warehouse.RecordingState{
		ProjectID:   "p",
		Enlisted:    "combined",
		Compared:    3,
		LastRunAt:   warehouse.Some(warehouse.Timestamp(7)),
		RemovedUpTo: 9,
	}
	for range 2 {
		state.Compared++
		if _, err := c.Record(t.Context(), nil, &state); err != nil {
			t.Fatal(err)
		}
		if got, err := d.RecordingState(t.Context(), "p"); err != nil || got != state {
			t.Errorf("the state is %+v, %v; want %+v", got, err, state)
		}
	}
	if got, err := d.RecordingState(t.Context(), "q"); err != nil || got != (warehouse.RecordingState{ProjectID: "q"}) {
		t.Errorf("the state of another project is %+v, %v", got, err)
	}
}

// A row that cannot be written must not be reported as recorded.
func TestRecord_SkippedByTrigger(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	pgtest.Exec(t, inSchema(t, database, "polyai"), "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
		"CREATE TRIGGER own BEFORE INSERT OR UPDATE ON audio_references FOR EACH ROW EXECUTE FUNCTION own()")
	c := claim(t, d, "run-1")
	for _, kind := range []load.RecordingKind{raw, redacted} {
		_, err := c.Record(t.Context(), []load.RecordingResult{result("c-1", kind, warehouse.AudioMissing, 1)}, nil)
		wantState(t, err, "a trigger skipped a row")
	}
}

// Results of conversations that a run has locked wait for it, without a lock.
func TestRecord_Locked(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	schema := inSchema(t, database, "polyai")
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon), loadtest.Conversation("p", "c-3", loadtest.Noon))
	for name, lock := range map[string]string{
		"key":   "UPDATE conversation_keys SET lifecycle = 'open' WHERE conversation_id = 'c-1'",
		"moved": "UPDATE audio_references SET started_at = started_at + interval '1 second' WHERE conversation_id = 'c-1'",
		"row":   "SELECT FROM audio_references WHERE conversation_id = 'c-1' FOR UPDATE",
	} {
		other := connect(t, schema)
		tx, err := other.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), lock); err != nil {
			t.Fatal(err)
		}
		waiting := make(chan bool, 1)
		own := open(t, Options{URL: d.URL, Step: func(step string) {
			if step == "wait for a conversation" {
				waiting <- true
			}
		}})
		c := claim(t, own, "run-1")
		done := make(chan error, 1)
		state := warehouse.RecordingState{ProjectID: "p", Enlisted: warehouse.Text(name)}
		go func() {
			_, err := c.Record(t.Context(), []load.RecordingResult{
				result("c-1", raw, warehouse.AudioMissing, 1), result("c-2", raw, warehouse.AudioMissing, 1),
			}, &state)
			done <- err
		}()
		<-waiting
		if a := storedReferences(t, d, "c-2")[0]; a.Availability != warehouse.AudioMissing {
			t.Errorf("%s: the other result waits, too: %+v", name, a)
		}
		if s, err := d.RecordingState(t.Context(), "p"); err != nil || s.Enlisted == state.Enlisted {
			t.Errorf("%s: the state is stored before its results: %v", name, err)
		}
		// What the run does next must not wait for the results.
		if _, err := tx.Exec(t.Context(), "UPDATE conversation_keys SET lifecycle = 'final'"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(tx.Rollback(t.Context()), <-done, c.Close()); err != nil {
			t.Fatal(err)
		}
		if s, err := d.RecordingState(t.Context(), "p"); err != nil || s.Enlisted != state.Enlisted || storedReferences(t, d, "c-1")[0].Availability != warehouse.AudioMissing {
			t.Errorf("%s: the results are not recorded, %v", name, err)
		}
		pgtest.Exec(t, schema, "UPDATE audio_references SET availability = 'unknown', checked_at = NULL")
	}
}

// A run that moves, changes and repairs conversations, and results of their
// recordings, neither wait for each other for ever nor lose anything.
func TestRecord_NextToWriter(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	const conversations, rounds = 12, 12
	version := func(round int) (rows []*warehouse.Rows) {
		for i := range conversations {
			start := loadtest.Noon.AddDate(0, round%3*(i%2), 0).Add(time.Duration(round) * time.Second) // later and later, some in other months
			rows = append(rows, loadtest.Conversation("p", fmt.Sprintf("c-%02d", i), start, loadtest.Note(fmt.Sprint(round))))
		}
		return rows
	}
	loadOne(t, d, version(0)...)
	w, c := begin(t, d, "run-1", "p"), claim(t, d, "run-2")
	done := make(chan error, 1)
	go func() {
		for hour := range rounds {
			var results []load.RecordingResult
			for i := range conversations {
				id := fmt.Sprintf("c-%02d", (i*5+hour)%conversations)
				results = append(results, result(id, raw, warehouse.AudioMissing, hour+1), copyOf(id, redacted, hour+1))
			}
			if gone, err := c.Record(context.WithoutCancel(t.Context()), results, nil); err != nil || len(gone) > 0 {
				done <- fmt.Errorf("gone are %v: %w", gone, err)
				return
			}
		}
		done <- nil
	}()
	reseal := make([]load.Key, conversations)
	for round := range rounds {
		rows := version(round + 1)
		moved := map[string]load.Place{}
		for i, r := range version(round) { // also to an earlier start
			moved[r.Conversation.ConversationID] = load.Place{Environment: loadtest.Live, StartedAt: r.Conversation.StartedAt}
			reseal[i] = load.Key{ID: r.Conversation.ConversationID, StartedAt: rows[i].Conversation.StartedAt}
		}
		if err := w.Stage(t.Context(), &load.Batch{
			Window:  1,
			Feed:    feed,
			Rows:    rows,
			Moved:   moved,
			Rewrite: round%2 == 0,
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Mend(t.Context(), &load.Mending{ProjectID: "p", RunID: "run-1", At: never, Reseal: reseal}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	at := result("", raw, "", rounds).CheckedAt
	for key, r := range (subject{database, "polyai"}).Dump(t).Conversations {
		if len(r.Audio) != 2 || r.Audio[0].CheckedAt != at || r.Audio[1].StoredAt != at || r.Audio[0].StartedAt != r.Conversation.StartedAt || r.Audio[1].StartedAt != r.Conversation.StartedAt {
			t.Errorf("the references of %q, started at %d, are %+v", key, r.Conversation.StartedAt, r.Audio)
		}
	}
}
