package postgres

import (
	"errors"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// refusal is an error about the content of a row, such as a constraint that it
// violates. The server's message and detail may quote the row; this does not.
type refusal struct {
	code, constraint, table, column string
	detail                          string // our own text
	err                             error
}

// classes has the SQLSTATE classes of errors about a row, with their names in
// the SQL standard or PostgreSQL. All other errors are about the destination,
// and would occur for every row: a full disk, a shutdown, a missing right.
var classes = map[string]string{
	"21": "cardinality violation",
	"22": "data exception",
	"23": "integrity constraint violation",
	"27": "triggered data change violation",
	"44": "check option violation",
	"45": "unhandled user-defined exception",
	"54": "program limit exceeded",
	"P0": "error raised by a trigger",
}

// Error returns the reason of the reject.
func (r *refusal) Error() string {
	reason := "refused by Postgres: SQLSTATE " + r.code + " (" + classes[r.code[:2]] + ")"
	if r.constraint != "" {
		reason += ", constraint " + r.constraint
	}
	if r.column != "" {
		reason += ", column " + r.column
	}
	if r.table != "" {
		reason += ", table " + ofPeriod.ReplaceAllString(r.table, "")
	}
	if r.detail != "" {
		reason += ": " + r.detail
	}
	return reason
}

func (r *refusal) Unwrap() error { return r.err }

// ofPeriod matches the suffix that the name of a partition adds to that of its
// table.
var ofPeriod = regexp.MustCompile(`_(\d{4}_\d{2}|before_\d{4}|from_\d{4})$`)

// asRefusal turns the server's error into a refusal if it is about a row.
func asRefusal(err error) error {
	var server *pgconn.PgError
	var refused *refusal
	if !errors.As(err, &server) || errors.As(err, &refused) || len(server.Code) != 5 || classes[server.Code[:2]] == "" {
		return err
	}
	return &refusal{
		code:       server.Code,
		constraint: server.ConstraintName,
		table:      server.TableName,
		column:     server.ColumnName,
		err:        server,
	}
}

// skipped returns the refusal for rows that a trigger skipped without an error
// by returning NULL. Otherwise their conversation would be stored incompletely.
// table is empty if it is not known.
func skipped(table string) *refusal {
	return &refusal{code: codeTriggeredChange, table: table, detail: "a trigger skipped a row"}
}

// noPartition reports whether no partition exists for a row. It checks the name
// of the server's function, because the message may be in any language.
func noPartition(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == codeCheckViolation && server.Routine == "ExecFindPartition"
}
