package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"convsync/internal/load/postgres"
)

func newMigrateCommand(app *app) *cobra.Command {
	up := func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), app, true) }
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to this version",
		Long: "Migrate applies what is missing, in order, under a lock. `convsync run` does so by itself only for an empty\n" +
			"schema. Parquet lakes need no migration." + readWhole,
		Example: "  convsync migrate\n  convsync migrate status",
		Args:    cobra.NoArgs,
		RunE:    up,
	}
	cmd.AddCommand(
		&cobra.Command{Use: "up", Short: "Apply what is missing", Example: "  convsync migrate up", Args: cobra.NoArgs, RunE: up},
		&cobra.Command{
			Use: "status", Short: "Show which migrations are applied", Example: "  convsync migrate status", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), app, false) },
		},
	)
	return cmd
}

func runMigrate(ctx context.Context, app *app, up bool) error {
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
	if up {
		if err := database.Migrate(ctx); err != nil {
			return err
		}
	}
	status, err := database.MigrationStatus(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.stdout, "schema %s: layout %d, this version knows up to %d\n", cfg.Destination.Postgres.Schema, status.Applied, status.Known)
	if status.Applied < status.Known {
		fmt.Fprintln(app.stdout, "not up to date: convsync migrate")
	}
	return nil
}
