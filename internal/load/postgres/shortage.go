package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// How many sessions are needed at once.
const (
	sessionsOfRun       = maxConnections + 1 // those of the pool, and that of the writer's lock
	sessionsOfMigration = 2                  // one migrates, one asks who has the lock
)

// noSessionError says that a pooler handed out no session.
type noSessionError struct{ within time.Duration }

func (e *noSessionError) Error() string {
	return fmt.Sprintf("no session was free within %s", e.within)
}

var hintTooFew = fmt.Sprintf("allow %d sessions for a run, and %d more for `convsync serve`: the pool size of the pooler, "+
	"CONNECTION LIMIT of the role and of the database, and max_connections of the server limit them; or end other sessions",
	sessionsOfRun, maxConnections)

// noneFree are the words of poolers that have no session free or let no more
// clients in. Their SQLSTATE says as much as that something went wrong.
var noneFree = []string{"query_wait_timeout", "no more connections allowed", "max clients reached"}

// shortage is what an error says of sessions that cannot be had; nil: nothing.
func shortage(err error) error {
	var server *pgconn.PgError
	var state *load.StateError
	var none *noSessionError
	switch {
	case errors.As(err, &state):
		return nil // described already
	case errors.As(err, &server):
		says := func(words string) bool { return strings.Contains(server.Message, words) }
		if server.Code == codeTooManyConns || slices.ContainsFunc(noneFree, says) {
			return server
		}
	case errors.As(err, &none):
		return none
	}
	return nil
}

// tooFew says how many sessions are needed where an error is that there are
// fewer; any other error passes.
func (d *Database) tooFew(err error, needed int) error {
	reason := shortage(err)
	if reason == nil {
		return err
	}
	return &load.StateError{
		What: d.where, Hint: hintTooFew,
		Err: fmt.Errorf("%d sessions are needed at once, and there are fewer: %w", needed, reason),
	}
}
