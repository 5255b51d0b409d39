package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/polyai"
)

type webhookOptions struct {
	project string
	output  string

	url, name string
	events    []string

	secretFile string
	force      bool
	yes        bool
}

func newWebhooksCommand(app *app) *cobra.Command {
	var opts webhookOptions
	cmd := &cobra.Command{
		Use:   "webhooks",
		Short: "Manage the webhook endpoints to which PolyAI sends events",
		Long: "Webhooks manages the webhook endpoints of the account on the build host, with workspace_api_key. `convsync serve`\n" +
			"receives the events at /webhooks/polyai if their signing secret is configured under serve.webhooks.",
		Example: "  convsync webhooks list\n" +
			"  convsync webhooks register --url https://convsync.example.com/webhooks/polyai --secret-file webhook-secret",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("unknown command %q for webhooks; use list, register, rotate or delete", args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&opts.project, "project", "", "project whose account, host and workspace key are used, by its stored id (default: the first project)")
	cmd.AddCommand(newWebhooksList(app, &opts), newWebhooksRegister(app, &opts), newWebhooksRotate(app, &opts), newWebhooksDelete(app, &opts))
	return cmd
}

func newWebhooksList(app *app, opts *webhookOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the endpoints of the account",
		Example: "  convsync webhooks list --output json",
		Args:    noEndpoint,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runWebhooksList(cmd.Context(), app, opts) },
	}
	cmd.Flags().StringVar(&opts.output, "output", "text", "output format: text or json")
	return cmd
}

func newWebhooksRegister(app *app, opts *webhookOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "register",
		Short:   "Register an endpoint; its signing secret is written once, to a file or to stdout",
		Example: "  convsync webhooks register --url https://convsync.example.com/webhooks/polyai --secret-file webhook-secret",
		Args:    noEndpoint,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runWebhooksRegister(cmd.Context(), app, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.url, "url", "", "public address of convsync serve, with https: https://…/webhooks/polyai")
	flags.StringVar(&opts.name, "name", "convsync", "name of the endpoint")
	flags.StringSliceVar(&opts.events, "event", []string{"alerts.triggered", "alerts.resolved"}, "type of event to receive, instead of the defaults; may be repeated. Only events about calls, if the account has them, load calls immediately")
	secretFlags(cmd, opts)
	return cmd
}

func newWebhooksRotate(app *app, opts *webhookOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rotate ENDPOINT",
		Short:   "Give an endpoint a new signing secret; the old one is invalidated immediately",
		Example: "  convsync webhooks rotate whe_9ZtRcXw3nByK5pVqMaEfJs --secret-file webhook-secret --force",
		Args:    oneEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWebhooksRotate(cmd.Context(), app, opts, args[0])
		},
	}
	secretFlags(cmd, opts)
	return cmd
}

func newWebhooksDelete(app *app, opts *webhookOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete ENDPOINT",
		Short:   "Delete an endpoint; PolyAI then sends it no events",
		Example: "  convsync webhooks delete whe_9ZtRcXw3nByK5pVqMaEfJs --yes",
		Args:    oneEndpoint,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runWebhooksDelete(cmd.Context(), app, opts, args[0])
		},
	}
	cmd.Flags().BoolVar(&opts.yes, "yes", false, "do not ask for confirmation")
	return cmd
}

func secretFlags(cmd *cobra.Command, opts *webhookOptions) {
	cmd.Flags().StringVar(&opts.secretFile, "secret-file", "", "file for the signing secret, readable only by its owner (default: stdout)")
	cmd.Flags().BoolVar(&opts.force, "force", false, "replace an existing --secret-file; the old secret is kept as FILE.old")
}

func noEndpoint(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("%s takes no arguments, but got %q", cmd.Name(), args[0]))
	}
	return nil
}

func oneEndpoint(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(fmt.Errorf("%s needs the id of one endpoint; `convsync webhooks list` shows the ids", cmd.Name()))
	}
	return nil
}

// buildClient makes the client of the build host of a project.
func (o *webhookOptions) buildClient(app *app) (*polyai.BuildClient, error) {
	cfg, err := app.loadConfig()
	if err != nil {
		return nil, err
	}
	var ids []string
	if o.project != "" {
		ids = []string{o.project}
	}
	projects, err := chooseProjects(cfg, ids)
	if err != nil {
		return nil, err
	}
	p := &projects[0]
	return newBuildClient(cfg, p, agentsURL(p), keptKey(&p.WorkspaceAPIKey, nil))
}

