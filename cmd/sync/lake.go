package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"convsync/internal/load/parquet"
)

func newLakeCommand(app *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lake",
		Short: "Back up a Parquet lake",
		Long: "Lake has commands for the files of a Parquet lake. A copy that other tools make during a run mixes files of several\n" +
			"commits. `convsync lake backup` copies the files of exactly one commit.",
		Example: "  convsync lake backup /backups/lake-2026-11-28",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("unknown command %q for lake; use backup", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the last commit of the lake into a new folder, also during a run",
		Long: "Backup makes DIR a complete lake with the files of one commit. On the same file system it creates hard links,\n" +
			"which take no space and at most a second. On another file system it copies the files." + readWhole,
		Example: "  convsync lake backup /backups/lake-2026-11-28",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("expected one argument, a new folder for the backup, such as /backups/lake-2026-11-28"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runLakeBackup(cmd.Context(), app, args[0]) },
	})
	return cmd
}

func runLakeBackup(ctx context.Context, app *app, folder string) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	destination := cfg.Destination.Parquet
	if destination == nil {
		return usageError(errors.New("the destination is Postgres: back it up with pg_dump"))
	}
	lake, err := parquet.Open(parquet.Options{Path: destination.Path})
	if err != nil {
		return err
	}
	defer lake.Close() //nolint:errcheck // nothing is written
	done, err := lake.Backup(ctx, folder)
	if err != nil {
		return err
	}
	fmt.Fprintf(app.stdout, "backed up %s to %s: %s\n", destination.Path, folder, done)
	return nil
}
