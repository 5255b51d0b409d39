package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// recorderChild is the first argument of a test binary that records results.
const recorderChild = "loadtest-recorder"

// recordedLine starts the line that a child prints when results are recorded.
const recordedLine = "recorded "

func printRecorded(n int) { fmt.Println(recordedLine + strconv.Itoa(n)) }

// checkedConversations are those whose recordings [recordWork] checks, on two days.
func checkedConversations() []*warehouse.Rows {
	return []*warehouse.Rows{Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon.AddDate(0, 0, 1))}
}

// recordWork records results three times: before, during and after a run. It
// reports each one that was recorded.
func recordWork(ctx context.Context, dest load.Destination, recorded func(n int)) (err error) {
	claim, err := claimWhenFree(ctx, dest, "p")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	record := func(n int) error {
		state := warehouse.RecordingState{ProjectID: "p", Compared: int64(n)}
		results := []load.RecordingResult{copied("c-1", raw, n), missing("c-2", raw, n)}
		results[1].StartedAt = warehouse.TimestampOf(Noon.AddDate(0, 0, 1))
		gone, err := claim.Record(ctx, results, &state)
		if err == nil && len(gone) > 0 {
			err = fmt.Errorf("%v are gone", gone)
		}
		if err != nil {
			return err
		}
		recorded(n)
		return nil
	}
	if err := record(1); err != nil {
		return err
	}
	w, err := dest.Begin(ctx, ownerOf(2), "p")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := record(2); err != nil {
		return err
	}
	row := warehouse.SyncRun{RunID: ownerOf(2).RunID, Kind: "audio", Status: warehouse.RunSucceeded, StartedAt: ownerOf(2).Started}
	if err := w.Finish(ctx, &row); err != nil {
		return err
	}
	return record(3)
}

// CrashRecordings kills a process that records results before each of its steps. It
// checks that what was recorded is there, and that the next run has each recording
// once. The package's TestMain must call [Main].
func CrashRecordings(t *testing.T, fresh func(testing.TB) Subject) {
	t.Parallel()
	s := fresh(t)
	recordBase(t, s)
	steps, killed := spawnAs(t, s, recorderChild, 0)
	if killed {
		t.Fatal("a process that is not killed was killed")
	}
	recorded(t, s, 3)
	steps = slices.DeleteFunc(steps, func(line string) bool { return strings.HasPrefix(line, recordedLine) })
	each := 3
	if Raced {
		each = racedKills
	}
	for i, name := range steps {
		if i%each != 0 {
			continue
		}
		t.Run(fmt.Sprintf("%d %s", i+1, strings.ReplaceAll(name, "/", " ")), func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			recordBase(t, s)
			lines, _ := spawnAs(t, s, recorderChild, i+1)
			last := 0
			for _, line := range lines {
				if n, ok := strings.CutPrefix(line, recordedLine); ok {
					last, _ = strconv.Atoi(n)
				}
			}
			recorded(t, s, last)
			dest := s.Open(t, nil)
			err := recordWork(t.Context(), dest, func(int) {})
			if err := errors.Join(err, dest.Close()); err != nil {
				t.Fatalf("after the kill: %v", err)
			}
			recorded(t, s, 3)
		})
	}
}

func recordBase(t testing.TB, s Subject) {
	t.Helper()
	b := begin(t, s, 1, "p")
	b.load(checkedConversations()...)
	b.end()
}

// recorded checks that readers observe the nth results, or later ones, and that
// the next run stores them, each once.
func recorded(t testing.TB, s Subject, n int) {
	t.Helper()
	c := claimRecordings(t, s, "p")
	defer c.close()
	state, err := c.dest.RecordingState(t.Context(), "p")
	if err != nil || state.Compared < int64(n) {
		t.Errorf("state %+v, %v; want that of %d", state, err, n)
	}
	n = int(state.Compared)
	want := []warehouse.AudioReference{unchecked("c-1", raw), unchecked("c-2", raw)}
	if n > 0 {
		want[0], want[1] = withURL(copied("c-1", raw, n)), withURL(missing("c-2", raw, n))
	}
	c.has("c-1", want[0])
	c.has("c-2", want[1])
	begin(t, s, 3, "p").end()
	c.stored("c-1", want[0])
	c.stored("c-2", want[1])
	dump(t, s).count(t, 2)
	hasRecordingState(t, c.dest, state)
}