// newBuildClient makes the client of a host that serves the build API of a project.
func newBuildClient(cfg *config.Config, p *config.Project, host string, key func(ctx context.Context, renew bool) (string, error)) (*polyai.BuildClient, error) {
	if host == "" {
		return nil, configError(fmt.Errorf("project %s has no build host: set its region, or agents_base_url", p.StoredID))
	}
	c, err := polyai.NewBuildClient(polyai.Options{
		BaseURL:   host,
		Key:       key,
		UserAgent: "convsync/" + version(),
		RootCAs:   rootCAs(cfg),
	})
	if err != nil {
		return nil, configError(fmt.Errorf("project %s: agents_base_url: %w", p.StoredID, err))
	}
	return c, nil
}

func runWebhooksList(ctx context.Context, app *app, opts *webhookOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	client, err := opts.buildClient(app)
	if err != nil {
		return err
	}
	defer client.Close()
	endpoints, err := client.Endpoints(ctx)
	if err != nil {
		return err
	}
	if opts.output == "json" {
		if endpoints == nil {
			endpoints = []polyai.Endpoint{}
		}
		return json.NewEncoder(app.stdout).Encode(map[string]any{"endpoints": endpoints})
	}
	if len(endpoints) == 0 {
		fmt.Fprintln(app.hints(app.stdout), "no endpoints are registered; `convsync webhooks register` registers one")
		return nil
	}
	t := tabwriter.NewWriter(app.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "id\tname\tenabled\turl\tevents\tcreated")
	for _, e := range endpoints {
		fmt.Fprintf(t, "%s\t%s\t%t\t%s\t%s\t%s\n", oneLine(e.ID), oneLine(e.Name), e.Enabled, oneLine(e.URL), strings.Join(e.EventTypes, " "), e.CreatedAt.Format("2006-01-02"))
	}
	return t.Flush()
}

// deliveryTimeoutMS is the timeout that PolyAI is asked to use for a delivery.
// `serve` responds within 5 s, the default; twice that leaves room for a slow
// network.
const deliveryTimeoutMS = 10_000

func runWebhooksRegister(ctx context.Context, app *app, opts *webhookOptions) error {
	if !strings.HasPrefix(opts.url, "https://") {
		return usageError(errors.New("--url must be an address that PolyAI can reach, with https: https://…/webhooks/polyai"))
	}
	client, err := opts.buildClient(app)
	if err != nil {
		return err
	}
	defer client.Close()
	sink, err := openSecretSink(app, opts)
	if err != nil {
		return err
	}
	made, secret, err := client.CreateEndpoint(ctx, polyai.NewEndpoint{
		Name:       opts.name,
		URL:        opts.url,
		EventTypes: opts.events,
		TimeoutMS:  deliveryTimeoutMS,
	})
	if err != nil {
		return errors.Join(err, sink.discard())
	}
	fmt.Fprintf(app.stderr, "registered %s: %s receives %s\n", made.ID, made.URL, strings.Join(made.EventTypes, ", "))
	return sink.put(secret)
}

func runWebhooksRotate(ctx context.Context, app *app, opts *webhookOptions, id string) error {
	client, err := opts.buildClient(app)
	if err != nil {
		return err
	}
	defer client.Close()
	sink, err := openSecretSink(app, opts)
	if err != nil {
		return err
	}
	secret, err := client.RotateSecret(ctx, id)
	if err != nil {
		return errors.Join(err, sink.discard())
	}
	fmt.Fprintf(app.stderr, "%s has a new signing secret; the old one is no longer valid\n", id)
	return sink.put(secret)
}

func runWebhooksDelete(ctx context.Context, app *app, opts *webhookOptions, id string) error {
	if !opts.yes {
		if !isTerminal(app.stdin) {
			return usageError(errors.New("delete asks for confirmation, but stdin is not a terminal: use --yes"))
		}
		fmt.Fprintf(app.stderr, "delete %s? PolyAI then sends it no events [y/N] ", id)
		answer, _ := bufio.NewReader(app.stdin).ReadString('\n')
		if strings.ToLower(strings.TrimSpace(answer)) != "y" {
			fmt.Fprintln(app.stderr, "nothing was deleted")
			return nil
		}
	}
	client, err := opts.buildClient(app)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.DeleteEndpoint(ctx, id); err != nil {
		return err
	}
	fmt.Fprintf(app.stderr, "deleted %s\n", id)
	return nil
}
