package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// stage stages a new conversation.
func stage(t *testing.T, w load.Writer, id string) error {
	t.Helper()
	return w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", id, loadtest.Noon)}})
}

// covering returns a window whose coverage a run would publish if it relied on
// its memory.
func covering() *load.Window {
	noon := warehouse.TimestampOf(loadtest.Noon)
	return &load.Window{ID: 1, Feed: feed, Coverage: []load.Range{{From: noon, Until: noon + 1e6, ReadAt: noon}}, Watermark: noon + 1e6}
}

// wantOver checks that a writer that has ended with a known reason writes
// nothing more.
func wantOver(t *testing.T, w load.Writer, database string, want error, hint string) {
	t.Helper()
	before := subject{database, "polyai"}.Dump(t)
	for name, err := range map[string]error{
		"Stage": stage(t, w, "c-late"), "Publish": publishOnly(t, w, covering()),
		"Register": w.Register(t.Context(), []load.Project{{Project: warehouse.Project{ProjectID: "q"}}}),
		"Finish":   w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		wantState(t, err, hint)
	}
	after := subject{database, "polyai"}.Dump(t)
	if len(after.Conversations) != len(before.Conversations) || len(after.Coverage)+len(after.Projects)+len(after.Runs) != 0 {
		t.Errorf("it has written: %+v", after)
	}
}

func TestLostCommits(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]string{
		"OneCommit":   "UPDATE sync_locks SET commits = commits - 1",
		"TheBegin":    "UPDATE sync_locks SET commits = 0, epoch = epoch - 1, run_id = 'run-0'",
		"NoRow":       "DELETE FROM sync_locks",
		"OneTooMany":  "UPDATE sync_locks SET commits = commits + 1", // another process uses the run's id
		"EarlierLife": "UPDATE sync_locks SET commits = commits - 2, epoch = epoch - 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1")
			stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
			for _, table := range append(partitioned, "conversation_keys") {
				pgtest.Exec(t, database, "TRUNCATE polyai."+table)
			}
			pgtest.Exec(t, inSchema(t, database, "polyai"), lose)
			wantOver(t, w, database, errLostCommits, "run again")
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			next := begin(t, d, "run-2")
			if c := stageOne(t, next, loadtest.Conversation("p", "c-2", loadtest.Noon)); c.Inserted != 1 {
				t.Errorf("the next run: %+v", c)
			}
		})
	}
}

func TestSameEpochAfterFailover(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	// The start of run-1 was lost, and another run got the same epoch.
	pgtest.Exec(t, inSchema(t, database, "polyai"), "UPDATE sync_locks SET run_id = 'run-2'")
	wantOver(t, w, database, errTakenOver, "the other run continues")
}

