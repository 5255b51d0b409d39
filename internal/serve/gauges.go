package serve

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/load"
)

// gauges tell what is stored, as the last snapshot has it: a scrape never asks
// the destination.
type gauges struct{ watch *watch }

var (
	feedLabels = []string{"project", "environment"}

	destinationUp = describe("destination_up", "1 if the destination could be read when it was last tried, else 0.")
	snapshotTime  = describe("snapshot_timestamp_seconds", "When the destination was last read, in Unix time; what is told of feeds is of then.")

	watermarkTime = describe("watermark_timestamp_seconds", "Until when all is read without a gap, in Unix time.", feedLabels...)
	watermarkAge  = describe("watermark_age_seconds", "How long ago the watermark is; it grows also while the destination is away.", feedLabels...)
	stored        = describe("stored_conversations", "Conversations stored.", feedLabels...)
	open          = describe("open_conversations", "Conversations seen in progress and not yet ended.", feedLabels...)
	hidden        = describe("hidden_transcripts", "Conversations stored whose transcript the source hides.", feedLabels...)
	missing       = describe("missing_conversations", "Conversations stored that the source no longer lists.", feedLabels...)
	rejects       = describe("rejects", "Conversations that could not be read, and are kept as they came.", feedLabels...)
	driftPaths    = describe("drift_paths", "Fields and forms seen that are not known.", feedLabels...)
	lateness      = describe("lateness_seconds", "Within how long of its start a conversation was seen (arrival), seen ended (final), or seen changed "+
		"(change): the upper bound for 50, 95 and 99 of 100.", append(feedLabels, "measure", "percentile")...)
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("convsync_"+name, help, labels, nil)
}

// Describe has the names that Collect uses.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		destinationUp, snapshotTime, watermarkTime, watermarkAge, stored, open, hidden, missing, rejects, driftPaths, lateness,
	} {
		ch <- d
	}
}

// Collect tells of the feeds that were read at least once.
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

func collectLateness(summary *load.FeedSummary, tell func(measure, percentile string, seconds float64)) {
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
			tell(measure, p.name, seconds)
		}
	}
}
