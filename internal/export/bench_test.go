package export

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// endless yields n conversations with a stored recording each, and holds none.
type endless struct {
	n    int
	peak uint64 // of the heap
}

func (e *endless) State(context.Context, []load.Feed) (map[load.Feed]load.FeedState, error) {
	return nil, nil
}

func (e *endless) RejectKeys(context.Context, load.Feed) ([]load.RejectKey, error) { return nil, nil }

func (e *endless) Recordings(_ context.Context, _ load.Feed, _, _ warehouse.Timestamp, yield func(*load.RecordedConversation) error) error {
	references := make([]warehouse.AudioReference, 1)
	for i := range e.n {
		c := conversation(i)
		references[0] = warehouse.AudioReference{
			Direction:         "combined",
			Redacted:          true,
			URL:               warehouse.Text("https://agents.invalid/v1/agents/acme-team-4/conversations/" + c.ConversationID + "/audio?direction=combined&redacted=true"),
			Availability:      warehouse.AudioAvailable,
			RedactionEvidence: warehouse.EvidenceRequested,
			CheckedAt:         warehouse.Some(c.StartedAt),
			StoredURI:         warehouse.Text("acme-team-4/2026/06/01/" + c.ConversationID + ".combined.redacted.wav"),
			SHA256:            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		}
		c.Recordings = references
		if err := yield(&c); err != nil {
			return err
		}
		if i%100_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			e.peak = max(e.peak, m.HeapAlloc)
		}
	}
	return nil
}

// BenchmarkWrite_List measures the export of a million references without the
// destination, in each format.
func BenchmarkWrite_List(b *testing.B) {
	for _, format := range []string{CSV, JSONL, Parquet} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				src := &endless{n: 1_000_000}
				_, err := Write(b.Context(), src, Options{
					Filter: Filter{From: start, Until: start.Add(24 * time.Hour), Feeds: []load.Feed{feed}},
					Format: format,
					Dir:    filepath.Join(b.TempDir(), "export"),
					Files:  List,
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(src.peak)/(1<<20), "peak-heap-MB")
			}
		})
	}
}
