package config

import (
	"cmp"
	"net/url"
	"path/filepath"
	"strings"
)

func (r *resolver) notify(serveState string) Notify {
	n := r.doc.Notify
	format := r.choice("notify.format", n.Format, FormatSlack, FormatJSON)
	if format != "" && !r.given("notify.webhook_url") && !r.given("notify.webhook_url_file") && !r.given("notify.webhook_url_command") {
		r.add("notify.format", "is the format of a webhook, but no webhook is configured; expected webhook_url, webhook_url_file or webhook_url_command as well")
	}
	r.secretURL("notify.webhook_url", n.WebhookURL)
	r.secretURL("notify.heartbeat_url", n.HeartbeatURL)
	extension := filepath.Ext(serveState)
	return Notify{
		WebhookURL:   r.secret("notify.webhook_url", n.WebhookURL, n.WebhookURLFile, n.WebhookURLCommand),
		Format:       cmp.Or(format, FormatSlack),
		Command:      n.Command,
		HeartbeatURL: r.secret("notify.heartbeat_url", n.HeartbeatURL, n.HeartbeatURLFile, n.HeartbeatURLCommand),
		StateFile:    strings.TrimSuffix(serveState, extension) + "-notified" + extension,
	}
}

// secretURL reports a URL that is invalid or would be sent unencrypted, without
// repeating it.
func (r *resolver) secretURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		r.add(path, "is not a URL; expected one such as https://hooks.example.com/…")
	case u.Scheme == "http" && !isLoopbackURL(text):
		r.add(path, "would be sent unencrypted, and it works for anyone who reads it; expected https, or http to this machine only")
	}
}
