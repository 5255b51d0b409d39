package serve

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"convsync/internal/pipeline"
)

// Metrics counts the runs of this process, including those in progress. It is
// safe for concurrent use.
type Metrics struct {
	runs      *prometheus.CounterVec
	durations *prometheus.HistogramVec
	lastEnd   *prometheus.GaugeVec
	webhooks  *prometheus.CounterVec
	refused   prometheus.Counter // failed logins

	mu       sync.Mutex
	ended    tally
	running  []*pipeline.Progress  // in start order
	verified []*failedVerification // the last one of each project, if it failed
}

// verification is the kind of runs that compare and do not load.
const verification = "verify"

// NewMetrics returns metrics that count from zero.
func NewMetrics() *Metrics {
	return &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "convsync_runs_total", Help: "Finished runs, by kind and status.",
		}, []string{"kind", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "convsync_run_duration_seconds", Help: "Duration of runs, by kind.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 6 * 3600, 24 * 3600},
		}, []string{"kind"}),
		lastEnd: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "convsync_last_run_timestamp_seconds", Help: "When the last run of a kind and status finished, in Unix time.",
		}, []string{"kind", "status"}),
		webhooks: newWebhookCounter(),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "convsync_failed_logins_total", Help: "Requests with a wrong token, user or password.",
		}),
		ended: newTally(),
	}
}

func (m *Metrics) countFailedLogin() { m.refused.Inc() }

// Observe counts a finished run.
func (m *Metrics) Observe(r *pipeline.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observe(r, nil)
}

// observe counts a run of projects; none: they are not known.
func (m *Metrics) observe(r *pipeline.Report, projects []string) {
	m.runs.WithLabelValues(r.Kind, r.Status).Inc()
	m.durations.WithLabelValues(r.Kind).Observe(r.FinishedAt.Sub(r.StartedAt).Seconds())
	m.lastEnd.WithLabelValues(r.Kind, r.Status).Set(float64(r.FinishedAt.UnixMilli()) / 1e3)
	m.ended.add(r)
	if r.Kind == verification {
		m.verified = noteVerification(m.verified, r, projects)
	}
}

// failedVerifications returns the reports of the last verifications of the projects
// of feeds, as far as they failed.
func (m *Metrics) failedVerifications(feeds []*feedView) (reports []*pipeline.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.verified {
		if len(v.projects) == 0 || slices.ContainsFunc(feeds, func(f *feedView) bool { return slices.Contains(v.projects, f.ProjectID) }) {
			reports = append(reports, v.report)
		}
	}
	return reports
}

// Follow counts a run while it is in progress. end takes its report and counts
// nothing twice. If the report is of another run, because an error replaced it,
// the counts so far remain.
func (m *Metrics) Follow(p *pipeline.Progress) (end func(r *pipeline.Report)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = append(m.running, p)
	return func(r *pipeline.Report) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for i, other := range m.running {
			if other == p {
				m.running = append(m.running[:i:i], m.running[i+1:]...)
				break
			}
		}
		if soFar := p.SoFar(); soFar != nil && soFar.RunID != r.RunID {
			m.ended.add(soFar)
		}
		m.observe(r, p.Projects())
	}
}

// inProgress returns the runs in progress, and the totals of all runs.
func (m *Metrics) inProgress() (running []*pipeline.Progress, counted tally) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counted = newTally()
	counted.join(&m.ended)
	for _, p := range m.running {
		if soFar := p.SoFar(); soFar != nil {
			running = append(running, p)
			counted.add(soFar)
		}
	}
	return running, counted
}

// tally is a sum over runs.
type tally struct {
	requests, retries, bytes, drift int64
	waited                          time.Duration
	responses                       map[int]int64 // by HTTP status
	outcomes, rows                  map[string]int64
}

func newTally() tally {
	return tally{responses: map[int]int64{}, outcomes: map[string]int64{}, rows: map[string]int64{}}
}

func (t *tally) add(r *pipeline.Report) {
	c := &r.Conversations
	t.join(&tally{
		requests:  r.Requests,
		retries:   r.Retries,
		bytes:     r.Traffic.Bytes,
		drift:     r.Drift,
		waited:    r.Traffic.Waited,
		responses: r.Traffic.Responses,
		rows:      r.Rows,
		outcomes: map[string]int64{
			"read": c.Read, "inserted": c.Inserted, "updated": c.Updated, "unchanged": c.Unchanged,
			"rejected": c.Rejected, "missing": r.Missing,
		},
	})
}

func (t *tally) join(other *tally) {
	t.requests += other.requests
	t.retries += other.retries
	t.bytes += other.bytes
	t.drift += other.drift
	t.waited += other.waited
	for status, n := range other.responses {
		t.responses[status] += n
	}
	for outcome, n := range other.outcomes {
		t.outcomes[outcome] += n
	}
	for table, n := range other.rows {
		t.rows[table] += n
	}
}

// registry contains the metrics of runs, of stored data and of the process.
func (m *Metrics) registry(w *watch, o *Options) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		m.runs, m.durations, m.lastEnd, m.webhooks, m.refused, &live{m}, buildInfo(o.Version), &gauges{w}, &recordingGauges{w},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return registry, nil
}

func buildInfo(version string) prometheus.Collector {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "convsync_build_info", Help: "Always 1; the label has the version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	return build
}
