package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"convsync/internal/load/postgres"
)

type migrateOptions struct {
	missing bool
}

func newMigrateCommand(app *app) *cobra.Command {
	var opts migrateOptions
	up := func(cmd *cobra.Command, _ []string) error {
		return runMigrate(cmd.Context(), app, func(ctx context.Context, database *postgres.Database) error {
			if opts.missing {
				return database.MigrateMissing(ctx)
			}
			return database.Migrate(ctx)
		})
	}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to this version",
		Long: "Migrate applies what is missing, in order, under a lock. `convsync run` does so by itself only for an empty\n" +
			"schema. Parquet lakes need no migration.\n\n" +
			"A schema that was made by a build between two versions may lack migrations that come before its layout. Migrate\n" +
			"and check refuse it and name them; back it up, and apply them with --missing. Each one is a transaction: one that\n" +
			"does not fit changes nothing." + readWhole,
		Example: "  convsync migrate\n  convsync migrate status\n  convsync migrate --missing",
		Args:    cobra.NoArgs,
		RunE:    up,
	}
	upCmd := &cobra.Command{Use: "up", Short: "Apply what is missing", Example: "  convsync migrate up", Args: cobra.NoArgs, RunE: up}
	for _, c := range []*cobra.Command{cmd, upCmd} {
		c.Flags().BoolVar(&opts.missing, "missing", false, "apply also what was left out before the layout that the schema has")
	}
	cmd.AddCommand(
		upCmd,
		&cobra.Command{
			Use: "status", Short: "Show which migrations are applied", Example: "  convsync migrate status", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), app, nil) },
		},
	)
	return cmd
}

// runMigrate calls up, unless it is nil, and prints how far the layout is.
func runMigrate(ctx context.Context, app *app, up func(context.Context, *postgres.Database) error) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	if cfg.Destination.Postgres == nil {
		return configError(errors.New("the destination is Parquet, which needs no migration: `migrate` is for Postgres"))
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return err
	}
	defer destination.Close() //nolint:errcheck // nothing is written any more
	database := destination.(*postgres.Database)
	if up != nil {
		if err := up(ctx, database); err != nil {
			return err
		}
	}
	status, err := database.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.stdout, "schema %s: layout %d, this version knows up to %d\n", cfg.Destination.Postgres.Schema, status.Applied, status.Known)
	if len(status.Missing) > 0 {
		fmt.Fprintf(app.stdout, "missing before it: %s: convsync migrate --missing\n", strings.Trim(fmt.Sprint(status.Missing), "[]"))
	}
	if status.Applied < status.Known {
		fmt.Fprintln(app.stdout, "not up to date: convsync migrate")
	}
	return nil
}
