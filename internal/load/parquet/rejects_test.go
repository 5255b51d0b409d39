package parquet_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// largeRejects returns rejects of n bytes each that share their memory.
func largeRejects(first, count, n int) []warehouse.Reject {
	payload := warehouse.Text(`{"id":"` + strings.Repeat("x", n) + `"}`)
	rejects := make([]warehouse.Reject, count)
	for i := range rejects {
		rejects[i] = warehouse.Reject{
			ProjectID:      feed.ProjectID,
			Environment:    feed.Environment,
			RejectID:       fmt.Sprintf("r-%d", first+i),
			ConversationID: warehouse.Text(fmt.Sprintf("c-%d", first+i)),
			Reason:         "made up",
			Payload:        payload,
			FirstSeenAt:    5,
			LastSeenAt:     5,
			RunID:          "run",
		}
	}
	return rejects
}

// held returns the peak of the memory in use while do runs, minus the memory in
// use before. The garbage collector runs all the time, so that only live memory
// counts.
func held(do func()) int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	look := func() int64 {
		runtime.GC()
		metrics.Read(live)
		return int64(live[0].Value.Uint64())
	}
	before := look()
	done, most := make(chan struct{}), make(chan int64)
	go func() {
		peak, tick := before, time.NewTicker(20*time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				most <- peak
				return
			case <-tick.C:
				peak = max(peak, look())
			}
		}
	}()
	do()
	close(done)
	return <-most - before
}

// Not parallel: memory of other tests would count.
func TestStoredRejectsAreNotHeldInMemory(t *testing.T) {
	const (
		each    = 16 << 10
		few     = 16 << 20
		batches = 128 << 20 // rows that a copy buffers on their way into Parquet
	)
	count := 12_000
	if loadtest.Raced {
		count = 3_000
	}
	s := newLake(t)
	l := s.Open(t, nil)
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	var w load.Writer
	begin := func() (err error) {
		w, err = l.Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
		return err
	}
	publish := func(st load.Window) error {
		st.Feed, st.RunID, st.At = feed, "run", 6
		_, err := w.Publish(t.Context(), &st)
		return err
	}
	finish := func() error {
		row := &warehouse.SyncRun{RunID: "run", Kind: "incremental", Status: "succeeded", StartedAt: 1}
		return errors.Join(w.Finish(t.Context(), row), w.Close())
	}
	if err := errors.Join(begin(), publish(load.Window{ID: 1, Rejects: largeRejects(0, count, each)}), w.Close()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		most int64
		do   func() error
	}{
		{"the beginning of a run", few, begin},
		{"a window with rejects", few, func() error { return publish(load.Window{ID: 2, Rejects: largeRejects(count, 1, each)}) }},
		{"a window that resolves", few, func() error { return publish(load.Window{ID: 3, Resolved: []string{"r-0"}}) }},
		{"the end of a run", batches, finish},
		{"a summary", few, func() error {
			sum, err := l.Summary(t.Context(), []load.Feed{feed})
			if n := sum[feed].Rejects; n != int64(count) {
				t.Errorf("%d rejects are counted, want %d", n, count)
			}
			return err
		}},
	} {
		peak := held(func() {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
		})
		t.Logf("%s held %d MB", step.name, peak>>20)
		if peak > step.most {
			t.Errorf("%s held %d MB, of %d MB of rejects", step.name, peak>>20, count*each>>20)
		}
	}
}

func TestRejectsAreCopiedOnlyAsTheyChange(t *testing.T) {
	t.Parallel()
	const part = "rejects/part-0.parquet"
	s := newLake(t)
	reject := func(first int) load.Window {
		return load.Window{At: 5, Rejects: largeRejects(first, 1, 10)}
	}
	s.runWindow(t, reject(0), 0)
	before := s.files(t)[part]
	s.run(t)
	if after := s.files(t)[part]; !os.SameFile(before, after) {
		t.Error("they did not change, and were copied again")
	}

	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	st := reject(1)
	st.ID = 1
	publishWindow(t, w, st, 0)
	if err := w.Close(); err != nil { // as if it was killed
		t.Fatal(err)
	}
	s.run(t)
	if n := len(readTable(t, s, &warehouse.Rejects)); n != 2 {
		t.Errorf("after a run that was cut off %d rejects are in the copy, want 2", n)
	}
	s.runWindow(t, load.Window{At: 5, Resolved: []string{"r-0"}}, 0)
	if n := len(readTable(t, s, &warehouse.Rejects)); n != 1 {
		t.Errorf("%d rejects are in the copy once one is resolved, want 1", n)
	}
	s.Dump(t) // compares the copies with the state
}
