package postgres

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// BenchmarkStage loads batches of 256 conversations of 15 turns from two
// goroutines: all of them new, all of them changed, and the same once more.
func BenchmarkStage(b *testing.B) {
	const batches, size = 24, 256
	for _, what := range []string{"new", "changed", "unchanged"} {
		b.Run(what, func(b *testing.B) {
			d, _ := prepared(b)
			w, err := d.Begin(b.Context(), load.Owner{RunID: "run-1"})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			round, note := 0, ""
			fresh := func() [][]*warehouse.Rows {
				switch what {
				case "new":
					round++
				case "changed":
					note += "x"
				}
				return manyConversations(round, batches, size, note)
			}
			stageAll(b, w, fresh())
			for b.Loop() {
				b.StopTimer()
				rows := fresh()
				b.StartTimer()
				stageAll(b, w, rows)
			}
			b.ReportMetric(float64(b.N*batches*size)/b.Elapsed().Seconds(), "conversations/s")
		})
	}
}

// BenchmarkRead reads 6,144 conversations of 15 turns over six weeks.
func BenchmarkRead(b *testing.B) {
	const batches, size = 24, 256
	d, _ := prepared(b)
	w, err := d.Begin(b.Context(), load.Owner{RunID: "run-1"})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	stageAll(b, w, manyConversations(0, batches, size, ""))
	for b.Loop() {
		read := 0
		if err := d.Read(b.Context(), feed, ever, never, func(*warehouse.Rows) error { read++; return nil }); err != nil || read != batches*size {
			b.Fatalf("%d are read, %v", read, err)
		}
	}
	b.ReportMetric(float64(b.N*batches*size)/b.Elapsed().Seconds(), "conversations/s")
}

func manyConversations(round, batches, size int, note string) [][]*warehouse.Rows {
	made := make([][]*warehouse.Rows, batches)
	for i := range made {
		for j := range size {
			start := loadtest.Noon.Add(time.Duration(i*size+j) * 10 * time.Minute)
			made[i] = append(made[i], loadtest.Conversation("p", fmt.Sprintf("c-%d-%d-%d", round, i, j), start, loadtest.Turns(15), loadtest.Note(note)))
		}
	}
	return made
}

func stageAll(b *testing.B, w load.Writer, batches [][]*warehouse.Rows) {
	var loaders sync.WaitGroup
	for half := range 2 {
		loaders.Go(func() {
			for i := half; i < len(batches); i += 2 {
				err := w.Stage(b.Context(), &load.Batch{Stretch: 1, Feed: load.Feed{ProjectID: "p", Environment: loadtest.Live}, Rows: batches[i]})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	loaders.Wait()
}
