package pgtest_test

import (
	"os"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestURL(t *testing.T) {
	t.Parallel()
	one, other := pgtest.URL(t), pgtest.URL(t)
	pgtest.Exec(t, one, "CREATE TABLE only_here ()")
	conn, err := pgx.Connect(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var exists bool
	var encoding string
	err = conn.QueryRow(t.Context(), "SELECT to_regclass('only_here') IS NOT NULL, current_setting('server_encoding')").Scan(&exists, &encoding)
	if err != nil || exists || encoding != "UTF8" {
		t.Errorf("a table of another test exists: %v; encoding %s; %v", exists, encoding, err)
	}
}

func TestRole(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, name := pgtest.Role(t, database)
	conn, err := pgx.Connect(t.Context(), limited)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var may bool
	err = conn.QueryRow(t.Context(), "SELECT has_database_privilege($1, current_database(), 'CREATE')", name).Scan(&may)
	if err != nil || may {
		t.Errorf("the role may create schemas: %v, %v", may, err)
	}
}

func TestRestartable(t *testing.T) {
	t.Parallel()
	database, restart := pgtest.Restartable(t)
	pgtest.Exec(t, database, "CREATE TABLE kept ()")
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	restart()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session outlived the restart")
	}
	restart()
	pgtest.Exec(t, database, "DROP TABLE kept")
}

func TestStoppable(t *testing.T) {
	t.Parallel()
	database, stop, start := pgtest.Stoppable(t)
	pgtest.Exec(t, database, "CREATE TABLE kept ()")
	stop()
	if conn, err := pgx.Connect(t.Context(), database); err == nil {
		conn.Close(t.Context())
		t.Error("the stopped server accepts connections")
	}
	start()
	pgtest.Exec(t, database, "DROP TABLE kept")
}

func TestUnflushed(t *testing.T) {
	t.Parallel()
	database, stop, start := pgtest.Unflushed(t)
	pgtest.Exec(t, database, "CREATE TABLE flushed ()", "SET synchronous_commit = on", "CREATE TABLE also_flushed ()",
		"RESET synchronous_commit", "CREATE TABLE lost ()")
	stop()
	start()
	wantTables(t, database, "also_flushed", "flushed")
}

func TestReplicated(t *testing.T) {
	t.Parallel()
	r := pgtest.Replicated(t)
	pgtest.Exec(t, r.URL, "CREATE TABLE before ()")
	r.Replicate()
	r.Detach()
	pgtest.Exec(t, r.URL, "CREATE TABLE lost ()")
	r.Failover()
	pgtest.Exec(t, r.URL, "CREATE TABLE next ()")
	r.Replicate()
	r.Detach()
	pgtest.Exec(t, r.URL, "CREATE TABLE only_there ()")
	r.Promote()
	wantTables(t, r.URL, "before", "next")
	wantTables(t, r.Primary(), "before", "next", "only_there")
}

func wantTables(t *testing.T, database string, want ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pgx.CollectRows(rows, pgx.RowTo[string]); err != nil || !slices.Equal(got, want) {
		t.Errorf("the tables are %v, %v; want %v", got, err, want)
	}
}
