package postgres

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// pooled returns the database's URL through a pooler.
func pooled(t *testing.T, p *pooler, database string) string {
	t.Helper()
	p.database, p.freed.L = database, &p.mu
	t.Cleanup(p.close)
	return through(t, database, func(client net.Conn) { p.serve(t, client) })
}

func TestAPoolerByTheTransactionIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ inTurns, byStatement bool }{
		"the last session first": {false, false}, "sessions in turns": {true, false}, "ByStatement": {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, database := prepared(t)
			p := &pooler{byStatement: c.byStatement}
			p.inTurns.Store(c.inTurns)
			p.pooling.Store(true)
			d := open(t, Options{URL: fixed(pooled(t, p, database))})
			_, beginErr := d.Begin(t.Context(), load.Owner{RunID: "run-1"})
			for what, err := range map[string]error{
				"Begin": beginErr, "Check": d.Check(t.Context()), "Prepare": d.Prepare(t.Context()), "Migrate": d.Migrate(t.Context()),
			} {
				if !errors.Is(err, errPooled) {
					t.Errorf("%s: got %v, want the error of a pooler", what, err)
				}
				wantState(t, err, "the server itself")
			}
			loadOne(t, direct, loadtest.Conversation("p", "c-1", loadtest.Noon)) // no lock is left
			if runs, err := direct.Runs(t.Context(), 5); err != nil || len(runs) != 1 {
				t.Errorf("the runs are %+v, %v; want the one with a direct connection", runs, err)
			}
		})
	}
}

func TestPooler_Sessions(t *testing.T) {
	t.Parallel()
	direct, database := prepared(t)
	d := open(t, Options{URL: fixed(pooled(t, &pooler{}, database))})
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-1")
	if c := stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon)); c.Inserted != 2 {
		t.Errorf("counted %+v", c)
	}
	var locked *load.LockedError
	if _, err := withoutWaiting(t, direct).Begin(t.Context(), load.Owner{RunID: "run-2"}); !errors.As(err, &locked) {
		t.Errorf("while it runs: %v", err)
	}
}

func TestLock_FreedInPooledSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mixedUp bool
		held    int
	}{"its own session": {false, 0}, "another writer's": {true, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, database := prepared(t)
			p := &pooler{}
			p.lingers.Store(true)
			w := begin(t, open(t, Options{URL: fixed(pooled(t, p, database))}), "run-1", "p", "q")
			if c.mixedUp { // the mark is not that of this session
				w.(*writer).lock.conn.PgConn().CustomData()[sessionMark] = "another"
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			var held int
			err := connect(t, database).QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE "+isAdvisory).Scan(&held)
			if err != nil || held != c.held {
				t.Errorf("%d locks are held after the writer's end, %v; want %d", held, err, c.held)
			}
		})
	}
}

// A pooler that starts to mix sessions during the run, with the search_path set
// for all of them: only the check of each commit can detect it.
func TestPooler_MixesLater(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	pgtest.Exec(t, database, "ALTER DATABASE "+nameOf(t, database)+" SET search_path = polyai")
	p := &pooler{}
	url := pgtest.With(t, pooled(t, p, database), func(u *url.URL) {
		q := u.Query()
		q.Set("default_query_exec_mode", "cache_describe") // without prepared statements, which poolers do not support
		u.RawQuery = q.Encode()
	})
	w := begin(t, open(t, Options{URL: fixed(url)}), "run-1", "p")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))

	p.inTurns.Store(true)
	p.pooling.Store(true)
	for id, err := range map[load.WindowID]error{
		2: w.Stage(t.Context(), &load.Batch{Window: 2, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "c-2", loadtest.Noon)}}),
		3: publishOnly(t, w, &load.Window{ID: 3, Feed: feed, Watermark: 1000000}),
	} {
		if !errors.Is(err, errPooled) {
			t.Errorf("%d: got %v, want the error of a pooler", id, err)
		}
	}
	if d := (subject{database, "polyai"}).Dump(t); len(d.Conversations) != 1 || len(d.Watermarks) != 0 {
		t.Errorf("it has written: %+v", d)
	}
}

func publishOnly(t *testing.T, w load.Writer, st *load.Window) error {
	_, err := w.Publish(t.Context(), st)
	return err
}

func nameOf(t *testing.T, database string) string {
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}
