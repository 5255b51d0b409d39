package main

import (
	"context"

	"github.com/spf13/cobra"

	"convsync/internal/pipeline"
)

type replayOptions struct {
	projects []string
	output   string
}

func newReplayCommand(app *app) *cobra.Command {
	var opts replayOptions
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Load rejected conversations with the rules of this version, without the API",
		Long: "Replay reads the table rejects, loads the conversations that this version can read, and removes their rejects.\n" +
			"Use it after an update of convsync that can read more than the last version." + readWhole,
		Example: "  convsync replay\n  convsync replay --project acme-team-4",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runReplay(cmd.Context(), app, opts) },
	}
	cmd.Flags().StringSliceVar(&opts.projects, "project", nil, "replay only this project, by its stored id; may be repeated")
	cmd.Flags().StringVar(&opts.output, "output", "text", "output format: text or json")
	return cmd
}

func runReplay(ctx context.Context, app *app, opts replayOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	run, err := newReplay(ctx, app, opts)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	defer run.destination.Close() //nolint:errcheck // nothing is written after this
	report, err := pipeline.Replay(ctx, run.Options)
	if err := app.printReport(opts.output, report, nil); err != nil {
		return err
	}
	return outcome(ctx, report, err, false)
}

func newReplay(ctx context.Context, app *app, opts replayOptions) (*wiredRun, error) {
	cfg, err := app.loadConfig()
	if err != nil {
		return nil, err
	}
	projects, err := chooseProjects(cfg, opts.projects)
	if err != nil {
		return nil, err
	}
	return newRun(ctx, app, cfg, syncOptions{projects: projects})
}
