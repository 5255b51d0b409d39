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

// Numbers of sessions that are needed concurrently.
const (
	sessionsOfRun       = maxConnections + 1 // of the pool, and one for the writer's lock
	sessionsOfMigration = 2                  // one for migrations, one to query the owner of the lock
	moreForServe        = maxConnections + 5 // of the page and webhooks, the locks of four more runs, and a claim on recordings
)

// noSessionError means that a pooler provided no session in time.
type noSessionError struct{ within time.Duration }

func (e *noSessionError) Error() string {
	return fmt.Sprintf("no session was free within %s", e.within)
}

var hintTooFew = fmt.Sprintf("allow %d sessions for a run, and %d more for `convsync serve`: the pool size of the pooler, "+
	"CONNECTION LIMIT of the role and of the database, and max_connections of the server limit them; or end other sessions",
	sessionsOfRun, moreForServe)

// noneFree lists messages of poolers that have no free session or accept no
// more clients. Their SQLSTATE is too general to identify this.
var noneFree = []string{"query_wait_timeout", "no more connections allowed", "max clients reached"}

// shortage returns the part of an error that reports a lack of sessions; nil if
// there is none.
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

// tooFew adds the number of needed sessions to an error about a lack of
// sessions. It returns any other error as it is.
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
