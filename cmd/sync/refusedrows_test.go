package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

func TestRefusedByPostgres(t *testing.T) {
	t.Parallel()
	const conversations = 300
	database := pgtest.URL(t)
	_, server := past(t, conversations, 3, simulate.Deviations{})
	config := configure(t, server.URL, intoPostgres(database))
	convsync(t, nil, "migrate", "--config", config).want(t, exitOK, "")
	pgtest.Exec(t, database, "ALTER TABLE polyai.conversations ADD CONSTRAINT no_tenth CHECK (abs(hashtext(conversation_id)) % 10 <> 0)")
	stored := func() (n, rejects int64, reason string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM polyai.conversations), count(DISTINCT conversation_id), coalesce(string_agg(DISTINCT reason, '; '), '')
			FROM polyai.rejects`).Scan(&n, &rejects, &reason)
		if err != nil {
			t.Fatal(err)
		}
		return n, rejects, reason
	}

	first := run(t, config, exitPartial)
	n, rejects, reason := stored()
	if n+rejects != conversations || rejects == 0 || first.Conversations.Rejected < rejects {
		t.Fatalf("%d conversations and %d rejects are stored; counted %+v", n, rejects, first.Conversations)
	}
	if want := "refused by Postgres: SQLSTATE 23514 (integrity constraint violation), constraint no_tenth, table conversations"; reason != want {
		t.Errorf("the reason is %q, want %q", reason, want)
	}
	if again := run(t, config, exitOK); again.Conversations.Inserted != 0 { // the rejects are known
		t.Errorf("the second run counted %+v", again.Conversations)
	}
	convsync(t, nil, "replay", "--config", config).want(t, exitOK, "0 new")

	pgtest.Exec(t, database, "ALTER TABLE polyai.conversations DROP CONSTRAINT no_tenth")
	convsync(t, nil, "replay", "--config", config).want(t, exitOK, fmt.Sprintf("%d conversations read, all new", rejects))
	if n, rejects, _ := stored(); n != conversations || rejects != 0 {
		t.Errorf("%d conversations and %d rejects are stored after the replay", n, rejects)
	}
	if r := convsync(t, nil, "verify", "--config", config); r.code != exitOK || strings.Contains(r.stdout, "not_stored") {
		t.Errorf("verify: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