// Two loaders and a publisher commit at the same time, and each commit counts.
func TestCommitsOverlap(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	var together sync.WaitGroup
	for loader := range 3 {
		together.Go(func() {
			for i := range 20 {
				if err := stage(t, w, fmt.Sprintf("c-%d-%d", loader, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if err := publishOnly(t, w, &load.Window{ID: 2, Feed: feed, Drift: []warehouse.Drift{{ProjectID: "p", Environment: "live", Path: "x"}}}); err != nil {
			t.Error(err)
		}
	}
	together.Wait()
	if stored := storedCommits(t, database); stored != confirmedBy(w) || stored < 81 {
		t.Errorf("%d commits are stored, %d were confirmed", stored, confirmedBy(w))
	}
}

func confirmedBy(w load.Writer) int64 { return w.(*writer).commits[writerLock].confirmed }

func storedCommits(t *testing.T, database string) (commits int64) {
	t.Helper()
	err := connect(t, inSchema(t, database, "polyai")).QueryRow(t.Context(), "SELECT commits FROM sync_locks").Scan(&commits)
	if err != nil {
		t.Fatal(err)
	}
	return commits
}

// A transaction that fails after the comparison of the counters does not count,
// and does not block others.
func TestFailedCommitDoesNotCount(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1").(*writer)
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	before := storedCommits(t, database)
	scripted := errors.New("scripted")
	err := w.transact(t.Context(), "fail", "p", nothing, func(pgx.Tx) error { return scripted })
	if !errors.Is(err, scripted) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = w.transact(t.Context(), "panic", "p", nothing, func(pgx.Tx) error { panic("scripted") })
	}()
	trap(t, database, "INSERT", "changes", "RAISE EXCEPTION 'refused';")
	if err := stage(t, w, "c-2"); err == nil {
		t.Error("it was not refused")
	}
	removeTrap(t, database)
	if after := storedCommits(t, database); after != before {
		t.Errorf("%d commits are stored, were %d", after, before)
	}
	if err := stage(t, w, "c-2"); err != nil {
		t.Error(err)
	}
}

// The response to a commit is lost, and the same writer continues: the stored
// counter shows whether the commit was done.
func TestUnknownCommitIsResolved(t *testing.T) {
	t.Parallel()
	for name, arrives := range map[string]bool{"Done": true, "NotDone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, database := prepared(t)
			c := &cutter{server: hostOf(t, database), after: arrives}
			d := open(t, Options{URL: fixed(through(t, database, c.serve))})
			w := begin(t, d, "run-1")
			stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
			before := storedCommits(t, database)
			c.armed.Store(true)
			wantState(t, stage(t, w, "c-2"), "run again")
			if err := stage(t, w, "c-2"); err != nil {
				t.Fatal(err)
			}
			if after := storedCommits(t, database); after != before+1 { // c-2 in one of the attempts
				t.Errorf("%d commits are stored, were %d", after, before)
			}
			if err := w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})); err != nil {
				t.Fatal(err)
			}
			// A confirmed commit must not be missing later.
			if got := w.(*writer).commits[writerLock].confirm(before); !errors.Is(got, errLostCommits) {
				t.Errorf("an older count: %v", got)
			}
		})
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	r := pgtest.Replicated(t)
	d := open(t, Options{URL: fixed(r.URL)})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	r.Replicate() // the standby has everything up to here
	r.Detach()
	stageOne(t, w, loadtest.Conversation("p", "c-2", loadtest.Noon))
	r.Failover()

	if err := publishOnly(t, w, covering()); err == nil {
		t.Error("coverage was published after the rows were lost")
	} else {
		wantState(t, err, "run again")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s := (subject{r.URL, "polyai"}).Dump(t); len(s.Conversations) != 1 || len(s.Coverage) != 0 {
		t.Errorf("%d conversations, coverage %+v", len(s.Conversations), s.Coverage)
	}
	next := begin(t, d, "run-2")
	if c := stageOne(t, next, loadtest.Conversation("p", "c-2", loadtest.Noon)); c.Inserted != 1 {
		t.Errorf("the next run: %+v", c)
	}
}

// The old primary stays up, with the lock's session, while new connections go
// to the standby: before and after its promotion.
func TestSplitBrain(t *testing.T) {
	t.Parallel()
	r := pgtest.Replicated(t)
	url := r.Primary()
	d := open(t, Options{URL: func(context.Context) (string, error) { return url, nil }})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	r.Replicate()
	url = r.Standby()
	d.pool.Reset()
	wantOtherServer(t, stage(t, w, "c-2"), "standby")
	r.Detach()
	r.Promote()
	wantOtherServer(t, stage(t, w, "c-2"), "promoted")
	wantOtherServer(t, publishOnly(t, w, covering()), "promoted")

	primary := serverAt(t, r.Primary())
	wantOtherServer(t, server{primary.system + "0", primary.timeline}.sameAs(primary), "system identifier")
	if err := (server{}).sameAs(primary); err != nil {
		t.Errorf("a server with unknown identity: %v", err)
	}
	if s := (subject{r.Standby(), "polyai"}).Dump(t); len(s.Conversations) != 1 || len(s.Coverage) != 0 {
		t.Errorf("on the standby: %d conversations, coverage %+v", len(s.Conversations), s.Coverage)
	}
	url = r.Primary() // back on the primary, the run continues
	if err := stage(t, w, "c-2"); err != nil {
		t.Error(err)
	}
}

func wantOtherServer(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, errOtherServer) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want that it is another server (%s)", err, says)
	}
}

// serverAt returns the server of a connection to a database.
func serverAt(t *testing.T, database string) server {
	t.Helper()
	conn, err := open(t, Options{URL: fixed(database)}).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	return serverOf(conn)
}

// A role without any rights can query the identity of the server.
func TestServerIsKnownToAnyRole(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, _ := pgtest.Role(t, database)
	if on, want := serverAt(t, limited), serverAt(t, database); on != want || on.system == "" || len(on.timeline) != 8 {
		t.Errorf("it is %+v, want %+v", on, want)
	}
	// Some hosts forbid it: then only the counter and the lock protect the run.
	pgtest.Exec(t, database, "REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) FROM PUBLIC")
	if on := serverAt(t, limited); on != (server{}) {
		t.Errorf("it is %+v, although the query is forbidden", on)
	}
}

// The server has synchronous_commit off, and crashes.
func TestCrashWithoutSynchronousCommit(t *testing.T) {
	t.Parallel()
	database, stop, start := pgtest.Unflushed(t)
	d := open(t, Options{URL: fixed(database)})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	if err := publishOnly(t, w, covering()); err != nil {
		t.Fatal(err)
	}
	stop()
	start()
	if s := (subject{database, "polyai"}).Dump(t); len(s.Conversations) != 1 || len(s.Coverage) != 1 {
		t.Errorf("%d conversations, coverage %+v", len(s.Conversations), s.Coverage)
	}
}
