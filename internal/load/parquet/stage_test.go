package parquet

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// stageLake returns a lake whose staged conversations may take that much memory.
func stageLake(t *testing.T, limit int64) *Lake {
	t.Helper()
	lake, err := Open(Options{Path: t.TempDir()})
	if err == nil {
		err = lake.mkdirAll(lake.path(tmpDir))
	}
	if err != nil {
		t.Fatal(err)
	}
	lake.staged.limit = limit
	return lake
}

// TestStageFreesResponses checks that the responses of a batch are freed when
// it is staged, not only when its window is published.
func TestStageFreesResponses(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int64{"Memory": 1 << 20, "File": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stageLake(t, limit).temporaryOf(nil).newStage()
			defer dropStage(t, s)
			freed := make(chan struct{})
			func() {
				answer := make([]byte, 1<<20)
				runtime.AddCleanup(&answer[0], func(done chan struct{}) { close(done) }, freed)
				rows := &warehouse.Rows{Conversation: warehouse.Conversation{ConversationID: "a", Note: "x"}}
				if err := s.add(&load.Batch{Rows: []*warehouse.Rows{rows}, Refuse: func(*warehouse.Rows, string) { answer[0]++ }}); err != nil {
					t.Error(err)
				}
			}()
			for range 1000 {
				runtime.GC()
				select {
				case <-freed:
					runtime.KeepAlive(s)
					return
				case <-time.After(time.Millisecond):
				}
			}
			t.Error("the response is still in memory")
		})
	}
}

func dropStage(t *testing.T, s *stage) {
	t.Helper()
	if err := s.drop(); err != nil {
		t.Error(err)
	}
}

// spilled lists the temporary files of a lake.
func spilled(t *testing.T, l *Lake) []string {
	t.Helper()
	files, err := filepath.Glob(l.path(tmpDir) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// noteRows returns conversations with a text of random length.
func noteRows(draw *rand.Rand, prefix string, n int) (rows []*warehouse.Rows) {
	for i := range n {
		c := warehouse.Conversation{ConversationID: fmt.Sprint(prefix, i), Note: warehouse.Text(strings.Repeat("x", draw.IntN(200)))}
		rows = append(rows, &warehouse.Rows{Conversation: c, Turns: make([]warehouse.Turn, draw.IntN(3))})
	}
	return rows
}

// TestStage_Shared stages in several windows concurrently with random memory, and
// reads everything back.
func TestStage_Shared(t *testing.T) {
	t.Parallel()
	const windows, batches = 4, 30
	for seed := range uint64(8) {
		limit := rand.New(rand.NewPCG(seed, 1)).Int64N(300_000)
		lake := stageLake(t, limit)
		stages, want := make([]*stage, windows), make([]map[string]*warehouse.Rows, windows)
		var staging sync.WaitGroup
		for i := range windows {
			stages[i], want[i] = lake.temporaryOf(nil).newStage(), map[string]*warehouse.Rows{}
			staging.Go(func() {
				draw := rand.New(rand.NewPCG(seed, uint64(i)+2))
				for j := range batches {
					rows := noteRows(draw, fmt.Sprint(i, "-", j, "-"), draw.IntN(20))
					for _, r := range rows {
						want[i][r.Conversation.ConversationID] = r
					}
					if err := stages[i].add(&load.Batch{Rows: rows}); err != nil {
						t.Error(err)
					}
					if used := lake.staged.used.Load(); used > limit+windows*limit/largeShare { // others may have asked for more just now
						t.Errorf("%d bytes are used of %d", used, limit)
					}
				}
			})
		}
		staging.Wait()
		for i, s := range stages {
			checkStaged(t, s, want[i])
			dropStage(t, s)
			dropStage(t, s) // does nothing
		}
		if used, left := lake.staged.used.Load(), spilled(t, lake); used != 0 || len(left) > 0 {
			t.Errorf("%d bytes are still used, and %q is left", used, left)
		}
	}
}

func checkStaged(t *testing.T, s *stage, want map[string]*warehouse.Rows) {
	t.Helper()
	reader := stageReader{stage: s}
	if len(s.entries) != len(want) {
		t.Errorf("%d conversations are staged, want %d", len(s.entries), len(want))
	}
	for i := range s.entries {
		e := &s.entries[i]
		got, again := warehouse.Rows{}, warehouse.Rows{}
		if err := reader.read(e, &got); err != nil {
			t.Fatal(err)
		}
		if err := again.Decode(string(want[e.id].Append(nil))); err != nil || !reflect.DeepEqual(got, again) {
			t.Fatalf("%s came back as %+v, want %+v (%v)", e.id, got, again, err)
		}
	}
}

// TestStage_Spill checks that a file is written only for what does not fit.
func TestStage_Spill(t *testing.T) {
	t.Parallel()
	lake := stageLake(t, 8*300)
	s := lake.temporaryOf(nil).newStage()
	rows := []*warehouse.Rows{{Conversation: warehouse.Conversation{Note: warehouse.Text(strings.Repeat("x", 200))}}}
	for i := range 100 {
		if err := s.add(&load.Batch{Rows: rows}); err != nil {
			t.Fatal(err)
		}
		if files := len(spilled(t, lake)); (files > 0) != (int64(i+1)*int64(s.entries[0].length) > 8*300) {
			t.Fatalf("%d files after %d conversations of %d bytes", files, i+1, s.entries[0].length)
		}
	}
	large := &warehouse.Rows{Conversation: warehouse.Conversation{Note: warehouse.Text(strings.Repeat("x", 400))}}
	dropStage(t, s)
	s = lake.temporaryOf(nil).newStage()
	if err := s.add(&load.Batch{Rows: []*warehouse.Rows{large}}); err != nil || len(spilled(t, lake)) != 1 {
		t.Errorf("a large conversation is in memory (%v)", err)
	}
	if err := os.Remove(spilled(t, lake)[0]); err != nil { // by a run that took over
		t.Fatal(err)
	}
	dropStage(t, s)
}

func TestStageLimit(t *testing.T) {
	t.Parallel()
	for memory, want := range map[int64]int64{1 << 62: 64 << 20, 160 << 20: 40 << 20, 512 << 20: 64 << 20} {
		if got := stageLimit(memory); got != want {
			t.Errorf("%d of %d, want %d", got, memory, want)
		}
	}
}
