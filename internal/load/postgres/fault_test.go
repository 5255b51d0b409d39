package postgres

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// trap makes the server run PL/pgSQL code before each row that is written to or
// deleted from a table.
func trap(t *testing.T, database, event, table, body string) {
	t.Helper()
	pgtest.Exec(t, inSchema(t, database, "polyai"),
		"CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" RETURN coalesce(NEW, OLD); END $$",
		"CREATE TRIGGER trap BEFORE "+event+" ON "+table+" FOR EACH ROW EXECUTE FUNCTION polyai.trap()")
}

func removeTrap(t *testing.T, database string) {
	t.Helper()
	pgtest.Exec(t, database, "DROP FUNCTION polyai.trap CASCADE")
}

// await repeats a query until its result is true.
func await(t *testing.T, conn *pgx.Conn, question string, args ...any) {
	t.Helper()
	for yes := false; !yes; {
		if err := conn.QueryRow(t.Context(), question, args...).Scan(&yes); err != nil {
			t.Fatal(err)
		}
	}
}

// many returns n conversations with that note, which is also in their first
// turn.
func many(n int, note string) (rows []*warehouse.Rows) {
	for i := range n {
		rows = append(rows, loadtest.Conversation("p", fmt.Sprintf("c-%03d", i), loadtest.Noon, loadtest.Note(note), func(r *warehouse.Rows) {
			r.Turns[0].UserInput = warehouse.Text(note)
		}))
	}
	return rows
}

func TestServerRestart_DuringCopy(t *testing.T) {
	t.Parallel()
	database, restart := pgtest.Restartable(t)
	d := open(t, Options{URL: fixed(database)})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	loadOne(t, d, many(50, "before")...)
	s := subject{database, "polyai"}
	before := s.Dump(t)

	holder := connect(t, database)
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		t.Fatal(err)
	}
	// The write hangs in the middle, with rows before and after.
	trap(t, database, "INSERT OR UPDATE", "turns", "IF NEW.conversation_id = 'c-025' THEN PERFORM pg_advisory_lock(1); END IF;")
	w := begin(t, d, "run-1")
	staged := make(chan error)
	go func() {
		staged <- w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: many(60, "after"), LiveSince: 1})
	}()
	await(t, connect(t, database), "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
	restart()
	wantState(t, <-staged, "run again")
	wantSame(t, before, s.Dump(t))
	_, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, Watermark: 1000000})
	if err != nil { // the lock's session has ended, although no other run has taken over
		wantState(t, err, "run again")
	}
	removeTrap(t, database)

	w = begin(t, open(t, Options{URL: fixed(database)}), "run-2")
	if c := stageOne(t, w, many(60, "after")...); c.Inserted != 10 || c.Updated != 50 {
		t.Errorf("counted %+v, want 10 inserted and 50 updated", c)
	}
	killed := func(r warehouse.SyncRun) bool { return r.RunID == "run-1" && r.Status == warehouse.RunKilled }
	if runs := s.Dump(t).Runs; !slices.ContainsFunc(runs, killed) {
		t.Errorf("the runs are %+v, want run-1 among them, killed", runs)
	}
}

// wantSame checks that the conversations are unchanged.
func wantSame(t *testing.T, before, after *loadtest.Dump) {
	t.Helper()
	if len(after.Conversations) != len(before.Conversations) || len(after.Changes) != len(before.Changes) || len(after.Lateness) != len(before.Lateness) {
		t.Errorf("%d conversations, %d changes, %d buckets; want %d, %d, %d", len(after.Conversations), len(after.Changes), len(after.Lateness),
			len(before.Conversations), len(before.Changes), len(before.Lateness))
	}
	for key, want := range before.Conversations {
		if diff := loadtest.Diff(want, after.Conversations[key]); diff != "" {
			t.Errorf("conversation %q: %s", key, diff)
		}
	}
}

func TestADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	var written atomic.Int64
	d.Step = func(name string) {
		if name == "write conversations" {
			written.Add(1)
		}
	}
	w := begin(t, d, "run-1")
	stageOne(t, w, many(2, "before")...)
	// The other transaction holds lock 1 and waits for the key of c-000, which we
	// have locked before we request lock 1.
	trap(t, database, "UPDATE", "conversations", `WHILE NOT pg_try_advisory_xact_lock(1) LOOP
			IF EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
				WHERE datname = current_database() AND locktype = 'transactionid' AND NOT granted) THEN
				PERFORM pg_advisory_xact_lock(1);
			END IF;
			PERFORM pg_sleep(0.001);
		END LOOP;`)
	other, err := connect(t, inSchema(t, database, "polyai")).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SET LOCAL deadlock_timeout = '1h'", "SELECT pg_advisory_xact_lock(1)"} { // our transaction is the one that is aborted
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	written.Store(0)
	staged := make(chan error)
	go func() { staged <- w.Stage(t.Context(), &load.Batch{Window: 2, Feed: feed, Rows: many(2, "after")}) }()
	const key = "SELECT FROM conversation_keys WHERE conversation_id = 'c-000' FOR UPDATE"
	await(t, connect(t, inSchema(t, database, "polyai")), "SELECT NOT EXISTS ("+key+" SKIP LOCKED)")
	if _, err := other.Exec(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := other.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-staged; err != nil {
		t.Fatal(err)
	}
	if n := written.Load(); n < 2 { // more if we lock before the other one again
		t.Error("it was written at the first attempt: there was no deadlock")
	}
	counts, err := w.Publish(t.Context(), &load.Window{ID: 2, Feed: feed})
	if err != nil || counts.Updated != 2 {
		t.Errorf("counted %+v, %v; want 2 updated", counts, err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, many(20, "before")...)
	for _, table := range []string{"conversation_keys", "conversations", "turns", "changes", "sync_lateness", "sync_coverage"} {
		trap(t, database, "INSERT OR UPDATE", table, "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';")
		fullThenComplete(t, d, database, table, func() { removeTrap(t, database) })
	}
}

// fullThenComplete writes to a database whose disk is full, makes room, and
// writes again.
func fullThenComplete(t *testing.T, d *Database, database, note string, makeRoom func()) {
	t.Helper()
	s := subject{database, "polyai"}
	before := s.Dump(t)
	noon := warehouse.TimestampOf(loadtest.Noon)
	attempt := func(run string) error {
		w := begin(t, d, run)
		defer w.Close()
		if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: many(30, note), LiveSince: 1}); err != nil {
			return err
		}
		_, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, Coverage: []load.Range{{From: noon, Until: noon + 1e6, ReadAt: noon, Shape: note}}})
		return err
	}
	err := attempt("full " + note)
	wantState(t, err, "free some space")
	after := s.Dump(t)
	if !slices.Equal(shapes(after), shapes(before)) {
		t.Errorf("%s: the coverage came before its rows: %v", note, shapes(after))
	}
	if note != "sync_coverage" { // it is written last
		wantSame(t, before, after)
	}
	makeRoom()
	if err := attempt("room " + note); err != nil {
		t.Fatal(err)
	}
	done := s.Dump(t)
	if len(done.Conversations) != 30 || !slices.Equal(shapes(done), []string{note}) {
		t.Errorf("%s: %d conversations and the coverage %v after there was room", note, len(done.Conversations), shapes(done))
	}
	for key, r := range done.Conversations {
		if r.Hash() != r.Conversation.ContentHash || string(r.Conversation.Note) != note {
			t.Errorf("conversation %q is incomplete", key)
		}
	}
}

func shapes(d *loadtest.Dump) (shapes []string) {
	for _, c := range d.Coverage {
		shapes = append(shapes, c.Shape)
	}
	return shapes
}
