package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
)

// longWait is the timeout for a lock that will be freed: that of a writer is
// free when the server has noticed the end of its session, which is slow on a
// busy machine.
const longWait = 10 * time.Minute

func TestMain(m *testing.M) {
	// Both clean up: the suite starts this binary as a writer.
	os.Exit(pgtest.Main(suite{m}))
}

// children has the functions that this test binary runs as a child of a test.
// Its first argument is the name of the function, its second the URL of a
// database.
var children = map[string]func(database string) error{}

// suite runs the tests, or a child of one of them.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	if len(os.Args) == 3 && children[os.Args[1]] != nil {
		if err := children[os.Args[1]](os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return loadtest.Main(s.m, func(locator string, step func(string)) (load.Destination, error) {
		database, schema, _ := strings.Cut(locator, "#")
		return Open(context.Background(), Options{URL: fixed(database), Schema: schema, Step: step, LockWait: longWait})
	})
}

// subject is a schema under test.
type subject struct {
	url, schema string
}

// template is an empty database with the tables of this version.
var template = pgtest.Template{Prepare: func(database string) error {
	ctx := context.Background() // it outlives the test that needs it first
	d, err := Open(ctx, Options{URL: fixed(database)})
	if err != nil {
		return err
	}
	return errors.Join(d.Prepare(ctx), d.Close())
}}

func newSubject(t testing.TB) loadtest.Subject {
	return subject{url: template.URL(t), schema: "polyai"}
}

func (s subject) Open(t testing.TB, step func(string)) load.Destination {
	t.Helper()
	return open(t, Options{URL: fixed(s.url), Schema: s.schema, Step: step})
}

func (s subject) Impatient(t testing.TB) load.Destination {
	t.Helper()
	return withoutWaiting(t, &Database{Options: Options{URL: fixed(s.url), Schema: s.schema}})
}

// LocksProjects implements [loadtest.ProjectLocks].
func (s subject) LocksProjects() {}

func (s subject) Locator() string { return s.url + "#" + s.schema }

func TestTheSuiteOfEveryLoader(t *testing.T) { loadtest.Run(t, newSubject) }

func TestRecordings_AfterKill(t *testing.T) { loadtest.CrashRecordings(t, newSubject) }

func TestKilledWriters(t *testing.T) { loadtest.Crash(t, newSubject) }

// fixed returns a URL that never changes.
func fixed(database string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return database, nil }
}

// open opens a database, and closes it at the end of the test.
func open(t testing.TB, o Options) *Database {
	t.Helper()
	o.LockWait = cmp.Or(o.LockWait, longWait)
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// withoutWaiting opens a database again, with a short timeout for locks.
func withoutWaiting(t testing.TB, d *Database) *Database {
	t.Helper()
	return open(t, Options{URL: d.URL, Schema: d.Schema, LockWait: time.Millisecond})
}

// prepared opens an empty database that has the tables.
func prepared(t testing.TB) (*Database, string) {
	t.Helper()
	database := template.URL(t)
	return open(t, Options{URL: fixed(database)}), database
}

// inSchema returns the URL of a connection whose search_path has the tables.
func inSchema(t testing.TB, database, schema string) string {
	return pgtest.With(t, database, func(u *url.URL) {
		q := u.Query()
		q.Set("search_path", schema)
		u.RawQuery = q.Encode()
	})
}
