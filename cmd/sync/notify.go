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
		Short: "Send a test notification",
		Long: "Notify sends two test messages to each channel that is configured under notify: a problem, and its end. Both say that\n" +
			"they are a test. It sends no heartbeat, because that would report a successful run.",
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
		return configError(errors.New("no notifications are configured; add them to the configuration, for example\n  notify: { webhook_url: \"${SLACK_WEBHOOK_URL}\" }"))
	}
	reached, err := notify.Try(ctx, notifyOptions(cfg))
	for _, way := range reached {
		fmt.Fprintf(app.stdout, "sent a test problem and its end to the %s\n", way)
	}
	return err
}

// checkNotify checks the configuration of notifications. It sends nothing.
func checkNotify(ctx context.Context, c *checklist, cfg *config.Config) {
	if cfg.Notify.IsZero() {
		if len(cfg.Schedules) > 0 {
			c.note("notify", "no notifications are configured, so a failed run of serve shows only in its log, page and metrics: add notify to the configuration, or alert on the metrics")
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
