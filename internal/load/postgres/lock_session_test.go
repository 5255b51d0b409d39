package postgres

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

func TestLockLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(t *testing.T, database string, w *writer)
		want error
		gone bool // whether the lock is lost, too
	}{
		"Terminated": {func(t *testing.T, database string, w *writer) {
			pgtest.Exec(t, database, "SELECT pg_terminate_backend((SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())), 600000)")
		}, load.ErrLockLost, true},
		"CutOff":   {func(_ *testing.T, _ string, w *writer) { cutLock(w) }, load.ErrLockLost, false},
		"Unlocked": {func(t *testing.T, _ string, w *writer) { unlocked(t, w, "pg_advisory_unlock_all()") }, errLockGone, true},
		"OneUnlocked": {func(t *testing.T, _ string, w *writer) {
			unlocked(t, w, fmt.Sprintf("pg_advisory_unlock(%d)", w.keyOfLock(projectLock+"p")))
		}, errLockGone, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1", "p", "q").(*writer)
			stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
			c.lose(t, database, w)
			lost := <-w.Lost()
			if !errors.Is(lost, c.want) || !errors.Is(lost, load.ErrLockLost) {
				t.Errorf("got %v, want %v", lost, c.want)
			}
			wantState(t, lost, "run again")
			if !c.gone {
				await(t, connect(t, database), lockIsFree)
			}
			if err := stage(t, w, "c-2"); !errors.Is(err, load.ErrLockLost) {
				t.Errorf("Stage: %v", err)
			}
			if err := publishOnly(t, w, covering()); !errors.Is(err, load.ErrLockLost) {
				t.Errorf("Publish: %v", err)
			}
			// No other run has taken over: the run records its result.
			if err := w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})); err != nil {
				t.Errorf("Finish: %v", err)
			}
			after := subject{database, "polyai"}.Dump(t)
			isIt := func(r warehouse.SyncRun) bool { return r.RunID == "run-1" }
			if len(after.Conversations) != 1 || len(after.Coverage) != 0 || !slices.ContainsFunc(after.Runs, isIt) {
				t.Errorf("stored are %+v", after)
			}
		})
	}
}

// unlocked frees locks in their own session, by a function of the server.
func unlocked(t *testing.T, w *writer, function string) {
	t.Helper()
	w.lock.unwatch()
	if _, err := w.lock.conn.Exec(t.Context(), "SELECT "+function); err != nil {
		t.Fatal(err)
	}
	w.beatEvery = time.Millisecond
	w.lock.watch(t.Context())
}

// The network drops all packets: neither side notices that the connection is
// lost.
func TestSilentLockSession(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	silent, host := make(chan struct{}), hostOf(t, database)
	d := open(t, Options{URL: fixed(through(t, database, func(client net.Conn) { untilSilent(client, host, silent) }))})
	d.beatEvery, d.beatTimeout = time.Millisecond, time.Hour
	w := begin(t, d, "run-1").(*writer)
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon)) // while the session is used periodically
	select {
	case err := <-w.Lost():
		t.Fatalf("lost too early: %v", err)
	default:
	}
	w.lock.unwatch()
	d.beatTimeout = time.Millisecond
	close(silent)
	w.lock.watch(t.Context())
	if err := <-w.Lost(); !errors.Is(err, load.ErrLockLost) {
		t.Errorf("got %v", err)
	}
}

// untilSilent forwards everything until silent is closed, and then nothing.
func untilSilent(client net.Conn, host string, silent <-chan struct{}) {
	server, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	hand := func(to, from net.Conn) {
		defer to.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			select {
			case <-silent:
			default:
				if _, err := to.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
	}
	both.Go(func() { hand(client, server) })
	hand(server, client)
	both.Wait()
}
