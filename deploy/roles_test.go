package deploy

import (
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

// psql runs a file of deploy/postgres as Compose does.
func psql(t *testing.T, database, file string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", "postgres/"+file, database)
	cmd.Env = append(os.Environ(), "CONVSYNC_DATABASE_PASSWORD=made-up 'writer'", "GRAFANA_DATABASE_PASSWORD=made-up reader", "ANALYST_DATABASE_PASSWORD=made-up 'analyst'")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", file, err, out)
	}
}

// forbid runs statements that must fail for want of a right, after the session has
// lifted the limits that it may lift.
func forbid(t *testing.T, database string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err == nil {
		_, err = conn.Exec(t.Context(), "SET default_transaction_read_only = off; SET statement_timeout = 0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err == nil || !strings.Contains(err.Error(), "SQLSTATE 42501") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestRoles checks the files of deploy/postgres on a server of its own: every
// command works for a writer that owns only its schema, and the roles of Grafana
// and of analysts read only what they may, whatever settings they change.
func TestRoles(t *testing.T) {
	t.Parallel()
	admin, _ := pgtest.Restartable(t)
	for range 2 { // they may be run again
		psql(t, admin, "writer.sql")
		psql(t, admin, "role.sql")
	}
	as := func(user, password string) string {
		return pgtest.With(t, admin, func(u *url.URL) { u.User = url.UserPassword(user, password) })
	}
	writer, reader := as("convsync", "made-up 'writer'"), as("grafana", "made-up reader")
	text := configuration(source(t), writer)
	for _, line := range []string{"check", "migrate", "migrate status", "run", "check", "run", "status", "replay", "verify"} {
		if out, err := program(t, text, append(strings.Fields(line), "--log-level", "warn")...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}
	for range 2 {
		psql(t, writer, "grants.sql")
	}
	forbid(t, writer, "CREATE SCHEMA other", "CREATE TABLE public.x ()", "CREATE ROLE other", "CREATE DATABASE other",
		"SELECT pg_read_file('/etc/passwd')", "COPY polyai.projects TO PROGRAM 'cat'")
	conn, err := pgx.Connect(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(started_at) FROM polyai.conversations").Scan(&n); err != nil || n == 0 {
		t.Errorf("grafana reads %d conversations: %v", n, err)
	}
	for _, query := range []string{
		"SELECT count(outcome) FROM polyai.contacts", "SELECT count(gap_seconds) FROM polyai.callbacks", "SELECT sum(handoffs) FROM polyai.handoff_reasons",
		"SELECT count(*) FROM polyai.daily_kpis", "SELECT count(*) FROM polyai.latency_turns",
	} {
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Errorf("grafana: %s: %v", query, err)
		}
	}
	forbid(t, reader, "SELECT * FROM polyai.utterances", "SELECT numeric_average FROM polyai.metric_daily", "SELECT last_user_utterance FROM polyai.contacts", "SELECT customer_number FROM polyai.contacts",
		"SELECT handoff_destination FROM polyai.contacts", "SELECT customer_number FROM polyai.callbacks", "SELECT handoff_destination FROM polyai.handoff_reasons",
		"SELECT handoff_destination FROM polyai.conversations", "SELECT user_input FROM polyai.turns",
		"SELECT payload FROM polyai.rejects", "INSERT INTO polyai.projects DEFAULT VALUES", "CREATE TABLE polyai.x ()",
		"CREATE TABLE public.x ()", "CREATE TEMP TABLE x ()", "SELECT lo_create(0)", "SET temp_file_limit = -1")
	for range 2 {
		psql(t, admin, "analyst.sql")
	}
	checkAnalyst(t, as("analyst", "made-up 'analyst'"), func() {
		pgtest.Exec(t, writer, "ALTER VIEW polyai.contacts RENAME COLUMN hour TO hour_of_an_earlier_version", "COMMENT ON TABLE polyai.goose_db_version IS NULL",
			"CREATE TABLE polyai.turns_2031_01 (LIKE polyai.turns INCLUDING ALL)",
			"ALTER TABLE polyai.turns ATTACH PARTITION polyai.turns_2031_01 FOR VALUES FROM ('2031-01-01 00:00:00+00') TO ('2031-02-01 00:00:00+00')")
		if out, err := program(t, text, "migrate").CombinedOutput(); err != nil {
			t.Errorf("migrate: %v: %s", err, out)
		}
	})
}
