package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const oldestServer = 14

// Check reports whether a run could load. It writes nothing.
func (d *Database) Check(ctx context.Context) error {
	if err := d.checkServer(ctx); err != nil {
		return err
	}
	exists, err := d.schemaExists(ctx)
	if err != nil {
		return d.describe(err)
	}
	if !exists {
		return d.checkRight(ctx, "the schema does not exist and the role may not create it",
			"SELECT has_database_privilege(current_database(), 'CREATE')")
	}
	status, err := d.checkLayout(ctx)
	if err != nil {
		return err
	}
	if err := d.checkRight(ctx, "the role may not create tables in the schema",
		"SELECT has_schema_privilege($1, 'CREATE') AND has_schema_privilege($1, 'USAGE')", d.Schema); err != nil {
		return err
	}
	if status.Applied == 0 {
		return d.checkForeign(ctx)
	}
	// Only the owner of a table can create the partition of a month.
	err = d.checkRight(ctx, "the role does not own all of the tables",
		"SELECT coalesce(bool_and(pg_has_role(relowner, 'USAGE')), false) FROM pg_class WHERE oid = ANY($1::text[]::regclass[])", tableNames())
	if err != nil {
		return err
	}
	return d.checkPolicies(ctx)
}

// checkForeign refuses a schema without the layout of convsync that has a table with
// one of its names: the migrations could not create it.
func (d *Database) checkForeign(ctx context.Context) error {
	var name *string
	err := d.pool.QueryRow(ctx, `SELECT min(relname) FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relname = ANY($2::text[])`,
		pgx.Identifier{d.Schema}.Sanitize(), tableNames()).Scan(&name)
	if err != nil || name == nil {
		return d.describe(err)
	}
	return &load.StateError{What: fmt.Sprintf("%s: there is a relation %q", d.where, *name), Hint: hints[codeDuplicateTable]}
}

// tableNames returns the names of all tables of convsync.
func tableNames() []string {
	var names []string
	for _, s := range append(ownTables(), warehouse.Specs()...) {
		names = append(names, s.Name)
	}
	return names
}

const hintPolicies = "let the role that convsync connects as see all rows, with ALTER TABLE … NO FORCE ROW LEVEL SECURITY or ALTER ROLE … BYPASSRLS"

// checkPolicies fails if row level security applies to this role: rows that it
// hides would be loaded a second time, and COPY fails for such tables.
func (d *Database) checkPolicies(ctx context.Context) error {
	var tables []string
	err := d.pool.QueryRow(ctx, `SELECT coalesce(array_agg(oid::regclass::text ORDER BY relname), '{}') FROM pg_class
		WHERE (oid = ANY($1::text[]::regclass[]) OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY($1::text[]::regclass[])))
			AND row_security_active(oid)`, tableNames()).Scan(&tables)
	if err != nil {
		return d.describe(err)
	}
	if len(tables) == 0 {
		return nil
	}
	if more := len(tables) - 3; more > 0 {
		tables = append(tables[:3], fmt.Sprintf("%d more", more))
	}
	return &load.StateError{
		What: fmt.Sprintf("%s: row level security applies to the role in %s", d.where, strings.Join(tables, ", ")), Hint: hintPolicies,
	}
}

// checkServer fails if the server is too old, read-only or not UTF-8, or if a
// pooler on the way does not keep sessions.
func (d *Database) checkServer(ctx context.Context) error {
	if err := d.checkSessions(ctx, sessionsOfRun); err != nil {
		return err
	}
	var version int
	var encoding, readOnly string
	err := d.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000,
		current_setting('server_encoding'), current_setting('transaction_read_only')`).Scan(&version, &encoding, &readOnly)
	if err != nil {
		return d.describe(err)
	}
	return d.judgeServer(version, encoding, readOnly == "on")
}

func (d *Database) judgeServer(version int, encoding string, readOnly bool) error {
	switch {
	case version < oldestServer:
		return &load.StateError{
			What: fmt.Sprintf("%s: the server is PostgreSQL %d", d.where, version),
			Hint: fmt.Sprintf("update it to %d or newer", oldestServer),
		}
	case encoding != "UTF8":
		return &load.StateError{
			What: fmt.Sprintf("%s: the database's encoding is %s", d.where, encoding),
			Hint: "use a database whose encoding is UTF8 (createdb -E UTF8 -T template0)",
		}
	case readOnly:
		return &load.StateError{What: d.where + ": the server is read-only", Hint: hints[codeReadOnly]}
	}
	return nil
}

// checkRight runs a yes-or-no query. If the answer is no, it returns an error
// with trouble as its text.
func (d *Database) checkRight(ctx context.Context, trouble, question string, args ...any) error {
	var yes bool
	if err := d.pool.QueryRow(ctx, question, args...).Scan(&yes); err != nil {
		return d.describe(err)
	}
	if !yes {
		return &load.StateError{What: d.where + ": " + trouble, Hint: hints[codeNoPrivilege]}
	}
	return nil
}
