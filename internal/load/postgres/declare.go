package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Views and the comments of tables and columns are declared in warehouse and
// hold no data. They are replaced as a whole when their text changes, so that no
// migration contains a copy of them. The digest of what a schema has is in the
// comment of goose's table, in the transaction that applies it.

const declaredMark = "For convsync. Which migrations and declarations this schema has: "

// declaredSpecs returns the tables and views that have comments in Postgres.
func declaredSpecs() []warehouse.Spec {
	return slices.Concat(warehouse.Specs(), ownTables(), warehouse.StoredViews())
}

// ownTables are the tables that only this destination has.
func ownTables() []warehouse.Spec {
	return append([]warehouse.Spec{conversationKeys.Spec()}, warehouse.FigureTables()...)
}

// declare applies the views and comments of this version, unless the schema has
// them. It requires the newest layout.
func (d *Database) declare(ctx context.Context) error {
	digest := declaredMark + digestOf(d.declared)
	if done, err := d.isDeclared(ctx, digest); err != nil || done {
		return d.describe(err)
	}
	d.Step("declare")
	allowed := false
	err := pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if err := d.lockLayout(ctx, tx); err != nil {
			return err
		}
		allowed = true
		if err := replaceViews(ctx, tx, views(d.declared)); err != nil {
			return err
		}
		if err := redefineFigures(ctx, tx); err != nil {
			return err
		}
		text := commentsOf(d.declared) + commentPartitions() + fmt.Sprintf("COMMENT ON TABLE goose_db_version IS '%s'", digest)
		return tx.Conn().PgConn().Exec(ctx, text).Close()
	})
	if !allowed { // its connection is free again: two at once could be a deadlock
		err = d.locked(ctx, err, writerLock)
	}
	return d.describe(err)
}

// isDeclared reports whether the schema has the digest and each view.
func (d *Database) isDeclared(ctx context.Context, digest string) (done bool, err error) {
	var names []string
	for _, view := range views(d.declared) {
		names = append(names, view.Name)
	}
	err = d.pool.QueryRow(ctx, `SELECT coalesce(obj_description('goose_db_version'::regclass, 'pg_class') = $1, false)
		AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS name WHERE to_regclass(name) IS NULL)`, digest, names).Scan(&done)
	return done, err
}

func views(specs []warehouse.Spec) []warehouse.Spec {
	return slices.DeleteFunc(slices.Clone(specs), func(s warehouse.Spec) bool { return s.Select == "" })
}

// lockLayout makes the transaction wait for migrations, and for other changes of
// the layout. Writers of projects continue: views and comments have no data.
func (d *Database) lockLayout(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", d.lockTimeout().Milliseconds()))
	if err == nil {
		_, err = tx.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock_shared(%d)", d.lockKey()))
	}
	if err == nil {
		_, err = tx.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", d.layoutKey()))
	}
	return err
}

// replaceViews creates or replaces our views, each after those that it reads. Postgres
// replaces a view only if its columns stay and new ones come last; otherwise all of
// ours are dropped and created again with their grants. A view that a view of the user
// depends on is not dropped.
func replaceViews(ctx context.Context, tx pgx.Tx, views []warehouse.Spec) error {
	var script strings.Builder
	for _, v := range views {
		fmt.Fprintf(&script, "CREATE OR REPLACE VIEW %s AS %s;\n", pgx.Identifier{v.Name}.Sanitize(), v.Select)
	}
	create := func(tx pgx.Tx) error { return tx.Conn().PgConn().Exec(ctx, script.String()).Close() }
	err := pgx.BeginFunc(ctx, tx, create)
	if !hasCode(err, codeInvalidTable) {
		return err
	}
	grants, err := grantsOf(ctx, tx, views)
	if err != nil {
		return err
	}
	if err := dropViews(ctx, tx, views); err != nil {
		return err
	}
	if err := create(tx); err != nil {
		return err
	}
	return tx.Conn().PgConn().Exec(ctx, grants).Close()
}

// grantsOf returns statements that grant the rights that others have on our views and on
// those of their columns that remain.
func grantsOf(ctx context.Context, tx pgx.Tx, views []warehouse.Spec) (statements string, err error) {
	var names, columns []string
	for _, v := range views {
		for _, c := range v.Columns {
			names, columns = append(names, v.Name), append(columns, c.Name)
		}
	}
	err = tx.QueryRow(ctx, `WITH ours AS (SELECT relation, attname FROM unnest($1::text[], $2::text[]) AS ours (relation, attname)), acl AS (
			SELECT DISTINCT c.oid, NULL::name AS attname, a.* FROM ours JOIN pg_class AS c ON c.oid = to_regclass(relation), aclexplode(relacl) AS a
				WHERE grantee <> relowner
			UNION ALL SELECT c.oid, t.attname, a.* FROM ours JOIN pg_class AS c ON c.oid = to_regclass(relation)
				JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = ours.attname, aclexplode(attacl) AS a)
		SELECT coalesce(string_agg(format('GRANT %s%s ON %s TO %s%s;', privilege_type, ' (' || quote_ident(attname) || ')', oid::regclass,
			CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), ''), '')
		FROM acl`, names, columns).Scan(&statements)
	return statements, err
}

// dropViews drops those of the views that exist, in one statement: they depend on each
// other.
func dropViews(ctx context.Context, tx pgx.Tx, views []warehouse.Spec) error {
	var names []string
	for _, v := range views {
		names = append(names, pgx.Identifier{v.Name}.Sanitize())
	}
	_, err := tx.Exec(ctx, "DROP VIEW IF EXISTS "+strings.Join(names, ", "))
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != codeDependents {
		return err
	}
	return &load.StateError{
		What: "views of convsync have other columns in this version, and views of yours depend on them",
		Err:  errors.New(strings.ReplaceAll(server.Detail, "\n", "; ")),
		Hint: "drop these views, run `convsync migrate`, and create them again",
	}
}

func commentsOf(specs []warehouse.Spec) string {
	var text strings.Builder
	for i := range specs {
		text.WriteString(specs[i].Comments())
	}
	return text.String()
}

// commentPartitions returns a statement that comments the partitions of earlier versions.
func commentPartitions() string {
	var text strings.Builder
	text.WriteString("DO $$ DECLARE part regclass; BEGIN\n")
	for _, table := range partitioned {
		fmt.Fprintf(&text, `FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = '%s'::regclass AND obj_description(inhrelid, 'pg_class') IS NULL LOOP
			EXECUTE format('COMMENT ON TABLE %%s IS %%L', part, '%s'); END LOOP;
		`, table, partitionComment(table))
	}
	text.WriteString("END $$;\n")
	return text.String()
}

// digestOf identifies the text of views and comments.
func digestOf(specs []warehouse.Spec) string {
	text := commentsOf(specs) + figuresDefinition()
	for _, s := range specs {
		text += s.Select
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
