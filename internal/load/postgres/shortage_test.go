package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
)

// A role with a connection limit.
func TestSessionsOfARole(t *testing.T) {
	t.Parallel()
	for limit, c := range map[int]struct{ migrates, runs bool }{1: {}, 2: {migrates: true}, 4: {migrates: true}, 5: {true, true}} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			limited, role := pgtest.Role(t, database)
			pgtest.Exec(t, database, "CREATE SCHEMA polyai AUTHORIZATION "+role, fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d", role, limit))
			d := open(t, Options{URL: fixed(limited)})
			wantSessions(t, "Migrate", d.Migrate(t.Context()), 2, c.migrates)
			watcher := connect(t, database)
			closed := func() { // the server ends a session some time after its client
				if c.runs {
					await(t, watcher, "SELECT count(*) < $2 FROM pg_stat_activity WHERE usename = $1", role, limit)
				}
			}
			closed()
			wantSessions(t, "Check", d.Check(t.Context()), 5, c.runs)
			closed()
			wantSessions(t, "Prepare", d.Prepare(t.Context()), 5, c.runs)
			closed()
			if c.runs {
				loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
			}
		})
	}
}

// A pooler waits without a limit for a free session.
func TestSessionsOfAPooler(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size           int
		pooling        bool
		migrates, runs bool
	}{
		"OneSession": {size: 1}, "TwoSessions": {size: 2, migrates: true}, "FourSessions": {size: 4, migrates: true},
		"FiveSessions": {size: 5, migrates: true, runs: true}, "OneByTransaction": {size: 1, pooling: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			p := &pooler{size: c.size}
			p.pooling.Store(c.pooling)
			through := fixed(pooled(t, p, database))
			try := func(what string, needed int, fine bool, do func(d *Database) error) {
				d := open(t, Options{URL: through})
				if !fine {
					d.sessionTimeout = time.Second
				}
				wantSessions(t, what, do(d), needed, fine)
				d.Close() // its sessions are free again
			}
			try("Migrate", 2, c.migrates, func(d *Database) error { return d.Migrate(t.Context()) })
			try("Check", 5, c.runs, func(d *Database) error { return d.Check(t.Context()) })
			try("Prepare", 5, c.runs, func(d *Database) error { return d.Prepare(t.Context()) })
			if c.runs {
				loadOne(t, open(t, Options{URL: through}), loadtest.Conversation("p", "c-1", loadtest.Noon))
			}
		})
	}
}

// wantSessions checks for success, or for an error with the number of needed
// sessions.
func wantSessions(t *testing.T, what string, err error, needed int, fine bool) {
	t.Helper()
	if fine {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	var state *load.StateError
	text := fmt.Sprintf("%d sessions are needed at once", needed)
	if !errors.As(err, &state) || !strings.Contains(err.Error(), text) || !strings.Contains(state.Hint, "allow 5 sessions for a run, and 9 more") {
		t.Errorf("%s: got %v, want %q", what, err, text)
	}
}

// A pooler without a free session does not block readers.
func TestSessionsOfAReader(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	p := &pooler{size: 1}
	through := fixed(pooled(t, p, database))
	holder := open(t, Options{URL: through})
	if _, err := holder.Runs(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	d := open(t, Options{URL: through})
	d.sessionTimeout = time.Second
	_, err := d.State(t.Context(), []load.Feed{feed})
	wantState(t, err, "no session was free within 1s; allow 5 sessions")
}

func TestShortage(t *testing.T) {
	t.Parallel()
	said := func(code, message string) error {
		return fmt.Errorf("connect: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: message})
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"Server":          {said("53300", "sorry, too many clients already"), true},
		"PgBouncerQueue":  {said("08P01", "query_wait_timeout"), true},
		"PgBouncer":       {said("08P01", "no more connections allowed (max_client_conn)"), true},
		"Supavisor":       {said("XX000", "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size"), true},
		"Waiting":         {fmt.Errorf("connect: %w", &noSessionError{time.Minute}), true},
		"Password":        {said("28P01", "password authentication failed"), false},
		"Deadline":        {context.DeadlineExceeded, false},
		"DescribedBefore": {&load.StateError{What: "x", Err: said("53300", "")}, false},
		"Nil":             {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := shortage(c.err); (got != nil) != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Row level security that also applies to the owner.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statements, want string }{
		"None":      {"", ""},
		"NotForced": {"ALTER TABLE conversations ENABLE ROW LEVEL SECURITY", ""},
		"Forced":    {"ALTER TABLE conversations ENABLE ROW LEVEL SECURITY; ALTER TABLE conversations FORCE ROW LEVEL SECURITY", "applies to the role in conversations;"},
		"Bypassed": {"ALTER TABLE turns ENABLE ROW LEVEL SECURITY; ALTER TABLE turns FORCE ROW LEVEL SECURITY; " +
			"ALTER ROLE %[1]s BYPASSRLS", ""},
		"ForcedOnPartition": {"CREATE TABLE turns_2026_11 PARTITION OF turns FOR VALUES FROM ('2026-11-01') TO ('2026-12-01'); ALTER TABLE turns_2026_11 OWNER TO %[1]s;" +
			"ALTER TABLE turns_2026_11 ENABLE ROW LEVEL SECURITY; ALTER TABLE turns_2026_11 FORCE ROW LEVEL SECURITY", "applies to the role in turns_2026_11;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.URL(t)
			limited, role := pgtest.Role(t, database)
			pgtest.Exec(t, database, "CREATE SCHEMA polyai AUTHORIZATION "+role)
			d := open(t, Options{URL: fixed(limited)})
			if err := d.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			statements := c.statements
			if strings.Contains(statements, "%") {
				statements = fmt.Sprintf(statements, role)
			}
			pgtest.Exec(t, pgtest.With(t, database, func(u *url.URL) { u.RawQuery += "&search_path=polyai" }), statements)
			for what, err := range map[string]error{"Check": d.Check(t.Context()), "Prepare": d.Prepare(t.Context())} {
				if c.want == "" {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				wantState(t, err, c.want)
				wantState(t, err, "NO FORCE ROW LEVEL SECURITY")
			}
			if name != "Forced" {
				return
			}
			_, err := d.Summary(t.Context(), []load.Feed{feed}) // without a check before it
			wantState(t, err, "NO FORCE ROW LEVEL SECURITY")
		})
	}
}
