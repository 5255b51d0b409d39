package parquet

import (
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const (
	benchConversations = 10_000
	benchBatch         = 200
)

// BenchmarkStage stages conversations of 15 turns and reads them again, in the
// order of the files. One operation is all of them.
func BenchmarkStage(b *testing.B) {
	rows := simulatedRows(b, benchConversations)
	b.Run("memory", func(b *testing.B) { benchStaged(b, rows, mostStaged) })
	b.Run("file", func(b *testing.B) { benchStaged(b, rows, 0) })
}

func benchStaged(b *testing.B, rows []*warehouse.Rows, limit int64) {
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := benchStage(b, limit)
			benchAdd(b, s, rows)
			b.StopTimer()
			benchDrop(b, s)
			b.StartTimer()
		}
	})
	b.Run("read", func(b *testing.B) {
		s := benchStage(b, limit)
		benchAdd(b, s, rows)
		reader := stageReader{stage: s}
		var r warehouse.Rows
		b.ReportAllocs()
		for b.Loop() {
			for i := range s.entries {
				if err := reader.read(&s.entries[i], &r); err != nil {
					b.Fatal(err)
				}
			}
		}
		benchDrop(b, s)
	})
}

func benchAdd(b *testing.B, s *stage, rows []*warehouse.Rows) {
	for i := 0; i < len(rows); i += benchBatch {
		if err := s.add(&load.Batch{Rows: rows[i:min(i+benchBatch, len(rows))]}); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStage(b *testing.B, limit int64) *stage {
	lake, err := Open(Options{Path: b.TempDir()})
	if err == nil {
		err = lake.mkdirAll(lake.path(tmpDir))
	}
	if err != nil {
		b.Fatal(err)
	}
	lake.staged.limit = limit
	return lake.temporaryOf(nil).newStage()
}

func benchDrop(b *testing.B, s *stage) {
	if err := s.drop(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDay writes the files of a day of conversations of 15 turns, and reads
// them again. One operation is all of them.
func BenchmarkDay(b *testing.B) {
	rows := simulatedRows(b, benchConversations)
	for b.Loop() {
		b.StopTimer()
		lake, err := Open(Options{Path: b.TempDir()})
		if err == nil {
			err = lake.mkdirAll(lake.path(tmpDir))
		}
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		d := lake.temporaryOf(nil).newPart(dayPartition("p", 0))
		for _, r := range rows {
			if err := d.add(r); err != nil {
				b.Fatal(err)
			}
		}
		if err := d.close(); err != nil {
			b.Fatal(err)
		}
		for _, f := range d.placed {
			b.ReportMetric(float64(f.info.Bytes), f.table+"_B")
		}
	}
	b.ReportAllocs()
}
