package serve

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"convsync/internal/warehouse"
)

func TestWebhooksComeInFromAnywhereWithoutAToken(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	post := func(r *http.Request) {
		r.Method, r.Host = http.MethodPost, "convsync.example.com"
	}
	for name, token := range map[string]string{"open": "", "guarded": "made-up-token-1234"} {
		o := Options{Destination: destination, Feeds: feeds, Token: token}
		if w := get(newServer(t, o), "/webhooks/polyai", post); w.Code != http.StatusNotFound {
			t.Errorf("%s, without webhooks: %d", name, w.Code)
		}
		o.Webhooks = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "taken in") })
		s := newServer(t, o)
		if w := get(s, "/webhooks/polyai", post); w.Code != http.StatusOK || w.Body.String() != "taken in" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := get(s, "/webhooks/polyai", func(r *http.Request) { r.Host = "convsync.example.com" }); w.Code == http.StatusOK {
			t.Errorf("%s: a GET is answered %d", name, w.Code)
		}
		if w := get(s, "/webhooks/polyai/", post); w.Code == http.StatusOK {
			t.Errorf("%s: below the path it answers %d", name, w.Code)
		}
	}
}

func TestAlertsAreThingsToLookAt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(2, now)
	alert := func(id, project, status string) warehouse.ActiveAlert {
		return warehouse.ActiveAlert{
			AlertID:     id,
			Name:        warehouse.Text("Rule <" + id + ">"),
			ProjectID:   warehouse.Text(project),
			Status:      status,
			TriggeredAt: warehouse.Some(stamp(now, 2*time.Hour)),
		}
	}
	alerts := []warehouse.ActiveAlert{
		alert("one", "acme-team-1", warehouse.AlertTriggered), alert("two", "acme-team-2", warehouse.AlertResolved),
		alert("three", "of others", warehouse.AlertTriggered), alert("four", "", warehouse.AlertTriggered),
	}
	alerts[0].Metric, alerts[0].Operator, alerts[0].ThresholdValue, alerts[0].WindowDuration = "api_errors", ">", warehouse.Some(2.5), "10m"
	alerts[0].CurrentValue, alerts[0].Severity = warehouse.Some(7.0), "high"
	var away error
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Alerts: func(context.Context) ([]warehouse.ActiveAlert, error) { return alerts, away }})
	page := get(s, "/").Body.String()
	for _, want := range []string{
		"PolyAI raised an alert: Rule &lt;one&gt; (api_errors &gt; 2.5 over 10m, value 7, severity high).", `href="#feed-1">acme-team-1 (live)</a>`,
		"PolyAI raised an alert: Rule &lt;four&gt;.", "(2 hours ago)", "with 2 issues",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, no := range []string{"&lt;two&gt;", "&lt;three&gt;"} {
		if strings.Contains(page, no) {
			t.Errorf("the page shows %s", no)
		}
	}
	away = errAway
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); !strings.Contains(page, "&lt;one&gt;") || !strings.Contains(page, "The destination cannot be read") {
		t.Error("with the destination away the page does not show what was last known")
	}
	away, alerts = nil, nil
	for i := range 12 {
		alerts = append(alerts, alert(strings.Repeat("x", i+1), "", warehouse.AlertTriggered))
	}
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); strings.Count(page, "raised an alert") < namedAlerts || !strings.Contains(page, "PolyAI raised 4 more alerts.") {
		t.Error("many alerts are not shown as some and a number")
	}
	alerts = nil
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); !strings.Contains(page, "All is well") {
		t.Error("without alerts not all is well")
	}
}

func TestRunsOfEventsDoNotTellWhetherAllIsWell(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	good := destination.runs[0]
	failed, event := good, good
	failed.Status, failed.Error = warehouse.RunFailed, "made up"
	event.Kind = "event"
	s := newServer(t, Options{Destination: destination, Feeds: feeds})
	for want, runs := range map[string][]warehouse.SyncRun{
		"The last run failed: made up.": {event, event, failed, good}, "The run before it did not succeed either": {event, failed, event, failed, good}, "All is well": {event, good, failed},
	} {
		destination.runs = runs
		s.watch.refresh(t.Context())
		if page := get(s, "/").Body.String(); !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	destination.runs = []warehouse.SyncRun{event}
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); !strings.Contains(page, "All is well") {
		t.Error("of runs of events alone it is not judged by them")
	}
}

func TestWebhooksAreCounted(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	m := NewMetrics()
	m.ShowWebhooks("stored", "forged")
	m.CountWebhook("stored")
	text := get(newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m}), "/metrics").Body.String()
	for _, want := range []string{`convsync_webhook_events_total{result="stored"} 1`, `convsync_webhook_events_total{result="forged"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
