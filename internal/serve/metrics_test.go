package serve

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

func report(now time.Time) *pipeline.Report {
	return &pipeline.Report{
		Kind:       "incremental",
		Status:     "succeeded",
		StartedAt:  now.Add(-90 * time.Second),
		FinishedAt: now,
		Requests:   40,
		Retries:    3,
		Drift:      5,
		Missing:    2,
		Traffic:    pipeline.Traffic{Bytes: 617, Waited: 750 * time.Millisecond, Responses: map[int]int64{200: 35, 429: 3, 0: 2}},
		Conversations: pipeline.Conversations{
			Read:      100,
			Inserted:  60,
			Updated:   20,
			Unchanged: 15,
			Rejected:  5,
		},
		Rows: map[string]int64{"turns": 700},
	}
}

func TestMetricsCountRuns(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	m := NewMetrics()
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m, Version: "1.2.3"})
	now := time.Now()
	m.Observe(report(now))
	m.Observe(report(now))
	locked := &pipeline.Report{Kind: "incremental", Status: "failed", StartedAt: now, FinishedAt: now} // it never began
	m.Observe(locked)
	text := get(s, "/metrics").Body.String()
	for _, want := range []string{
		`convsync_runs_total{kind="incremental",status="succeeded"} 2`, `convsync_runs_total{kind="incremental",status="failed"} 1`,
		`convsync_run_duration_seconds_sum{kind="incremental"} 180`, `convsync_run_duration_seconds_count{kind="incremental"} 3`,
		`convsync_requests_total 80`, `convsync_retries_total 6`, `convsync_drift_sightings_total 10`,
		`convsync_retry_wait_seconds_total 1.5`, `convsync_received_bytes_total 1234`, `convsync_responses_total{status="429"} 6`, `convsync_responses_total{status="none"} 4`,
		`convsync_conversations_total{outcome="read"} 200`, `convsync_conversations_total{outcome="inserted"} 120`,
		`convsync_conversations_total{outcome="updated"} 40`, `convsync_conversations_total{outcome="unchanged"} 30`,
		`convsync_conversations_total{outcome="rejected"} 10`, `convsync_conversations_total{outcome="missing"} 4`,
		`convsync_rows_written_total{table="turns"} 1400`, `convsync_build_info{version="1.2.3"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestMetricsTellWhatIsStored(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(1, now)
	f := feeds[0].key()
	summary := destination.summaries[f]
	summary.Drift = make([]warehouse.Drift, 2)
	summary.Lateness = append(summary.Lateness, warehouse.Lateness{Measure: load.LateChange, UpperSeconds: 1 << 62, Count: 1})
	destination.summaries[f] = summary
	s := newServer(t, Options{Destination: destination, Feeds: feeds})
	text := get(s, "/metrics").Body.String()
	of := `{environment="live",project="acme-team-1"`
	for _, want := range []string{
		`convsync_destination_up 1`, `convsync_stored_conversations` + of + `} 81234`, `convsync_open_conversations` + of + `} 1`,
		`convsync_hidden_transcripts` + of + `} 31`, `convsync_missing_conversations` + of + `} 17`, `convsync_rejects` + of + `} 0`,
		`convsync_drift_paths` + of + `} 2`, `convsync_watermark_age_seconds` + of + `} `,
		`convsync_lateness_seconds{environment="live",measure="arrival",percentile="50",project="acme-team-1"} 60`,
		`convsync_lateness_seconds{environment="live",measure="arrival",percentile="95",project="acme-team-1"} 1200`,
		`convsync_lateness_seconds{environment="live",measure="change",percentile="99",project="acme-team-1"} +Inf`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	found := regexp.MustCompile(`convsync_watermark_age_seconds` + of + `} (\S+)`).FindStringSubmatch(text)
	age, err := strconv.ParseFloat(found[1], 64)
	if err != nil || age < 240 || age > time.Since(now).Seconds()+241 { // four minutes, and what the test took
		t.Errorf("the watermark is %v s old, %v", found, err)
	}
	destination.goAway(errAway)
	before := destination.read
	s.watch.refresh(t.Context())
	text = get(s, "/metrics").Body.String()
	for _, want := range []string{"convsync_destination_up 0\n", "convsync_stored_conversations" + of + "} 81234"} {
		if !strings.Contains(text, want) {
			t.Errorf("with the destination away the metrics lack %s", want)
		}
	}
	if n := destination.read - before; n != 1 {
		t.Errorf("a scrape read the destination %d times", n-1)
	}
}

func TestMetricsKeepTheCustoms(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(2, time.Now())
	m := NewMetrics()
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Metrics: m})
	m.Observe(report(time.Now()))
	registry, err := m.registry(s.watch, &s.options)
	if err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
