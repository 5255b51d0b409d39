package rowfile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"convsync/internal/warehouse"
)

// BenchmarkRead reads a file of 20,000 turns.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "turns.parquet")
	created, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := Create(created, turns)
	for i := range 20_000 {
		w.Add(&warehouse.Turn{
			ConversationID:  fmt.Sprintf("conversation-%d", i/15),
			TurnIndex:       int64(i % 15),
			StartedAt:       warehouse.Timestamp(i),
			UserInput:       warehouse.Text(fmt.Sprint("a question with a number: ", i)),
			AgentResponse:   "One moment, please.",
			LatencySeconds:  warehouse.Some(float64(i%97) / 10),
			AgentResponseAt: warehouse.Some(warehouse.Timestamp(i + 5)),
			Intents:         warehouse.List{"a", "b"},
		})
	}
	if _, err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		file, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		r, err := Open(b.Context(), file, turns, "p")
		if err != nil {
			b.Fatal(err)
		}
		for {
			row, err := r.Next()
			if err != nil {
				b.Fatal(err)
			}
			if row == nil {
				break
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
