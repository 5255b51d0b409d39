package serve

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/load"
)

// gauges are the metrics of stored data. They use the last snapshot: a scrape
// never queries the destination.
type gauges struct{ watch *watch }

var (
	feedLabels = []string{"project", "environment"}

	destinationUp = describe("destination_up", "1 if the last attempt to read the destination succeeded, else 0.")
	snapshotTime  = describe("snapshot_timestamp_seconds", "When the destination was last read, in Unix time; the metrics of feeds are from then.")

	watermarkTime = describe("watermark_timestamp_seconds", "Time up to which everything is read without a gap, in Unix time.", feedLabels...)
	watermarkAge  = describe("watermark_age_seconds", "Age of the watermark; it also grows while the destination cannot be read.", feedLabels...)
	stored        = describe("stored_conversations", "Stored conversations.", feedLabels...)
	open          = describe("open_conversations", "Conversations that were in progress when last read.", feedLabels...)
	hidden        = describe("hidden_transcripts", "Stored conversations whose transcript the source hides.", feedLabels...)
	missing       = describe("missing_conversations", "Stored conversations that the source no longer lists.", feedLabels...)
	rejects       = describe("rejects", "Rejected conversations: they could not be read, and are in the table rejects.", feedLabels...)
	driftPaths    = describe("drift_paths", "Unknown fields, types and values that were observed.", feedLabels...)
	lateness      = describe("lateness_seconds", "Time from the start of a conversation until it was first read (arrival), first read as ended (final), "+
		"or found changed (change): upper bounds of percentiles.", append(feedLabels, "measure", "percentile")...)
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("convsync_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		destinationUp, snapshotTime, watermarkTime, watermarkAge, stored, open, hidden, missing, rejects, driftPaths, lateness,
	} {
		ch <- d
	}
}

// Collect returns the metrics of all feeds, once the destination was read.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := g.watch.snapshot()
	up := 1.0
	if s.at.IsZero() || !s.failing.IsZero() {
		up = 0
	}
	gauge(destinationUp, up)
	if s.at.IsZero() {
		return
	}
	gauge(snapshotTime, float64(s.at.UnixMilli())/1e3)
	now := time.Now()
	for _, f := range g.watch.feeds {
		state, summary := s.states[f], s.summaries[f]
		of := []string{f.ProjectID, f.Environment}
		if state.Watermark != 0 {
			at := state.Watermark.Time()
			gauge(watermarkTime, float64(at.Unix()), of...)
			gauge(watermarkAge, now.Sub(at).Seconds(), of...)
		}
		gauge(stored, float64(summary.Conversations), of...)
		gauge(open, float64(len(state.Open)), of...)
		gauge(hidden, float64(summary.Hidden), of...)
		gauge(missing, float64(summary.Missing), of...)
		gauge(rejects, float64(summary.Rejects), of...)
		gauge(driftPaths, float64(len(summary.Drift)), of...)
		collectLateness(&summary, func(measure, percentile string, seconds float64) {
			gauge(lateness, seconds, append(of, measure, percentile)...)
		})
	}
}

var percentiles = []struct {
	name  string
	share float64
}{{"50", 0.50}, {"95", 0.95}, {"99", 0.99}}

func collectLateness(summary *load.FeedSummary, emit func(measure, percentile string, seconds float64)) {
	for _, measure := range []string{load.LateArrival, load.LateFinal, load.LateChange} {
		for _, p := range percentiles {
			bound, n := load.Late(summary.Lateness, measure, p.share)
			if n == 0 {
				break
			}
			seconds := bound.Seconds()
			if bound == math.MaxInt64 {
				seconds = math.Inf(1)
			}
			emit(measure, p.name, seconds)
		}
	}
}
