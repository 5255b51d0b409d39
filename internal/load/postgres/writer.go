package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/load"
)

// writer is the [load.Writer] of some projects, or of the schema. There is one of
// each project at a time.
type writer struct {
	*Database
	owner   load.Owner
	lock    *lockSession
	server  *server // the server on which the run began
	epoch   int64
	commits map[string]*commitCount         // by lock
	over    atomic.Pointer[load.StateError] // set when nothing more may be written
	erased  atomic.Bool                     // whether tombstones exist

	rejected rejected

	finished     bool
	environments map[string][]string // by project, in configured order
	months       months
	stale        staleMarks

	mu     sync.Mutex
	counts map[load.WindowID]*load.Counts
}

// Begin takes the advisory locks of the projects, on a connection of its own, and
// raises the epoch. The number of round trips does not depend on that of projects.
func (d *Database) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	lock, err := d.openLockSession(ctx, projects)
	if err != nil {
		return nil, d.describe(err)
	}
	w := &writer{
		Database:     d,
		owner:        owner,
		lock:         lock,
		commits:      map[string]*commitCount{},
		environments: map[string][]string{},
		counts:       map[load.WindowID]*load.Counts{},
		stale:        staleMarks{known: map[string]map[time.Time]bool{}},
	}
	if err := w.begin(ctx); err != nil {
		return nil, errors.Join(d.describe(err), w.Close())
	}
	return w, nil
}

func (w *writer) begin(ctx context.Context) error {
	conn := w.lock.conn
	if err := w.checkSessionsWith(ctx, conn, 2); err != nil {
		return err
	}
	if err := w.lock.take(ctx); err != nil {
		return err
	}
	on := serverOf(conn)
	w.server = &on
	w.writing.add(w.server)
	w.Step("take over")
	if err := w.takeOver(ctx, conn); err != nil {
		return w.locked(ctx, err, w.lock.names...) // by a hanging commit of the previous writer
	}
	if err := w.months.read(ctx, conn); err != nil {
		return err
	}
	if err := w.rejected.read(ctx, conn, w.lock.projects()); err != nil {
		return err
	}
	var erased bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM erasures)").Scan(&erased); err != nil {
		return err
	}
	w.erased.Store(erased)
	w.lock.watch(ctx)
	return nil
}

// Lost implements [load.Watched].
func (w *writer) Lost() <-chan error { return w.lock.lost }

// Close frees the locks. Later commits fail.
func (w *writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	w.lock.unwatch()
	w.writing.remove(w.server)
	if w.finished {
		w.leave(ctx)
	}
	w.lock.close(ctx)
	return nil
}
