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
		Short: "Ask the convsync serve on this machine whether it is alive",
		Long: "Health asks /healthz of the serve that listens where the configuration says (serve.listen), and fails when it does\n" +
			"not answer. It is there for images that have no other program to ask with." + readWhole,
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
