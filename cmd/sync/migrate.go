package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
)

type migrateOptions struct {
	missing    bool
	withSearch bool
}

func newMigrateCommand(app *app) *cobra.Command {
	var opts migrateOptions
	up := func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), app, &opts) }
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Update the database schema or the lake to this version",
		Long: "Migrate applies all pending migrations in order, under a lock. `convsync run` does this itself only if the schema is\n" +
			"empty.\n\n" +
			"A Parquet lake of an older layout is converted next to its files, and replaced at the end. That needs as much free\n" +
			"space as the lake takes. If migrate is interrupted, the next migrate continues; until its last\n" +
			"commit, the lake is as before.\n\n" +
			"A schema that was created by a build between two releases may lack migrations that are older than its layout.\n" +
			"Migrate and check then fail and list them. Back up the database, then apply them with --missing. Each migration is\n" +
			"a transaction: if it fails, it changes nothing.\n\n" +
			"With --with-search, migrate creates the index that makes convsync search fast in Postgres, month by month, and\n" +
			"collects statistics about the words; loads of other months continue. Loading turns then costs more.\n" +
			"DROP INDEX polyai.turns_search removes it." + readWhole,
		Example: "  convsync migrate\n  convsync migrate status\n  convsync migrate --missing",
		Args:    cobra.NoArgs,
		RunE:    up,
	}
	upCmd := &cobra.Command{
		Use:     "up",
		Short:   "Apply all pending migrations",
		Example: "  convsync migrate up",
		Args:    cobra.NoArgs,
		RunE:    up,
	}
	for _, c := range []*cobra.Command{cmd, upCmd} {
		c.Flags().BoolVar(&opts.withSearch, "with-search", false, "Postgres: also create the index that makes convsync search fast")
		c.Flags().BoolVar(&opts.missing, "missing", false, "also apply missing migrations that are older than the layout of the schema")
	}
	cmd.AddCommand(
		upCmd,
		&cobra.Command{
			Use:     "status",
			Short:   "Show which migrations are applied",
			Example: "  convsync migrate status",
			Args:    cobra.NoArgs,
			RunE:    func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), app, nil) },
		},
	)
	return cmd
}

// runMigrate migrates the destination, unless options is nil, and prints the state
// of the layout.
func runMigrate(ctx context.Context, app *app, options *migrateOptions) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return err
	}
	defer destination.Close() //nolint:errcheck // nothing is written after this
	if lake, ok := destination.(*parquet.Lake); ok {
		return migrateLake(ctx, app, cfg, lake, options)
	}
	return migrateDatabase(ctx, app, cfg, destination.(*postgres.Database), options)
}

// indexSearch creates the index for search.
func indexSearch(ctx context.Context, app *app, database *postgres.Database) error {
	err := database.IndexSearch(ctx, func(step string) { fmt.Fprintln(app.stderr, step) })
	if err == nil {
		fmt.Fprintln(app.stdout, "search: indexed")
	}
	return err
}

func migrateLake(ctx context.Context, app *app, cfg *config.Config, lake *parquet.Lake, options *migrateOptions) error {
	if options != nil && options.missing {
		return usageError(errors.New("--missing is for Postgres: a lake has no migrations that can be missing"))
	}
	if options != nil && options.withSearch {
		return usageError(errors.New("--with-search is for Postgres: a lake is searched without an index"))
	}
	if options != nil {
		if err := lake.Migrate(ctx); err != nil {
			return err
		}
	}
	stored, supported, err := lake.Layout()
	if err != nil {
		return err
	}
	if stored == 0 {
		fmt.Fprintf(app.hints(app.stdout), "lake %s: there is no lake yet; `convsync run` makes one, with layout %d\n", cfg.Destination.Parquet.Path, supported)
		return nil
	}
	fmt.Fprintf(app.stdout, "lake %s: layout %d; this version supports layout %d\n", cfg.Destination.Parquet.Path, stored, supported)
	if stored < supported {
		fmt.Fprintln(app.hints(app.stdout), "not up to date; run `convsync migrate`")
	}
	return nil
}

func migrateDatabase(ctx context.Context, app *app, cfg *config.Config, database *postgres.Database, options *migrateOptions) error {
	if options != nil {
		up := database.Migrate
		if options.missing {
			up = database.MigrateMissing
		}
		if err := up(ctx); err != nil {
			return err
		}
		if options.withSearch {
			if err := indexSearch(ctx, app, database); err != nil {
				return err
			}
		}
	}
	status, err := database.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.stdout, "schema %s: layout %d; this version supports up to %d\n", cfg.Destination.Postgres.Schema, status.Applied, status.Known)
	if len(status.Missing) > 0 {
		fmt.Fprintf(app.hints(app.stdout), "missing migrations: %s; back up the database, then run `convsync migrate --missing`\n", strings.Trim(fmt.Sprint(status.Missing), "[]"))
	}
	if status.Applied < status.Known {
		fmt.Fprintln(app.hints(app.stdout), "not up to date; run `convsync migrate`")
	}
	return nil
}
