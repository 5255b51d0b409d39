package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const variable = "CONVSYNC_TEST_POSTGRES_URL"

var (
	databases atomic.Int64

	private struct {
		once sync.Once
		*server
		err error
	}
)

// Main runs the tests (a [testing.M]) and then stops the private server, if one
// was started. It returns the exit code.
func Main(m interface{ Run() int }) int {
	defer func() {
		dropTemplates()
		if private.server != nil {
			private.stop()
		}
	}()
	return m.Run()
}

// URL creates an empty UTF-8 database for the test, dropped at its end, and
// returns its URL.
func URL(tb testing.TB) string {
	tb.Helper()
	return create(tb, serverURL(tb), empty)
}

const empty = "TEMPLATE template0 ENCODING 'UTF8'"

// Database is [URL] with options of CREATE DATABASE.
func Database(tb testing.TB, options string) string {
	tb.Helper()
	return create(tb, serverURL(tb), "TEMPLATE template0 "+options)
}

func create(tb testing.TB, admin, options string) string {
	tb.Helper()
	name := fmt.Sprintf("convsync_test_%d_%d", os.Getpid(), databases.Add(1))
	Exec(tb, admin, "CREATE DATABASE "+name+" "+options)
	tb.Cleanup(func() { drop(tb, admin, name) })
	return at(tb, admin, name)
}

// at returns the URL of another database of a server.
func at(tb testing.TB, admin, name string) string {
	tb.Helper()
	return With(tb, admin, func(u *url.URL) { u.Path = "/" + name })
}

// Restartable is [URL] with a function that restarts the server, which breaks all
// sessions. The test has its own server if the server programs are installed;
// otherwise restart terminates the sessions, which is the same for clients.
func Restartable(tb testing.TB) (database string, restart func()) {
	tb.Helper()
	s, err := startPrivate()
	if err != nil {
		database = URL(tb)
		return database, func() {
			tb.Helper()
			Exec(tb, database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	}
	tb.Cleanup(s.stop)
	return s.url, s.ordered(tb, "restart")
}

// Stoppable is [URL] with functions that stop the server, as a crash does, and
// start it again. If the server programs are not installed, stop refuses all
// connections to the database.
func Stoppable(tb testing.TB) (database string, stop, start func()) {
	tb.Helper()
	s, err := startPrivate()
	if err != nil {
		database = URL(tb)
		admin, name := serverURL(tb), ""
		With(tb, database, func(u *url.URL) { name = strings.TrimPrefix(u.Path, "/") })
		return database, func() {
				tb.Helper()
				Exec(tb, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false",
					"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+name+"'")
			}, func() {
				tb.Helper()
				Exec(tb, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
			}
	}
	tb.Cleanup(s.stop)
	return s.url, s.ordered(tb, "stop"), s.ordered(tb, "start")
}

// Unflushed is [Stoppable] on the test's own server, which does not wait for the
// disk at a commit unless a session requests it, and does not flush commits in the
// background: stop loses them, unless a later commit was flushed.
func Unflushed(tb testing.TB) (database string, stop, start func()) {
	tb.Helper()
	s := ownServer(tb, kind{options: "-c synchronous_commit=off -c bgwriter_lru_maxpages=0 -c autovacuum=off -c restart_after_crash=off"})
	end := pauseWalWriter(tb, s)
	tb.Cleanup(func() { end() }) // a paused process would delay the end of the server
	stop = func() {
		tb.Helper()
		end()
		end = func() {}
		s.ordered(tb, "stop")()
	}
	start = func() {
		tb.Helper()
		s.ordered(tb, "start")()
		end = pauseWalWriter(tb, s)
	}
	return s.url, stop, start
}

// ownServer starts a server for one test.
func ownServer(tb testing.TB, k kind) *server {
	tb.Helper()
	s, err := startOn(k, somePorts()...)
	if err != nil {
		tb.Fatalf("this test needs the programs of a PostgreSQL server, whatever %s says: %v", variable, err)
	}
	tb.Cleanup(s.stop)
	return s
}

// ordered returns a function that sends a command to a server.
func (s *server) ordered(tb testing.TB, word string) func() {
	return func() {
		tb.Helper()
		if err := s.order(word); err != nil {
			tb.Fatal(err)
		}
	}
}

// Role creates a role that may only log in, and returns the database's URL with
// it. The role is dropped at the end of the test.
func Role(tb testing.TB, database string) (withRole, name string) {
	tb.Helper()
	name = fmt.Sprintf("convsync_test_role_%d_%d", os.Getpid(), databases.Add(1))
	Exec(tb, database, "CREATE ROLE "+name+" LOGIN PASSWORD 'made-up'")
	tb.Cleanup(func() { Exec(tb, database, "DROP OWNED BY "+name, "DROP ROLE "+name) })
	return With(tb, database, func(u *url.URL) { u.User = url.UserPassword(name, "made-up") }), name
}

// With returns the URL of a database after a change.
func With(tb testing.TB, database string, change func(*url.URL)) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatalf("%s must be a URL such as postgres://user:password@host:5432/database", variable)
	}
	change(u)
	return u.String()
}

// drop drops a database even if it is in use. The server terminates the sessions,
// but waits for them only 5 s.
func drop(tb testing.TB, admin, name string) {
	tb.Helper()
	const inUse = "55006"
	var refused *pgconn.PgError
	for {
		err := run(admin, "DROP DATABASE "+name+" WITH (FORCE)")
		if errors.As(err, &refused) && refused.Code == inUse {
			continue
		}
		if err != nil {
			tb.Fatal(err)
		}
		return
	}
}

// Exec runs statements on a new connection.
func Exec(tb testing.TB, database string, statements ...string) {
	tb.Helper()
	if err := run(database, statements...); err != nil {
		tb.Fatal(err)
	}
}

func run(database string, statements ...string) error {
	ctx := context.Background() // the context of the test is canceled before its cleanup
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // each statement has been answered
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// serverURL returns the URL of the maintenance database of the server.
func serverURL(tb testing.TB) string {
	tb.Helper()
	for _, entry := range os.Environ() {
		if value, ok := strings.CutPrefix(entry, variable+"="); ok && value != "" {
			return value
		}
	}
	private.once.Do(func() { private.server, private.err = startPrivate() })
	if private.err != nil {
		tb.Fatalf("these tests need PostgreSQL 14 or newer: install its server (Debian: apt-get install postgresql; "+
			"macOS: brew install postgresql), or set %s to the URL of a role that may create databases: %v",
			variable, private.err)
	}
	return private.url
}

// Durable is [URL] on the test's own server, which waits for the disk at each
// commit as a real one does. Its URL is that of the maintenance database.
func Durable(tb testing.TB) (admin string) {
	tb.Helper()
	return ownServer(tb, kind{options: "-c fsync=on -c full_page_writes=on"}).url
}
