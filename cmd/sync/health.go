package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"convsync/internal/serve"
)

func newHealthCommand(app *app) *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Check that convsync serve on this machine is alive",
		Long: "Health requests /healthz from the convsync serve that listens on serve.listen, and fails if there is no answer. Use it\n" +
			"as the health check of a container whose image has no other HTTP client." + readWhole,
		Example: "  convsync health\n  convsync health --config /etc/convsync/convsync.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runHealth(cmd.Context(), app) },
	}
}

func runHealth(ctx context.Context, app *app) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	if err := serve.Probe(ctx, cfg.Serve.Listen, cfg.Serve.CertFile != ""); err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	fmt.Fprintln(app.stdout, "healthy")
	return nil
}
