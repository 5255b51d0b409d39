package parquet

import (
	"runtime"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// TestStageFreesResponses checks that the responses of a batch are freed when
// it is staged, not only when its window is published.
func TestStageFreesResponses(t *testing.T) {
	t.Parallel()
	lake := &Lake{root: t.TempDir(), files: access{file: 0o600, folder: 0o700, group: -1}}
	if err := lake.mkdirAll(lake.path(tmpDir)); err != nil {
		t.Fatal(err)
	}
	s, err := lake.temporaryOf(nil).newStage()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	freed := make(chan struct{})
	func() {
		answer := make([]byte, 1<<20)
		runtime.AddCleanup(&answer[0], func(done chan struct{}) { close(done) }, freed)
		rows := &warehouse.Rows{Conversation: warehouse.Conversation{ConversationID: "a", Note: "x"}}
		err = s.add(&load.Batch{Rows: []*warehouse.Rows{rows}, Refuse: func(*warehouse.Rows, string) { answer[0]++ }})
	}()
	if err != nil {
		t.Fatal(err)
	}
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
}
