package pgtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, other := pgtest.URL(t), pgtest.URL(t)
	pgtest.Exec(t, one, "CREATE TABLE only_here ()")
	conn, err := pgx.Connect(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var seen bool
	var encoding string
	err = conn.QueryRow(t.Context(), "SELECT to_regclass('only_here') IS NOT NULL, current_setting('server_encoding')").Scan(&seen, &encoding)
	if err != nil || seen || encoding != "UTF8" {
		t.Errorf("table of another test seen: %v; encoding %s; %v", seen, encoding, err)
	}
}

func TestARoleMayLogInAndNothingElse(t *testing.T) {
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

func TestARestartBreaksSessionsAndKeepsData(t *testing.T) {
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

func TestAStoppedServerAnswersNobodyUntilItIsStarted(t *testing.T) {
	t.Parallel()
	database, stop, start := pgtest.Stoppable(t)
	pgtest.Exec(t, database, "CREATE TABLE kept ()")
	stop()
	if conn, err := pgx.Connect(t.Context(), database); err == nil {
		conn.Close(t.Context())
		t.Error("it answers")
	}
	start()
	pgtest.Exec(t, database, "DROP TABLE kept")
}
