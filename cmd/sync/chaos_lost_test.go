package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/pgtest"
)

// TestLostCommits loads everything into an empty database, which loses its last
// commits meanwhile. The run must end with an error, and the next incremental
// run must store all that is missing: coverage may claim no more than there is.
func TestLostCommits(t *testing.T) {
	t.Parallel()
	t.Run("Failover", func(t *testing.T) {
		t.Parallel()
		r := pgtest.Replicated(t)
		c := newLossy(t, r.URL)
		for round := range c.rounds() {
			c.loseCommits(round, r.URL, r.Detach, r.Failover)
			pgtest.Exec(t, r.URL, "DROP SCHEMA polyai CASCADE")
			r.Replicate()
		}
	})
	t.Run("Crash", func(t *testing.T) {
		t.Parallel()
		database, stop, start := pgtest.Unflushed(t)
		c := newLossy(t, database)
		for round := range c.rounds() {
			c.loseCommits(round, database, func() {}, func() { stop(); start() })
			pgtest.Exec(t, database, "DROP SCHEMA polyai CASCADE")
		}
	})
}

// newLossy is a newChaos with small pages: a load takes about a hundred requests.
func newLossy(t *testing.T, database string) *chaos {
	t.Helper()
	c := newChaos(t, intoPostgres(database))
	text := strings.Replace(readFile(t, c.config), "sync: { ", "sync: { page_size: 40, ", 1)
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// rounds is how often commits are lost: each takes as long as many kills.
func (c *chaos) rounds() int { return max(*chaosKills/10, 1) }

// loseCommits begins a first load, detaches what takes over at a random request
// and loses the commits that follow at a later one. Then it wants the truth. In
// every other round it happens between two transactions, so that none fails.
func (c *chaos) loseCommits(round int, database string, detach, lose func()) {
	c.t.Helper()
	detachAt := 1 + c.random.Int64N(40)
	loseAt := detachAt + 1 + c.random.Int64N(40)
	var requests atomic.Int64
	detached, lost := make(chan struct{}), make(chan struct{})
	before := func() { // by requests in parallel
		switch n := requests.Add(1); {
		case n == detachAt:
			defer close(detached)
			detach()
		case n == loseAt:
			<-detached
			defer close(lost)
			if round%2 == 0 {
				awaitIdle(c.t, database)
			}
			lose()
		case n > loseAt:
			<-lost
		}
	}
	c.before.Store(&before)
	cmd := command(c.t.Context(), "run", "--config", c.config, "--log-level", "error")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	c.before.Store(nil)
	if requests.Load() < loseAt {
		c.t.Fatalf("the run ended after %d requests, before commits were to be lost: %v\n%s", requests.Load(), err, out.String())
	}
	<-lost // the run may notice before the server is back
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed && exit.ExitCode() != exitLocked {
		c.t.Fatalf("commits were lost at request %d, and the run ended with %v\n%s", loseAt, err, out.String())
	}
	c.t.Logf("detached at request %d, lost at %d: exit code %d", detachAt, loseAt, exit.ExitCode())
	c.run(0)
	c.wantTruth("Postgres", readDatabase(c.t, database))
}

// awaitIdle waits until the sessions of a run have had nothing to do for a while.
func awaitIdle(t *testing.T, database string) {
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(t.Context())
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for idle := 0; idle < 25; <-tick.C {
		var all bool
		if err := conn.QueryRow(t.Context(), "SELECT bool_and(state = 'idle') FROM pg_stat_activity WHERE application_name = 'convsync'").Scan(&all); err != nil {
			t.Error(err)
			return
		}
		if idle++; !all {
			idle = 0
		}
	}
}
