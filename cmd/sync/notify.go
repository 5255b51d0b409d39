package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/notify"
)

func newNotifyCommand(app *app) *cobra.Command {
	return &cobra.Command{
		Use:   "notify",
		Short: "Send a test message to those who are told when serve has trouble",
		Long: "Notify tells, by each way that stands under notify in the configuration, of a made-up problem and of its end,\n" +
			"as two messages that say that they are a test. The heartbeat is not sent: it would say that a run succeeded.",
		Example: "  convsync notify",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runNotify(cmd.Context(), app) },
	}
}

func runNotify(ctx context.Context, app *app) error {
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	if cfg.Notify.WebhookURL.IsZero() && cfg.Notify.Command == "" {
		return configError(errors.New("nobody is told: add to the configuration, for example\n  notify: { webhook_url: \"${SLACK_WEBHOOK_URL}\" }"))
	}
	told, err := notify.Try(ctx, notifyOptions(cfg))
	for _, way := range told {
		fmt.Fprintf(app.stdout, "sent a test and its end by the %s\n", way)
	}
	return err
}

// checkNotify says who is told, and whether that is well-formed. It sends nothing.
func checkNotify(ctx context.Context, c *checklist, cfg *config.Config) {
	if cfg.Notify.IsZero() {
		if len(cfg.Schedules) > 0 {
			c.note("notify", "nobody is told when a run of serve fails: add notify to the configuration, or watch its metrics")
		}
		return
	}
	hosts, err := notify.Check(ctx, notifyOptions(cfg))
	if err != nil {
		c.misconfigure("notify", err)
		return
	}
	var ways []string
	if host := hosts["webhook"]; host != "" {
		ways = append(ways, fmt.Sprintf("a webhook at %s (%s)", host, cfg.Notify.Format))
	}
	if cfg.Notify.Command != "" {
		ways = append(ways, "a command")
	}
	if host := hosts["heartbeat"]; host != "" {
		ways = append(ways, "a heartbeat at "+host)
	}
	c.ok("notify", "%s; `convsync notify` sends a test", strings.Join(ways, ", "))
}
