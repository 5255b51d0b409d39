package serve

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// orNothing returns h, or a handler that responds 404 if h is nil.
func orNothing(h http.Handler) http.Handler {
	if h == nil {
		return http.NotFoundHandler()
	}
	return h
}

func newWebhookCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "convsync_webhook_events_total", Help: "Webhook deliveries, by result.",
	}, []string{"result"})
}

// CountWebhook counts a delivery of a webhook.
func (m *Metrics) CountWebhook(result string) { m.webhooks.WithLabelValues(result).Inc() }

// ShowWebhooks initializes the counters of results with zero, so that the first
// event of each is an increase.
func (m *Metrics) ShowWebhooks(results ...string) {
	for _, result := range results {
		m.webhooks.WithLabelValues(result)
	}
}

// namedAlerts is the number of alerts that the page names.
const namedAlerts = 8

// judgeAlerts lists the active alerts of PolyAI, newest first, for the projects on
// the page and for whole accounts.
func (p *page) judgeAlerts(alerts []warehouse.ActiveAlert) (problems []problem) {
	var on []warehouse.ActiveAlert
	for i := range alerts {
		if a := alerts[i]; a.Status == warehouse.AlertTriggered && (a.ProjectID == "" || len(p.feedsOf(string(a.ProjectID))) > 0) {
			on = append(on, a)
		}
	}
	slices.SortStableFunc(on, func(a, b warehouse.ActiveAlert) int { return int(b.TriggeredAt.V - a.TriggeredAt.V) })
	for i := range on[:min(len(on), namedAlerts)] {
		a := &on[i]
		found := problem{
			Level: levelLook, What: "PolyAI raised an alert: " + alertInWords(a), Feeds: p.feedsOf(string(a.ProjectID)),
			Do: "This clears when PolyAI reports that the alert is resolved. The rule is in PolyAI Studio, under alerts.",
		}
		if a.TriggeredAt.Valid {
			found.Since = stampOf(a.TriggeredAt.V, p.now, time.UTC)
		}
		for _, f := range found.Feeds {
			f.Level = max(f.Level, levelLook)
		}
		problems = append(problems, found)
	}
	if more := len(on) - namedAlerts; more > 0 {
		problems = append(problems, problem{
			Level: levelLook, What: "PolyAI raised " + count(int64(more), "more alert"), Do: "See the table active_alerts.",
		})
	}
	return problems
}

// feedsOf returns the feeds of a project on the page.
func (p *page) feedsOf(project string) (feeds []*feedView) {
	for _, f := range p.Feeds {
		if project != "" && f.ProjectID == project {
			feeds = append(feeds, f)
		}
	}
	return feeds
}

// alertInWords describes an alert by its name and condition.
func alertInWords(a *warehouse.ActiveAlert) string {
	var parts []string
	if a.Metric != "" {
		condition := string(a.Metric)
		if a.Operator != "" && a.ThresholdValue.Valid {
			condition += fmt.Sprintf(" %s %s", a.Operator, plainNumber(a.ThresholdValue.V))
		}
		if a.WindowDuration != "" {
			condition += " over " + string(a.WindowDuration)
		}
		parts = append(parts, condition)
	}
	if a.CurrentValue.Valid {
		parts = append(parts, "value "+plainNumber(a.CurrentValue.V))
	}
	if a.Severity != "" {
		parts = append(parts, "severity "+string(a.Severity))
	}
	name := string(a.Name)
	if name == "" {
		name = a.AlertID
	}
	if len(parts) > 0 {
		name += " (" + strings.Join(parts, ", ") + ")"
	}
	return name
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// judged returns the runs that determine the state. Runs for webhook events are
// excluded: they read very little, and are retried when they fail. Work on recordings
// loads no conversations, and has a section of its own.
func judged(runs []warehouse.SyncRun) []warehouse.SyncRun {
	rest := slices.DeleteFunc(slices.Clone(runs), func(r warehouse.SyncRun) bool {
		return r.Kind == pipeline.KindEvent || r.Kind == pipeline.KindAudio
	})
	if len(rest) == 0 {
		return runs
	}
	return rest
}
