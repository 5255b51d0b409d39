package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// sessionServer is the key under which a connection keeps its [server].
const sessionServer = "convsync.server"

// server identifies the server of a session, and the branch of its history. An
// empty field is unknown: not every host permits the query.
type server struct {
	system   string // system identifier: a standby has that of its primary
	timeline string // increases with each promotion; onStandby before it
}

const onStandby = "standby"

// identify returns the server of a session.
func identify(ctx context.Context, session *pgconn.PgConn) (on server, err error) {
	for _, ask := range []struct {
		question string
		answer   *string
	}{
		{"SELECT system_identifier FROM pg_control_system()", &on.system},
		// The control file shows a promotion later than the log.
		{"SELECT CASE WHEN pg_is_in_recovery() THEN '" + onStandby + "' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END", &on.timeline},
	} {
		results, err := session.Exec(ctx, ask.question).ReadAll()
		var refused *pgconn.PgError
		switch {
		case errors.As(err, &refused) && !session.IsClosed(): // not permitted, or not supported
		case err != nil:
			return on, err
		default:
			*ask.answer = string(results[0].Rows[0][0])
		}
	}
	return on, nil
}

// serverOf returns the server of a connection.
func serverOf(conn *pgx.Conn) server {
	on, _ := conn.PgConn().CustomData()[sessionServer].(server)
	return on
}

var errOtherServer = errors.New("the server is not the one on which this run began")

// sameAs returns an error if on is known to be another server, or another
// history, than the one that a run began on.
func (on server) sameAs(began server) error {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	switch {
	case differ(on.system, began.system):
		return fmt.Errorf("%w: its system identifier is %s, not %s", errOtherServer, on.system, began.system)
	case differ(on.timeline, began.timeline) && on.timeline == onStandby:
		return fmt.Errorf("%w: it is a standby", errOtherServer)
	case differ(on.timeline, began.timeline):
		return fmt.Errorf("%w: a standby was promoted (timeline %s, not %s)", errOtherServer, on.timeline, began.timeline)
	}
	return nil
}

// runningOn are the servers on which the current runs of this process began. Runs
// of different projects share the pool.
type runningOn struct {
	mu      sync.Mutex
	servers []*server
}

func (r *runningOn) add(on *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers = append(r.servers, on)
}

func (r *runningOn) remove(on *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers = slices.DeleteFunc(r.servers, func(other *server) bool { return other == on })
}

// check returns an error if a server is not the one of all runs.
func (r *runningOn) check(on server) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, began := range r.servers {
		if err := on.sameAs(*began); err != nil {
			return err
		}
	}
	return nil
}

// prepareConn accepts a connection of the pool only if it is to the server on
// which the current runs began: another server may lack what they have stored.
func (d *Database) prepareConn(_ context.Context, conn *pgx.Conn) (bool, error) {
	if err := d.writing.check(serverOf(conn)); err != nil {
		return false, &load.StateError{What: d.where, Err: err, Hint: hintLostCommits}
	}
	return true, nil
}
