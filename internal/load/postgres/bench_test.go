package postgres

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// BenchmarkStage loads batches of 256 conversations of 15 turns from two
// goroutines: all new, all changed, and all unchanged.
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

// BenchmarkDaily reads the figures of a month of a hundred projects, 30,000
// conversations of 15 turns.
func BenchmarkDaily(b *testing.B) {
	const projects, days, aDay = 100, 30, 10
	d, database := prepared(b)
	w, err := d.Begin(b.Context(), load.Owner{RunID: "run-1"})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	var feeds []load.Feed
	for p := range projects {
		feed := load.Feed{ProjectID: fmt.Sprintf("p-%d", p), Environment: loadtest.Live}
		feeds = append(feeds, feed)
		var rows []*warehouse.Rows
		for i := range days * aDay {
			start := loadtest.Noon.AddDate(0, 0, i/aDay).Add(time.Duration(i%aDay) * time.Minute)
			rows = append(rows, loadtest.Conversation(feed.ProjectID, fmt.Sprintf("c-%d", i), start, loadtest.Turns(15), func(r *warehouse.Rows) { r.Entities = nil }))
		}
		if err := w.Stage(b.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows}); err != nil {
			b.Fatal(err)
		}
	}
	pgtest.Exec(b, database, "ANALYZE")
	from, until := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, -1)), warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, days))
	for b.Loop() {
		if got, err := d.Daily(b.Context(), feeds, from, until); err != nil || len(got) != days {
			b.Fatalf("%d days, %v", len(got), err)
		}
	}
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
				err := w.Stage(b.Context(), &load.Batch{Window: 1, Feed: load.Feed{ProjectID: "p", Environment: loadtest.Live}, Rows: batches[i]})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	loaders.Wait()
}
