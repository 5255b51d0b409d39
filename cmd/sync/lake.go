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
		Long: "Lake works on the files of a Parquet lake. A copy that other tools make while a run writes has files of\n" +
			"different commits; `convsync lake backup` makes one of a single commit.",
		Example: "  convsync lake backup /backups/lake-2026-11-28",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("there is no command %q under lake; there is backup", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the lake as of one commit into a new folder, also while a run writes",
		Long: "Backup makes DIR a lake of its own, with the files of one commit. On the same file system it makes hard\n" +
			"links, which takes no room and a second or less; to another one it copies." + readWhole,
		Example: "  convsync lake backup /backups/lake-2026-11-28",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("name one new folder to back up to, such as /backups/lake-2026-11-28"))
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
