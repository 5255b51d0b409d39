package serve

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/pipeline"
)

// live collects counters of runs, including runs in progress: a first run takes
// hours.
type live struct{ metrics *Metrics }

var (
	requestsTotal      = describe("requests_total", "Requests to the source, including retries.")
	responsesTotal     = describe("responses_total", "Responses of the source, by HTTP status; none: no response.", "status")
	retriesTotal       = describe("retries_total", "Requests that were retries of a failed one.")
	waitedTotal        = describe("retry_wait_seconds_total", "Seconds spent waiting before retries.")
	bytesTotal         = describe("received_bytes_total", "Bytes received from the source.")
	conversationsTotal = describe("conversations_total", "Conversations, by outcome.", "outcome")
	rowsTotal          = describe("rows_written_total", "Rows written, by table.", "table")
	driftTotal         = describe("drift_sightings_total", "Occurrences of unknown fields, types and values.")

	runsInProgress = describe("runs_in_progress", "Runs in progress.")
	runStart       = describe("run_start_timestamp_seconds", "When the first of the runs in progress started, in Unix time.", "kind")
	runRead        = describe("run_read_conversations", "Conversations that the runs in progress have read so far.", "kind")
	runCovered     = describe("run_covered_seconds", "Seconds of conversation time that the runs in progress have published.", "kind")
	runPlanned     = describe("run_planned_seconds", "Seconds of conversation time that the runs in progress plan to read, over all feeds.", "kind")
	queueDepth     = describe("queue_depth", "Chunks of conversations waiting for a stage of the runs in progress.", "stage")
	queueCapacity  = describe("queue_capacity", "Maximum number of chunks waiting for a stage of the runs in progress.", "stage")
	inFlight       = describe("in_flight_bytes", "Bytes that the runs in progress have read and not staged yet.")
	inFlightMost   = describe("in_flight_capacity_bytes", "Maximum of bytes that the runs in progress have read and not staged yet.")
	rateUsed       = describe("requests_per_second", "Requests per second to a host with one key, over the last ten seconds.", "host", "project")
	rateAllowed    = describe("requests_per_second_allowed", "Requests per second that are currently allowed to a host with one key.", "host", "project")
	requestsOpen   = describe("requests_in_flight", "Requests to a host with one key that have no response yet.", "host", "project")
)

// stages are the stages of a run that have a queue.
var stages = []string{"transform", "load"}

// Describe implements [prometheus.Collector].
func (l *live) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		requestsTotal, responsesTotal, retriesTotal, waitedTotal, bytesTotal, conversationsTotal, rowsTotal, driftTotal,
		runsInProgress, runStart, runRead, runCovered, runPlanned, queueDepth, queueCapacity, inFlight, inFlightMost,
		rateUsed, rateAllowed, requestsOpen,
	} {
		ch <- d
	}
}

// Collect returns the totals of finished runs and runs in progress.
func (l *live) Collect(ch chan<- prometheus.Metric) {
	running, counted := l.metrics.inProgress()
	collectTally(ch, &counted)
	collectRunning(ch, running)
	collectRates(ch, running)
}

func collectTally(ch chan<- prometheus.Metric, t *tally) {
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	counter(requestsTotal, float64(t.requests))
	counter(retriesTotal, float64(t.retries))
	counter(waitedTotal, t.waited.Seconds())
	counter(bytesTotal, float64(t.bytes))
	counter(driftTotal, float64(t.drift))
	for status, n := range t.responses {
		counter(responsesTotal, float64(n), statusLabel(status))
	}
	for outcome, n := range t.outcomes {
		counter(conversationsTotal, float64(n), outcome)
	}
	for table, n := range t.rows {
		counter(rowsTotal, float64(n), table)
	}
}

func statusLabel(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

func collectRunning(ch chan<- prometheus.Metric, running []*pipeline.Progress) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(runsInProgress, float64(len(running)))
	depth, capacity, bytes := map[string]int{}, map[string]int{}, int64(0)
	_, _, most := (&pipeline.Progress{}).Queues()
	kinds := map[string]*runsOfKind{}
	for _, p := range running {
		queues, inFlight, _ := p.Queues()
		for _, q := range queues {
			depth[q.Stage] += q.Depth
			capacity[q.Stage] += q.Capacity
		}
		bytes += inFlight
		noteKind(kinds, p)
	}
	for kind, k := range kinds {
		gauge(runStart, float64(k.start.UnixMilli())/1e3, kind)
		gauge(runRead, float64(k.read), kind)
		gauge(runCovered, float64(k.covered), kind)
		gauge(runPlanned, float64(k.planned), kind)
	}
	for _, stage := range stages {
		gauge(queueDepth, float64(depth[stage]), stage)
		gauge(queueCapacity, float64(capacity[stage]), stage)
	}
	gauge(inFlight, float64(bytes))
	gauge(inFlightMost, float64(most))
}

// runsOfKind sums up the runs of a kind that are in progress.
type runsOfKind struct {
	start                  time.Time // of the first one
	read, covered, planned int64
}

// noteKind adds a run to those of its kind. The runs are in the order of their start.
func noteKind(kinds map[string]*runsOfKind, p *pipeline.Progress) {
	soFar := p.SoFar()
	k := kinds[soFar.Kind]
	if k == nil {
		k = &runsOfKind{start: soFar.StartedAt}
		kinds[soFar.Kind] = k
	}
	covered, planned := p.Seconds()
	k.read += p.Conversations()
	k.covered += covered
	k.planned += planned
}

func collectRates(ch chan<- prometheus.Metric, running []*pipeline.Progress) {
	for _, r := range pipeline.Rates(time.Now(), running...) {
		for _, m := range []struct {
			what  *prometheus.Desc
			value float64
		}{{rateUsed, r.PerSecond}, {rateAllowed, r.Allowed}, {requestsOpen, float64(r.InFlight)}} {
			ch <- prometheus.MustNewConstMetric(m.what, prometheus.GaugeValue, m.value, r.Host, r.Project)
		}
	}
}
