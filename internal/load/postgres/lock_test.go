package postgres

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

func TestAWriterThatLostItsLockCannotCommit(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	stale := begin(t, d, "run-1")
	stageOne(t, stale, loadtest.Conversation("p", "c-1", loadtest.Noon))
	// The session ends without the writer noticing, as after a suspend of the
	// machine.
	pgtest.Exec(t, database, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	fresh := begin(t, d, "run-2")
	before := subject{database, "polyai"}.Dump(t)

	april := loadtest.Noon.AddDate(0, 1, 0) // a month without partitions
	publish := func(st *load.Window) error { _, err := stale.Publish(t.Context(), st); return err }
	for name, err := range map[string]error{
		"new":      stale.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "c-2", loadtest.Noon)}}),
		"changed":  stale.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("late"))}}),
		"a month":  stale.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "c-3", april)}}),
		"coverage": publish(&load.Window{ID: 1, Feed: feed, Coverage: []load.Range{{From: 0, Until: 1000000}}, Watermark: 1000000}),
		"drift":    publish(&load.Window{ID: 1, Feed: feed, Drift: []warehouse.Drift{{ProjectID: "p", Environment: "live", Path: "x"}}}),
		"projects": stale.Register(t.Context(), []load.Project{{Project: warehouse.Project{ProjectID: "q"}}}),
		"the run":  stale.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})),
	} {
		if !errors.Is(err, errTakenOver) {
			t.Errorf("%s: got %v, want that another run has taken over", name, err)
		}
	}
	after := subject{database, "polyai"}.Dump(t)
	if len(after.Conversations) != 1 || len(after.Coverage)+len(after.Drift)+len(after.Projects) != 0 || !slices.Equal(before.Changes, after.Changes) || !slices.Equal(before.Runs, after.Runs) {
		t.Errorf("the writer that was taken over has written: %+v", after)
	}
	var months int
	err := connect(t, inSchema(t, database, "polyai")).QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relname LIKE '%2024_04'").Scan(&months)
	if err != nil || months != 0 {
		t.Errorf("it made %d partitions, %v", months, err)
	}
	if c := stageOne(t, fresh, loadtest.Conversation("p", "c-2", loadtest.Noon)); c.Inserted != 1 {
		t.Errorf("the one that took over: %+v", c)
	}
	if len(after.Runs) != 1 || after.Runs[0].RunID != "run-1" || after.Runs[0].Status != warehouse.RunKilled {
		t.Errorf("the runs are %+v, want run-1 killed", after.Runs)
	}
}

func TestLock_FreedByKill(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	first := begin(t, d, "run-1")
	var locked *load.LockedError
	if _, err := withoutWaiting(t, d).Begin(t.Context(), load.Owner{RunID: "run-2"}); !errors.As(err, &locked) || locked.Owner.RunID != "run-1" {
		t.Errorf("while another writer runs: %v", err)
	}
	cutLock(first) // as if the process was killed
	begin(t, d, "run-3")
}

// Queries about the lock of the schema, which each writer has. Transactions have
// locks of their own.
var (
	locksHeld  = fmt.Sprintf("SELECT count(*) FROM pg_locks WHERE %s AND %s = %d", isAdvisory, keyInLocks, (&Database{Options: Options{Schema: "polyai"}}).lockKey())
	lockIsFree = "SELECT (" + locksHeld + ") = 0"
)

func TestACommitThatHangsCountsAsLocked(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	hasty := withoutWaiting(t, d)
	w := begin(t, d, "run-1")
	hanging, err := connect(t, inSchema(t, database, "polyai")).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hanging.Exec(t.Context(), "SELECT FROM sync_locks FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	cutLock(w)
	await(t, connect(t, database), lockIsFree)
	var locked *load.LockedError
	if _, err := hasty.Begin(t.Context(), load.Owner{RunID: "run-2"}); !errors.As(err, &locked) || locked.Owner.RunID != "run-1" {
		t.Errorf("while a commit hangs: %v", err)
	}
	if err := hanging.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin(t, d, "run-3")
}

// cutLock cuts the connection of a writer's lock.
func cutLock(w load.Writer) { w.(*writer).lock.conn.PgConn().Conn().Close() }

func TestTakenOver_NotDuringCommit(t *testing.T) {
	t.Parallel()
	for step, last := range map[string]bool{"make a month": false, "write conversations": false, "publish": true, "finish": true} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			other, watcher := withoutWaiting(t, d), connect(t, database)
			var w load.Writer
			reached := false
			d.Step = func(name string) {
				if name != "commit: "+step {
					return
				}
				reached = true
				cutLock(w)
				await(t, watcher, lockIsFree)
				var locked *load.LockedError
				if _, err := other.Begin(t.Context(), load.Owner{RunID: "run-2"}); !errors.As(err, &locked) {
					t.Errorf("taken over at %q: %v", name, err)
				}
			}
			w = begin(t, d, "run-1")
			err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "c-1", loadtest.Noon)}})
			if err == nil {
				_, err = w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, Watermark: 1000000})
			}
			finishErr := w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"}))
			if !reached || finishErr != nil || errors.Is(err, load.ErrLockLost) == last {
				t.Errorf("reached: %t; then %v; at the end %v", reached, err, finishErr)
			}
		})
	}
}

func TestSettings_Hostile(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, "CREATE SCHEMA polyai AUTHORIZATION "+role,
		"ALTER ROLE "+role+" SET statement_timeout = '5s'", "ALTER ROLE "+role+" SET timezone = 'Europe/Berlin'",
		"ALTER ROLE "+role+" SET search_path = pg_temp", "ALTER ROLE "+role+" SET default_transaction_isolation = 'serializable'")
	s := subject{url: limited, schema: "polyai"}
	d := s.Open(t, nil)
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-1")
	for _, note := range []warehouse.Text{"", "changed"} {
		stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon.AddDate(0, 0, len(note)), loadtest.Note(string(note))))
	}
	lock := w.(*writer).lock
	lock.unwatch()
	var limit string
	if err := lock.conn.QueryRow(t.Context(), "SELECT current_setting('statement_timeout')").Scan(&limit); err != nil || limit != "0" {
		t.Errorf("a statement may take %s, %v; want no limit", limit, err)
	}
	for _, setting := range []string{"tcp_keepalives_idle", "idle_in_transaction_session_timeout"} {
		var value string
		if err := lock.conn.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&value); err != nil || value == "0" || value == "7200" {
			t.Errorf("%s of the lock's session is %q, %v", setting, value, err)
		}
	}
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	var kill bool
	d.Step = func(name string) {
		if kill && name == "commit: write conversations" {
			pgtest.Exec(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'")
		}
	}
	w := begin(t, d, "run-1")
	kill = true
	r := loadtest.Conversation("p", "c-1", loadtest.Noon)
	err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{r}})
	wantState(t, err, "run again")
	kill = false
	if c := stageOne(t, w, r); c.Inserted != 1 {
		t.Errorf("staged again: %+v", c)
	}
}
