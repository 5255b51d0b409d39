package rowfile

import (
	"fmt"
	"io"
	"testing"

	"convsync/internal/warehouse"
)

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

// BenchmarkSmall writes the files of a month with few conversations, as of a quiet
// project: what is independent of the rows counts.
func BenchmarkSmall(b *testing.B) {
	var formats []*Format
	for _, m := range warehouse.Members() {
		formats = append(formats, New(m, 8192, "project_id"))
	}
	rows := &warehouse.Rows{}
	for i := range 135 {
		rows.Turns = append(rows.Turns, warehouse.Turn{
			ConversationID: fmt.Sprintf("conversation-%d", i/15),
			TurnIndex:      int64(i % 15),
			StartedAt:      warehouse.Timestamp(i),
			UserInput:      warehouse.Text(fmt.Sprint("a question with a number: ", i)),
			AgentResponse:  "One moment, please.",
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, m := range warehouse.Members() {
			w := Create(discard{io.Discard}, formats[i])
			for j := range m.Len(rows) {
				w.Add(m.Row(rows, j))
			}
			if _, err := w.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
