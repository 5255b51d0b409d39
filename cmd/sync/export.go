package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newExportCommand(app *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export recordings for compliance, and verify exports",
		Long: "Export writes a folder with a list of recordings, copies of them if you want, and a manifest with checksums.\n" +
			"Anyone can verify the folder later, with `convsync export verify` or with sha256sum and minisign.",
		Example: "  convsync export audio --from 2026-06-01 --to 2026-07-01 --copy ./exports/june\n" +
			"  convsync export verify ./exports/june",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("unknown command %q for export; use audio, verify or keygen", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExportAudio(app), newExportVerify(app), newExportKeygen(app))
	return cmd
}
