package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"convsync/internal/load"
)

// MigrationStatus describes the state of the layout.
type MigrationStatus struct {
	Applied int64   // version of the schema's layout; 0: no tables yet
	Known   int64   // newest version that this program knows
	Missing []int64 // versions below Applied that were not applied
}

// Migrate updates the layout to the newest version, with one transaction per
// migration, under the writer's lock. It creates the schema if it does not
// exist. It fails if earlier migrations are missing.
func (d *Database) Migrate(ctx context.Context) error { return d.migrate(ctx, false) }

// MigrateMissing is like Migrate, but first applies missing earlier migrations.
func (d *Database) MigrateMissing(ctx context.Context) error { return d.migrate(ctx, true) }

func (d *Database) migrate(ctx context.Context, missingToo bool) error {
	if err := d.checkSessions(ctx, sessionsOfMigration); err != nil {
		return err
	}
	status, err := d.MigrationStatus(ctx)
	switch {
	case err != nil:
		return err
	case status.Applied > status.Known:
		return &load.TooNewError{Where: d.where, Found: status.Applied, Highest: status.Known}
	case len(status.Missing) > 0 && !missingToo:
		return d.lacking(&status)
	case len(status.Missing) == 0 && status.Applied == status.Known:
		return d.declare(ctx)
	}
	if err := d.createSchema(ctx); err != nil {
		return d.describe(err)
	}
	p, done, err := d.provider(goose.WithAllowOutofOrder(missingToo))
	if err != nil {
		return err
	}
	defer done()
	d.Step("migrate")
	if _, err := p.Up(ctx); err != nil {
		if err = d.describe(err); len(status.Missing) > 0 && !errors.As(err, new(*load.LockedError)) {
			err = &load.StateError{What: "the missing migrations could not be applied", Err: err, Hint: hintOtherSchema}
		}
		return err
	}
	return d.declare(ctx)
}

const hintOtherSchema = "nothing was lost: set destination.postgres.schema to a new name and load the history again"

// lacking returns the error of a layout with missing migrations.
func (d *Database) lacking(s *MigrationStatus) error {
	list := strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Missing), "[]"), " ", ", ")
	return &load.StateError{
		What: fmt.Sprintf("%s lacks %d of the migrations before layout %d (%s)", d.where, len(s.Missing), s.Applied, list),
		Err:  errors.New("it was made by a build between two versions"),
		Hint: "back the schema up and apply them with `convsync migrate --missing`, or set destination.postgres.schema to a new name and load the history again",
	}
}

// MigrationStatus returns the state of the layout. It writes nothing.
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
	var applied []int64
	err = d.pool.QueryRow(ctx, "SELECT coalesce(array_agg(DISTINCT version_id ORDER BY version_id), '{0}') FROM goose_db_version WHERE is_applied").Scan(&applied)
	if err != nil {
		return s, d.describe(err)
	}
	s.Applied = applied[len(applied)-1]
	for _, source := range sources {
		if source.Version < s.Applied && !slices.Contains(applied, source.Version) {
			s.Missing = append(s.Missing, source.Version)
		}
	}
	return s, nil
}

// Prepare creates the layout in an empty schema. It fails for a schema with
// data and another version of the layout.
func (d *Database) Prepare(ctx context.Context) error {
	if err := d.checkServer(ctx); err != nil {
		return err
	}
	s, err := d.checkLayout(ctx)
	switch {
	case err != nil:
		return err
	case s.Applied == s.Known:
		if err := d.declare(ctx); err != nil {
			return err
		}
		return d.checkPolicies(ctx)
	}
	return d.Migrate(ctx)
}

// checkLayout fails for a layout that is newer, that is older and has data, or
// that lacks migrations.
func (d *Database) checkLayout(ctx context.Context) (MigrationStatus, error) {
	s, err := d.MigrationStatus(ctx)
	switch {
	case err != nil:
		return s, err
	case s.Applied > s.Known:
		return s, &load.TooNewError{Where: d.where, Found: s.Applied, Highest: s.Known}
	case len(s.Missing) > 0:
		return s, d.lacking(&s)
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

// createSchema creates the schema unless it exists. It checks first, because
// CREATE SCHEMA IF NOT EXISTS needs a right on the database even if the schema
// exists.
func (d *Database) createSchema(ctx context.Context) error {
	exists, err := d.schemaExists(ctx)
	if err != nil || exists {
		return err
	}
	d.Step("create schema")
	_, err = d.pool.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{d.Schema}.Sanitize())
	if hasCode(err, codeDuplicateSchema, codeUniqueViolation) { // created by another process meanwhile
		return nil
	}
	return err
}

func (d *Database) schemaExists(ctx context.Context) (exists bool, err error) {
	err = d.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", d.Schema).Scan(&exists)
	return exists, err
}

// provider returns a goose provider that uses the connections of the pool. done
// frees it.
func (d *Database) provider(options ...goose.ProviderOption) (p *goose.Provider, done func(), err error) {
	db := stdlib.OpenDBFromPool(d.pool)
	options = append(options, goose.WithSessionLocker(migrationLock{d}), goose.WithDisableGlobalRegistry(true))
	p, err = goose.NewProvider(goose.DialectPostgres, db, d.layouts, options...)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return p, func() { db.Close() }, nil //nolint:errcheck // the pool stays open
}

// migrationLock is the writer's lock for goose.
type migrationLock struct{ *Database }

// SessionLock takes the lock, with the writer's timeout.
func (l migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	err := l.takeLock(func(statement string) error {
		_, err := conn.ExecContext(ctx, statement)
		return err
	}, exclusively, l.lockTimeout())
	if err != nil {
		return errors.Join(l.lockedByAny(ctx, err), resetLockTimeout(ctx, conn))
	}
	return nil
}

// SessionUnlock frees the lock.
func (l migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", l.lockKey()))
	return errors.Join(err, resetLockTimeout(ctx, conn))
}

// resetLockTimeout resets the lock timeout of the session before it returns to
// the pool.
func resetLockTimeout(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SET lock_timeout = 0")
	return err
}
