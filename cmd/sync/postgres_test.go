package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/simulate"
)

// TestLockLostWhileTheSourceIsSlow ends the session of the lock while the run
// waits for an answer that never comes.
func TestLockLostWhileTheSourceIsSlow(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	simulator, _ := past(t, 300, 3, simulate.Deviations{})
	var stuck atomic.Bool
	stuck.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stuck.Load() {
			pgtest.Exec(t, database, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
			<-r.Context().Done()
			return
		}
		simulator.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	config := configure(t, server.URL, intoPostgres(database))
	convsync(t, nil, "run", "--config", config).want(t, exitLocked, "the writer's lock was lost", "run again")
	convsync(t, nil, "status", "--config", config).want(t, exitOK, "failed", "the writer's lock was lost")
	stuck.Store(false)
	run(t, config, exitOK)
}

// TestClientEncoding has a database set another client encoding, and spoils a
// text as that encoding would have.
func TestClientEncoding(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	simulator, server := past(t, 300, 3, simulate.Deviations{})
	simulator.Override("acme-team-4", "live", 100, simulate.Override{Note: "café €"})
	pgtest.Exec(t, database, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_encoding = LATIN1', current_database()); END $$")
	config := configure(t, server.URL, intoPostgres(database))
	run(t, config, exitOK)
	if p := verifyAll(t, config, exitOK).Projects[0]; p.Same < 200 || len(p.Findings) != 0 {
		t.Errorf("verify: %+v", p)
	}
	pgtest.Exec(t, database, `DO $$ BEGIN
			ASSERT (SELECT count(*) = 1 FROM polyai.conversations WHERE convert_to(note, 'UTF8') = '\x636166c3a920e282ac'), 'the text is spoiled';
		END $$`,
		"UPDATE polyai.conversations SET note = convert_from(convert_to(note, 'UTF8'), 'LATIN1') WHERE note LIKE 'caf%'")
	wantTampered(t, config, map[string]int{"tampered": 1})
}
