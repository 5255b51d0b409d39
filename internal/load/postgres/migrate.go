package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"convsync/internal/load"
)

// MigrationStatus tells how far the layout is.
type MigrationStatus struct {
	Applied int64 // version of the schema's layout; 0: none yet
	Known   int64 // newest version that this program knows
}

// Migrate brings the layout up to the newest version, one transaction a
// migration, under the writer's lock. It makes the schema if need be.
func (d *Database) Migrate(ctx context.Context) error {
	if err := d.checkSessions(ctx); err != nil {
		return err
	}
	status, err := d.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	if status.Applied > status.Known {
		return &load.TooNewError{Where: d.where, Found: status.Applied, Highest: status.Known}
	}
	if status.Applied == status.Known {
		return nil
	}
	if err := d.createSchema(ctx); err != nil {
		return d.describe(err)
	}
	p, done, err := d.provider()
	if err != nil {
		return err
	}
	defer done()
	d.Step("migrate")
	if _, err := p.Up(ctx); err != nil {
		return d.describe(err)
	}
	return nil
}

// MigrationStatus tells how far the layout is. It writes nothing.
func (d *Database) MigrationStatus(ctx context.Context) (MigrationStatus, error) {
	p, done, err := d.provider()
	if err != nil {
		return MigrationStatus{}, err
	}
	defer done()
	sources := p.ListSources()
	s := MigrationStatus{Known: sources[len(sources)-1].Version}
	var exists bool
	if err := d.pool.QueryRow(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return s, d.describe(err)
	}
	err = d.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&s.Applied)
	return s, d.describe(err)
}

// Prepare makes the layout in an empty schema, and refuses one that is not of
// this program's version and holds data.
func (d *Database) Prepare(ctx context.Context) error {
	if err := d.checkServer(ctx); err != nil {
		return err
	}
	s, err := d.checkLayout(ctx)
	if err != nil || s.Applied == s.Known {
		return err
	}
	return d.Migrate(ctx)
}

// checkLayout refuses a layout that is newer, or older with data.
func (d *Database) checkLayout(ctx context.Context) (MigrationStatus, error) {
	s, err := d.MigrationStatus(ctx)
	switch {
	case err != nil:
		return s, err
	case s.Applied > s.Known:
		return s, &load.TooNewError{Where: d.where, Found: s.Applied, Highest: s.Known}
	case s.Applied == 0 || s.Applied == s.Known:
		return s, nil
	}
	var holdsData bool
	err = d.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM conversation_keys) OR EXISTS (SELECT FROM sync_runs)").Scan(&holdsData)
	if err == nil && holdsData {
		return s, load.ErrNeedsMigration
	}
	return s, d.describe(err)
}

// createSchema makes the schema unless it is there. To ask first is not idle:
// CREATE SCHEMA IF NOT EXISTS needs a right on the database even if it is.
func (d *Database) createSchema(ctx context.Context) error {
	exists, err := d.schemaExists(ctx)
	if err != nil || exists {
		return err
	}
	d.Step("create schema")
	_, err = d.pool.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{d.Schema}.Sanitize())
	if hasCode(err, codeDuplicateSchema, codeUniqueViolation) { // another one was quicker
		return nil
	}
	return err
}

func (d *Database) schemaExists(ctx context.Context) (exists bool, err error) {
	err = d.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", d.Schema).Scan(&exists)
	return exists, err
}

// provider makes goose's provider over the pool's connections; done frees it.
func (d *Database) provider() (p *goose.Provider, done func(), err error) {
	db := stdlib.OpenDBFromPool(d.pool)
	p, err = goose.NewProvider(goose.DialectPostgres, db, d.layouts,
		goose.WithSessionLocker(migrationLock{d}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return p, func() { db.Close() }, nil //nolint:errcheck // the pool stays open
}

// migrationLock is the writer's lock, for goose.
type migrationLock struct{ *Database }

// SessionLock takes the lock, with the writer's patience.
func (l migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	err := l.takeLock(ctx, func(statement string) error {
		_, err := conn.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		return errors.Join(err, resetPatience(ctx, conn))
	}
	return nil
}

// SessionUnlock frees it.
func (l migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", l.lockKey()))
	return errors.Join(err, resetPatience(ctx, conn))
}

// resetPatience makes the session fit for the pool again.
func resetPatience(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SET lock_timeout = 0")
	return err
}
