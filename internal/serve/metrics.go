package serve

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"convsync/internal/pipeline"
)

// Metrics count what the runs of this process did. They are safe for
// concurrent use.
type Metrics struct {
	runs          *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	lastEnd       *prometheus.GaugeVec
	requests      prometheus.Counter
	responses     *prometheus.CounterVec
	retries       prometheus.Counter
	waited        prometheus.Counter
	bytes         prometheus.Counter
	conversations *prometheus.CounterVec
	rows          *prometheus.CounterVec
	drift         prometheus.Counter
}

// NewMetrics counts from zero.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "convsync_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "convsync_" + name, Help: help}, labels)
	}
	return &Metrics{
		runs: counters("runs_total", "Runs that ended, by kind and status.", "kind", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "convsync_run_duration_seconds", Help: "How long runs took, by kind.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 6 * 3600, 24 * 3600},
		}, []string{"kind"}),
		lastEnd: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "convsync_last_run_timestamp_seconds", Help: "When the last run of a kind and status ended, in Unix time.",
		}, []string{"kind", "status"}),
		requests:      counter("requests_total", "Requests made to the source, repetitions included."),
		responses:     counters("responses_total", "Answers of the source, by HTTP status.", "status"),
		retries:       counter("retries_total", "Requests that were repeated."),
		waited:        counter("retry_wait_seconds_total", "Time spent waiting before requests were repeated."),
		bytes:         counter("received_bytes_total", "Bytes received from the source."),
		conversations: counters("conversations_total", "Conversations of ended runs, by what came of them.", "outcome"),
		rows:          counters("rows_written_total", "Rows written, by table.", "table"),
		drift:         counter("drift_sightings_total", "Sightings of fields and forms that are not known."),
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.runs, m.durations, m.lastEnd, m.requests, m.responses, m.retries, m.waited, m.bytes, m.conversations, m.rows, m.drift,
	}
}

// Observe counts a run that ended.
func (m *Metrics) Observe(r *pipeline.Report) {
	m.runs.WithLabelValues(r.Kind, r.Status).Inc()
	if !r.FinishedAt.IsZero() { // zero: it found no lock, or no destination
		m.durations.WithLabelValues(r.Kind).Observe(r.FinishedAt.Sub(r.StartedAt).Seconds())
		m.lastEnd.WithLabelValues(r.Kind, r.Status).Set(float64(r.FinishedAt.UnixMilli()) / 1e3)
	}
	m.requests.Add(float64(r.Requests))
	m.retries.Add(float64(r.Retries))
	m.drift.Add(float64(r.Drift))
	c := &r.Conversations
	for outcome, n := range map[string]int64{
		"read": c.Read, "inserted": c.Inserted, "updated": c.Updated, "unchanged": c.Unchanged,
		"rejected": c.Rejected, "missing": r.Missing,
	} {
		m.conversations.WithLabelValues(outcome).Add(float64(n))
	}
	for table, n := range r.Rows {
		m.rows.WithLabelValues(table).Add(float64(n))
	}
}

// Traffic is what went over the wire in a run, beside what its report tells.
type Traffic struct {
	Bytes     int64         // received
	Waited    time.Duration // before requests were repeated
	Responses map[int]int64 // by HTTP status; nil: not counted
}

// ObserveTraffic counts the traffic of a run that ended.
func (m *Metrics) ObserveTraffic(t Traffic) {
	m.bytes.Add(float64(t.Bytes))
	m.waited.Add(t.Waited.Seconds())
	for status, n := range t.Responses {
		m.responses.WithLabelValues(strconv.Itoa(status)).Add(float64(n))
	}
}

// registry has the counts, what the destination told, and the process itself.
func (m *Metrics) registry(w *watch, o *Options) (*prometheus.Registry, error) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "convsync_build_info", Help: "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": o.Version},
	})
	build.Set(1)
	all := append(m.collectors(), build, &gauges{w},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry := prometheus.NewRegistry()
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return registry, nil
}
