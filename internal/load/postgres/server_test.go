package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

const secret = "p@ss word/made#up%"

func TestServerErrors_NoPassword(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, _ := pgtest.Role(t, database)
	asLimited := func(change func(*url.URL)) string {
		return pgtest.With(t, limited, func(u *url.URL) {
			u.User = url.UserPassword(u.User.Username(), secret)
			change(u)
		})
	}
	for name, c := range map[string]struct{ url, want string }{
		"wrong password":   {asLimited(func(*url.URL) {}), "check user and password"},
		"no such role":     {pgtest.With(t, database, func(u *url.URL) { u.User = url.UserPassword("nobody_example", secret) }), "check user and password"},
		"no such database": {pgtest.With(t, database, func(u *url.URL) { u.Path = "/not_there" }), "create the database"},
		"nothing listens":  {asLimited(func(u *url.URL) { u.Host = closedAddress }), "the server is up"},
		"no such host":     {asLimited(func(u *url.URL) { u.Host = noName }), "check host and port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, Options{URL: fixed(c.url)})
			_, stateErr := d.State(t.Context(), nil)
			_, beginErr := d.Begin(t.Context(), load.Owner{RunID: "run-1"})
			for _, err := range []error{d.Check(t.Context()), d.Prepare(t.Context()), d.Migrate(t.Context()), stateErr, beginErr} {
				wantState(t, err, c.want)
			}
		})
	}
}

func TestAURLThatCannotBeReadIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"postgres://user:" + secret + "@db.example.com:port/x", "postgres://user:" + secret + "@db.example.com:5432/x",
		"host=db.example.com password='" + secret, "postgres://user:" + secret + "@[::1/x", secret,
	} {
		_, err := Open(t.Context(), Options{URL: fixed(bad)})
		wantState(t, err, "postgres://user:password@host:5432/database")
	}
}

// wantState checks for a StateError with the hint, and without the password.
func wantState(t *testing.T, err error, hint string) {
	t.Helper()
	var state *load.StateError
	if !errors.As(err, &state) || !strings.Contains(err.Error(), hint) {
		t.Errorf("got %v, want a StateError with the hint %q", err, hint)
	}
	if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), url.QueryEscape(secret)) || strings.Contains(err.Error(), "ss word")) {
		t.Errorf("the error shows the password: %v", err)
	}
}

// closedAddress is an address without a listener, whose port is never assigned
// dynamically.
const closedAddress = "127.0.0.1:1"

// noName is not a valid host name: it is too long for any name server to be
// queried.
var noName = strings.Repeat("d", 64) + ".invalid"

func TestServersThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	d := &Database{where: "the warehouse"}
	if err := d.judgeServer(14, "UTF8", false); err != nil {
		t.Errorf("a server of version 14: %v", err)
	}
	wantState(t, d.judgeServer(13, "UTF8", false), "update it to 14")
	wantState(t, d.judgeServer(15, "UTF8", true), "give the URL of the primary")

	latin := open(t, Options{URL: fixed(pgtest.Database(t, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"))})
	wantState(t, latin.Check(t.Context()), "encoding is UTF8")
	wantState(t, latin.Prepare(t.Context()), "encoding is UTF8")

	database := pgtest.URL(t)
	readOnly := open(t, Options{URL: fixed(pgtest.With(t, database, func(u *url.URL) {
		q := u.Query()
		q.Set("default_transaction_read_only", "on")
		u.RawQuery = q.Encode()
	}))})
	wantState(t, readOnly.Check(t.Context()), "give the URL of the primary")
}

func TestARoleThatOwnsOnlyItsSchemaSuffices(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, "CREATE SCHEMA calls AUTHORIZATION "+role)
	s := subject{url: limited, schema: "calls"}
	d := s.Open(t, nil)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check before: %v", err)
	}
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check after: %v", err)
	}
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	if n := len(s.Dump(t).Conversations); n != 1 {
		t.Errorf("%d conversations are stored", n)
	}
}

func TestRoleWithoutRights(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, role := pgtest.Role(t, database)
	d := open(t, Options{URL: fixed(limited)})
	wantState(t, d.Check(t.Context()), "AUTHORIZATION")
	wantState(t, d.Prepare(t.Context()), "AUTHORIZATION")

	owner := open(t, Options{URL: fixed(database)})
	if err := owner.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantState(t, d.Check(t.Context()), "GRANT") // the schema must not be visible
	pgtest.Exec(t, database, "GRANT ALL ON SCHEMA polyai TO "+role, "GRANT ALL ON ALL TABLES IN SCHEMA polyai TO "+role)
	wantState(t, d.Check(t.Context()), "does not own")
}

func TestCheckLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	d := open(t, Options{URL: fixed(database), Step: func(name string) { t.Errorf("step %q", name) }})
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	feed := load.Feed{ProjectID: "p", Environment: "live"}
	states, err := d.State(t.Context(), []load.Feed{feed})
	if _, asked := states[feed]; err != nil || !asked {
		t.Errorf("the state of an empty database: %v, %v", states, err)
	}
	if _, err := d.Summary(t.Context(), []load.Feed{feed}); err != nil {
		t.Errorf("the summary of an empty database: %v", err)
	}
	if _, err := d.Runs(t.Context(), 5); err != nil {
		t.Errorf("the runs of an empty database: %v", err)
	}
	var exists bool
	err = connect(t, database).QueryRow(t.Context(), "SELECT to_regnamespace('polyai') IS NOT NULL").Scan(&exists)
	if err != nil || exists {
		t.Errorf("a schema was created: %v, %v", exists, err)
	}
}

func TestPassword_Rotated(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	limited, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, "CREATE SCHEMA polyai AUTHORIZATION "+role)
	current := limited
	d := open(t, Options{URL: func(context.Context) (string, error) { return current, nil }})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, database, "ALTER ROLE "+role+" PASSWORD 'another made-up one'")
	current = pgtest.With(t, limited, func(u *url.URL) { u.User = url.UserPassword(role, "another made-up one") })
	d.pool.Reset()
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check with the new password: %v", err)
	}
	w, err := d.Begin(t.Context(), load.Owner{RunID: "run-1"})
	if err != nil {
		t.Fatalf("Begin with the new password: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// loadOne loads conversations of one feed in a complete run.
func loadOne(t *testing.T, d load.Destination, rows ...*warehouse.Rows) load.Counts {
	t.Helper()
	owner := load.Owner{RunID: fmt.Sprintf("run-%d", time.Now().UnixNano()), Actor: "ada", Host: "host.example.com"}
	w, err := d.Begin(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	counts := stageOne(t, w, rows...)
	if err := w.Finish(t.Context(), runRow(owner)); err != nil {
		t.Fatal(err)
	}
	return counts
}
