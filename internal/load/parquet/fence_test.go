package parquet_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// takeover runs a writer that takes the lake from another one that still holds
// it, and loads a conversation of its own.
func (s *lake) takeover(t testing.TB, o parquet.Options, prepare func(*parquet.Lake), projects ...string) error {
	t.Helper()
	l := s.open(t, o).(*parquet.Lake)
	prepare(l)
	w, err := l.Begin(t.Context(), load.Owner{RunID: "second", Host: "other.example.com", Started: 2}, projects...)
	if err != nil {
		return err
	}
	st := coveredDay(1)
	publishWindow(t, w, st, 0, loadtest.Conversation("p", "second", loadtest.Noon.AddDate(0, 0, 3)))
	return errors.Join(w.Finish(t.Context(), &warehouse.SyncRun{RunID: "second", StartedAt: 2}), w.Close())
}

// coveredDay returns a window that covers a day, given by its distance from
// that of noon.
func coveredDay(n int) load.Window {
	midnight := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, n).Truncate(24 * 3600e9))
	const dayMicros = 24 * 3600e6
	return load.Window{ID: load.WindowID(n + 10), At: 5, Coverage: []load.Range{{From: midnight, Until: midnight + dayMicros, ReadAt: 5}}, Watermark: midnight}
}

// epoch returns the stored epoch of the lake.
func (s *lake) epoch(t testing.TB) (epoch int) {
	t.Helper()
	_, rest, _ := strings.Cut(string(s.read(t, "_sync/position.json")), `"epoch":`)
	if _, err := fmt.Sscan(rest[:strings.IndexAny(rest, ",}")], &epoch); err != nil {
		t.Fatal(err)
	}
	return epoch
}

// Without a working flock, a writer is taken over before each of its steps,
// or before some of them.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second []string
		stride        int
	}{
		"Lake": {nil, nil, 2}, "Project": {[]string{"p"}, []string{"p"}, 1},
		"LakeByProject": {nil, []string{"p"}, 5}, "ProjectByLake": {[]string{"o", "p"}, nil, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			takenOver(t, c.first, c.second, c.stride)
		})
	}
}

func takenOver(t *testing.T, firstProjects, secondProjects []string, stride int) {
	for at, last := 0, false; !last; at += stride {
		var failed error
		s := newLake(t)
		left := loadtest.Noon.AddDate(0, 0, 3) // a day from which the first writer moves a conversation
		s.run(t, loadtest.Conversation("p", "before", left))
		began := s.epoch(t)
		step, durable := 0, false
		l := s.open(t, parquet.Options{LockWait: lockTimeout, Step: func(name string) {
			if step >= 0 && name == "replace" {
				durable = true
			}
			if step == at {
				step = -1 << 30
				if err := s.takeover(t, parquet.Options{LockWait: lockTimeout}, parquet.WithoutFlock, secondProjects...); err != nil {
					t.Errorf("step %d, %s: the second writer: %v", at, name, err)
				}
			}
			step++
		}}).(*parquet.Lake)
		parquet.WithoutFlock(l)
		w, err := l.Begin(t.Context(), load.Owner{RunID: "first", Started: 1}, firstProjects...)
		if err == nil {
			st := coveredDay(0)
			st.Feed, st.RunID = feed, "first"
			err = w.Stage(t.Context(), &load.Batch{
				Window: st.ID,
				Feed:   feed,
				Rows:   []*warehouse.Rows{loadtest.Conversation("p", "first", loadtest.Noon), loadtest.Conversation("p", "before", loadtest.Noon)},
				Moved:  map[string]load.Place{"before": {Environment: loadtest.Live, StartedAt: warehouse.TimestampOf(left)}},
			})
			if err == nil {
				_, err = w.Publish(t.Context(), &st)
			}
			failed = err
			if err == nil {
				last = step >= 0 // no step is left
				failed = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "first", StartedAt: 1})
			}
			if err := w.Close(); err != nil {
				t.Errorf("step %d: Close: %v", at, err)
			}
		} else {
			failed = err
		}
		if last {
			if at < 20 {
				t.Errorf("only %d steps", at)
			}
			break
		}
		var taken *load.TakenOverError
		if !errors.As(failed, &taken) || taken.Where != "the lake "+s.path {
			t.Fatalf("step %d: the first writer ends with %v", at, failed)
		}
		if epoch := s.epoch(t); epoch <= began {
			t.Errorf("step %d: the epoch is %d, and was %d", at, epoch, began)
		}
		s.run(t, loadtest.Conversation("p", "third", loadtest.Noon.AddDate(0, 0, 2)))
		d := s.Dump(t)
		for _, id := range []string{"before", "second", "third"} {
			if d.Conversations[[2]string{"p", id}] == nil {
				t.Errorf("step %d: %s is lost", at, id)
			}
		}
		first := d.Conversations[[2]string{"p", "first"}] != nil
		if covered := len(d.Coverage) > 0 && d.Coverage[0].From == coveredDay(0).Coverage[0].From; covered && !first {
			t.Errorf("step %d: covered, and not stored (durable: %v)", at, durable)
		}
		if left := s.Leftovers(t); len(left) > 0 {
			t.Errorf("step %d: left over: %v", at, left)
		}
	}
}

// With flock, a writer is taken over when its lock file is removed, unless it
// is within a commit: then the second one gets the owner of the lake.
func TestTakenOver_LockRemoved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file          string
		first, second []string
	}{{"_sync/lock", nil, nil}, {"_sync/lock", []string{"p"}, nil}, {"_sync/locks/project_id=p", []string{"o", "p"}, []string{"p"}}} {
		for name, within := range map[string]bool{"journal": false, "fence": true, "replace": true} {
			t.Run(fmt.Sprint(path.Base(c.file), len(c.first), " ", name), func(t *testing.T) {
				t.Parallel()
				lockRemoved(t, c.file, c.first, c.second, name, within)
			})
		}
	}
}

func lockRemoved(t *testing.T, file string, first, second []string, name string, within bool) {
	s := newLake(t)
	s.run(t, loadtest.Conversation("p", "before", loadtest.Noon))
	armed := false
	w, err := s.Open(t, func(step string) {
		if !armed || step != name {
			return
		}
		armed = false
		if err := os.Remove(filepath.Join(s.path, file)); err != nil {
			t.Error(err)
		}
		err := s.takeover(t, parquet.Options{LockWait: 1}, func(l *parquet.Lake) { parquet.CommitWait(l, 1) }, second...)
		var locked *load.LockedError
		if errors.As(err, &locked) != within || !within && err != nil {
			t.Errorf("the second writer ends with %v", err)
		}
	}).Begin(t.Context(), load.Owner{RunID: "first", Started: 1}, first...)
	if err != nil {
		t.Fatal(err)
	}
	armed = true
	if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Conversation("p", "first", loadtest.Noon)}}); err != nil {
		t.Fatal(err)
	}
	_, err = w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed, RunID: "first", At: 5})
	var taken *load.TakenOverError
	if errors.As(err, &taken) == (name == "replace") || taken != nil && !within && taken.Owner.RunID != "" {
		t.Errorf("the first writer ends with %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
