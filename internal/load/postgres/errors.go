package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// SQLSTATE codes that are handled separately.
const (
	codeInvalidPassword  = "28P01"
	codeInvalidAuth      = "28000"
	codeNoDatabase       = "3D000"
	codeNoSchema         = "3F000"
	codeNoTable          = "42P01"
	codeNoColumn         = "42703"
	codeDuplicateTable   = "42P07"
	codeDuplicateSchema  = "42P06"
	codeInvalidTable     = "42P16"
	codeDependents       = "2BP01"
	codeNoPrivilege      = "42501"
	codeReadOnly         = "25006"
	codeDiskFull         = "53100"
	codeOutOfMemory      = "53200"
	codeTooManyConns     = "53300"
	codeStarting         = "57P03"
	codeShutdown         = "57P01"
	codeCrashed          = "57P02"
	codeIdleTooLong      = "25P03"
	codeNoStatement      = "26000"
	codeStatementExists  = "42P05"
	codeLockNotAvailable = "55P03"
	codeUniqueViolation  = "23505"
	codeCheckViolation   = "23514"
	codeTriggeredChange  = "27000"
	codeDeadlock         = "40P01"
	codeSerialization    = "40001"
	codeCanceled         = "57014"
	codeSyntax           = "42601"
)

// refusedTLS is part of an error of pgconn that has no exported value.
const refusedTLS = "server refused TLS connection"

// byStatement is part of PgBouncer's error at the start of a transaction if it
// uses statement pooling.
const byStatement = "statement pooling mode"

const hintTLS = "the server does not offer TLS, and nothing was sent to it: enable it there (ssl = on); in a network that you trust, " +
	"add sslmode=disable to destination.postgres.url"

const hintLost = "the connection was lost: run again, nothing is lost"

// hints has, by SQLSTATE, what a user can do about an error.
var hints = map[string]string{
	codeInvalidPassword:  "check user and password in destination.postgres.url (special characters in the password must be percent-encoded)",
	codeInvalidAuth:      "check the user in destination.postgres.url, and that the server's pg_hba.conf lets it in from here",
	codeNoDatabase:       "create the database (createdb -E UTF8), or correct its name in destination.postgres.url",
	codeNoSchema:         "create the tables with `convsync migrate`",
	codeNoTable:          "create the tables with `convsync migrate`",
	codeNoColumn:         "the tables were changed outside of convsync: restore them, or use another schema",
	codeDuplicateTable:   "the schema has tables of these names that convsync did not create: use another schema (destination.postgres.schema)",
	codeNoPrivilege:      "let the role own the schema: CREATE SCHEMA … AUTHORIZATION …, or GRANT CREATE ON DATABASE … TO …",
	codeReadOnly:         "this server is a standby or set to read only: give the URL of the primary",
	codeDiskFull:         "the server's disk is full: free some space and run again, nothing is lost",
	codeOutOfMemory:      "the server is out of memory; if it is `shared memory`, raise max_locks_per_transaction there: a run has a lock for each of its projects",
	codeStarting:         "the server is starting or stopping: run again in a moment, nothing is lost",
	codeShutdown:         "the server was stopped: run again when it is back, nothing is lost",
	codeCrashed:          hintLost,
	codeIdleTooLong:      hintLost,
	codeNoStatement:      hintPooled, // statements are prepared in one session and used in another
	codeStatementExists:  hintPooled,
	codeLockNotAvailable: "another session holds a lock on the tables: run again when it is done",
}

// describe turns an error of the server into one for users. It returns errors
// for users as they are.
func (d *Database) describe(err error) error {
	var server *pgconn.PgError
	var connect *pgconn.ConnectError
	var state *load.StateError
	switch {
	case errors.As(err, &connect) && errors.As(err, &state):
		return state // found right after connecting
	case err == nil || errors.Is(err, context.Canceled) || forPeople(err):
		return err
	}
	if reason := shortage(err); reason != nil {
		return &load.StateError{What: d.where, Err: reason, Hint: hintTooFew}
	}
	state = &load.StateError{What: d.where, Err: err}
	var network net.Error
	switch {
	case errors.As(err, &server) && strings.Contains(server.Message, byStatement):
		state.Err, state.Hint = errPooled, hintPooled
	case errors.As(err, &server) && server.Routine == "check_enable_rls":
		state.Hint = hintPolicies
	case errors.As(err, &server):
		state.Hint = hints[server.Code]
	case errors.As(err, &connect) && strings.Contains(err.Error(), refusedTLS):
		state.Hint = hintTLS
	case errors.As(err, &connect):
		state.Hint = "check host and port in destination.postgres.url, and that the server is up and may be reached from here"
	case errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err):
		state.Hint = hintLost
	}
	return state
}

func forPeople(err error) bool {
	var state *load.StateError
	var locked *load.LockedError
	var tooNew *load.TooNewError
	var mixed *load.MixedProjectError
	return errors.Is(err, load.ErrNeedsMigration) || errors.As(err, &state) || errors.As(err, &locked) ||
		errors.As(err, &tooNew) || errors.As(err, &mixed)
}

// hasCode reports whether err is a server error with one of the codes.
func hasCode(err error, codes ...string) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	for _, code := range codes {
		if server.Code == code {
			return true
		}
	}
	return false
}

// violated reports whether err is a violation of the constraint.
func violated(err error, constraint string) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == codeUniqueViolation && server.ConstraintName == constraint
}
