package serve

import (
	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/pipeline"
)

// WriteTextfile writes the result of a single run as a file for the textfile
// collector of the node exporter, and replaces the file atomically. The metrics
// are gauges, because counters would restart with each process.
func WriteTextfile(path string, r *pipeline.Report, version string) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(buildInfo(version)); err != nil {
		return err
	}
	if err := registry.Register(&lastRun{r}); err != nil {
		return err
	}
	return prometheus.WriteToTextfile(path, registry)
}

// lastRun collects the metrics of a finished run.
type lastRun struct{ report *pipeline.Report }

var (
	lastRunEnd       = describe("last_run_timestamp_seconds", "When the last run of a kind and status finished, in Unix time.", "kind", "status")
	lastRunDuration  = describe("last_run_duration_seconds", "Duration of the last run.", "kind")
	lastRunRequests  = describe("last_run_requests", "Requests of the last run to the source, including retries.", "kind")
	lastRunRetries   = describe("last_run_retries", "Retries of the last run.", "kind")
	lastRunResponses = describe("last_run_responses", "Responses of the source to the last run, by HTTP status; none: no response.", "kind", "status")
	lastRunWaited    = describe("last_run_retry_wait_seconds", "Seconds that the last run spent waiting before retries.", "kind")
	lastRunBytes     = describe("last_run_received_bytes", "Bytes that the last run received from the source.", "kind")
	lastRunOutcomes  = describe("last_run_conversations", "Conversations of the last run, by outcome.", "kind", "outcome")
	lastRunRows      = describe("last_run_rows_written", "Rows that the last run wrote, by table.", "kind", "table")
	lastRunDrift     = describe("last_run_drift_sightings", "Occurrences of unknown fields, types and values in the last run.", "kind")
)

// Describe implements [prometheus.Collector].
func (l *lastRun) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		lastRunEnd, lastRunDuration, lastRunRequests, lastRunRetries, lastRunResponses, lastRunWaited, lastRunBytes, lastRunOutcomes,
		lastRunRows, lastRunDrift, watermarkTime, open,
	} {
		ch <- d
	}
}

// Collect returns the values of the report.
func (l *lastRun) Collect(ch chan<- prometheus.Metric) {
	r, t := l.report, newTally()
	t.add(r)
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(lastRunEnd, float64(r.FinishedAt.UnixMilli())/1e3, r.Kind, r.Status)
	gauge(lastRunDuration, r.FinishedAt.Sub(r.StartedAt).Seconds(), r.Kind)
	gauge(lastRunRequests, float64(t.requests), r.Kind)
	gauge(lastRunRetries, float64(t.retries), r.Kind)
	gauge(lastRunWaited, t.waited.Seconds(), r.Kind)
	gauge(lastRunBytes, float64(t.bytes), r.Kind)
	gauge(lastRunDrift, float64(t.drift), r.Kind)
	for status, n := range t.responses {
		gauge(lastRunResponses, float64(n), r.Kind, statusLabel(status))
	}
	for outcome, n := range t.outcomes {
		gauge(lastRunOutcomes, float64(n), r.Kind, outcome)
	}
	for table, n := range t.rows {
		gauge(lastRunRows, float64(n), r.Kind, table)
	}
	for _, p := range r.Projects {
		if p.Watermark != nil {
			gauge(watermarkTime, float64(p.Watermark.Unix()), p.ProjectID, p.Environment)
		}
		gauge(open, float64(p.Open), p.ProjectID, p.Environment)
	}
}
