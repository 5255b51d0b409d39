package serve

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"convsync/internal/warehouse"
)

// recordingGauges are the metrics of recordings, for projects whose recordings are
// checked or stored. They use the last snapshot.
type recordingGauges struct{ watch *watch }

var (
	recordings        = describe("recordings", "Known recordings, by availability.", "project", "availability")
	recordingsStored  = describe("recordings_stored", "Recordings of which a copy is stored.", "project")
	recordingsBytes   = describe("recordings_stored_bytes", "Size of the stored copies of recordings.", "project")
	recordingsBacklog = describe("recordings_backlog", "Recordings that are left to check or to store.", "project")
	recordingsAge     = describe("recordings_backlog_age_seconds", "Time since the start of the oldest conversation with a recording in the backlog; 0: the backlog is empty.", "project")
	recordingsStore   = describe("recordings_store_available", "1 if the last attempt to use the store of recordings succeeded, else 0.")
)

// Describe implements [prometheus.Collector].
func (g *recordingGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordings, recordingsStored, recordingsBytes, recordingsBacklog, recordingsAge, recordingsStore} {
		ch <- d
	}
}

// Collect returns the metrics of all projects, once their recordings were read.
func (g *recordingGauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := g.watch.snapshot()
	if s.store.tried && g.watch.recordings.isStoring() {
		available := 1.0
		if s.store.err != nil {
			available = 0
		}
		gauge(recordingsStore, available)
	}
	now := time.Now()
	for i := range s.recorded.states {
		r := &s.recorded.states[i]
		c := &r.Counts
		for availability, n := range map[string]int64{
			warehouse.AudioUnknown: c.Unknown, warehouse.AudioAvailable: c.Available, warehouse.AudioMissing: c.Missing,
			warehouse.AudioForbidden: c.Forbidden, warehouse.AudioFailed: c.Failed,
		} {
			gauge(recordings, float64(n), r.ProjectID, availability)
		}
		gauge(recordingsStored, float64(c.Stored), r.ProjectID)
		gauge(recordingsBytes, float64(c.StoredBytes), r.ProjectID)
		left, oldest := r.Backlog()
		gauge(recordingsBacklog, float64(left), r.ProjectID)
		age := 0.0
		if oldest != 0 {
			age = now.Sub(oldest.Time()).Seconds()
		}
		gauge(recordingsAge, age, r.ProjectID)
	}
}
