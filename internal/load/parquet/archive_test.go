package parquet_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

const (
	ever  = warehouse.Timestamp(1 << 62)
	never = -ever
)

// archived reads all conversations of a feed.
func (s *lake) archived(t testing.TB, feed load.Feed) (rows []*warehouse.Rows) {
	t.Helper()
	err := s.Open(t, nil).Read(t.Context(), feed, never, ever, func(r *warehouse.Rows) error {
		rows = append(rows, loadtest.Clone(r))
		return nil
	})
	if err != nil {
		t.Errorf("Read: %v", err)
	}
	return rows
}

// edition returns version n of a day: each conversation has as many turns as
// its note says, and some editions have no metrics, entities or audio at all.
func edition(n int) (rows []*warehouse.Rows) {
	for i := range 3 {
		options := []loadtest.Option{loadtest.Turns(n), loadtest.Note(fmt.Sprint(n))}
		if n%2 == 0 {
			options = append(options, withoutEntities(n))
		}
		rows = append(rows, loadtest.Conversation("p", fmt.Sprint("c-", i), loadtest.Noon.Add(time.Duration(i)*time.Second), options...))
	}
	return rows
}

// withoutEntities sets turns with another user input and no entities. With the
// same input the stored entities would stay.
func withoutEntities(n int) loadtest.Option {
	return func(r *warehouse.Rows) {
		r.Entities = nil
		for i := range r.Turns {
			r.Turns[i].UserInput = warehouse.Text(fmt.Sprint("input of edition ", n))
		}
	}
}

// editionOf returns the edition of a day that was read. A mixture is an error.
// It may be called from any goroutine.
func editionOf(t testing.TB, rows []*warehouse.Rows) (n int) {
	t.Helper()
	if len(rows) != 3 {
		t.Errorf("%d conversations were read, want 3", len(rows))
		return 0
	}
	if _, err := fmt.Sscan(string(rows[0].Conversation.Note), &n); err != nil {
		t.Error(err)
		return 0
	}
	for i, want := range edition(n) {
		if diff := loadtest.Diff(want, rows[i], loadtest.LoaderSet...); diff != "" {
			t.Errorf("of edition %d: %s", n, diff)
		}
	}
	return n
}

func TestRead_EachStep(t *testing.T) {
	t.Parallel()
	for next := 2; next <= 3; next++ { // one that removes a table, one that adds it
		s := newLake(t)
		s.run(t, edition(next-1)...)
		begun, committed, steps := false, false, 0
		w, err := s.Open(t, func(step string) {
			if !begun {
				return
			}
			committed = committed || step == "replace"
			want := next - 1
			if committed {
				want = next
			}
			if got := editionOf(t, s.archived(t, feed)); got != want {
				t.Errorf("at step %d, %s: edition %d was read, want %d", steps, step, got, want)
			}
			steps++
		}).Begin(t.Context(), load.Owner{RunID: "run-2"})
		if err != nil {
			t.Fatal(err)
		}
		begun = true
		publish(t, w, 1, edition(next)...)
		if steps < 8 {
			t.Errorf("a commit of %d steps", steps)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRead_BusyWriter(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(1)...)
	w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "run-2"})
	if err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int64
	var written atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for last := 1; !written.Load(); reads.Add(1) {
			now := editionOf(t, s.archived(t, feed))
			if now < last {
				t.Errorf("edition %d was read after %d", now, last)
			}
			last = now
		}
	}()
	defer func() {
		written.Store(true)
		<-done
	}()
	for n := 2; n <= 25 || reads.Load() < 2; n++ { // the reader may start late
		publish(t, w, load.WindowID(n), edition(n)...)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestRead_DuringWrite(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	s.run(t, edition(3)...)
	var rows []*warehouse.Rows
	err := s.Open(t, nil).Read(t.Context(), feed, never, ever, func(r *warehouse.Rows) error {
		if rows == nil {
			s.run(t, edition(4)...)
		}
		rows = append(rows, loadtest.Clone(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := editionOf(t, rows); n != 3 {
		t.Errorf("edition %d was read", n)
	}
}

func TestArchive_FeedAndRange(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	const days = 25 // across the end of a month
	var want []string
	var rows []*warehouse.Rows
	for i := range days {
		start := loadtest.Noon.AddDate(0, 0, i)
		id := fmt.Sprintf("c-%02d", days-i)
		rows = append(rows, loadtest.Conversation("p", id, start), loadtest.Conversation("p", "sandbox "+id, start, loadtest.In(loadtest.Sandbox)))
		want = append(want, id)
	}
	s.run(t, rows...)
	from, until := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, 3)), warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, 20))
	archive := s.Open(t, nil)
	keys, err := archive.Keys(t.Context(), feed, from, until)
	if err != nil {
		t.Fatal(err)
	}
	var listed, read []string
	for _, k := range keys {
		listed = append(listed, k.ID)
	}
	err = archive.Read(t.Context(), feed, from, until, func(r *warehouse.Rows) error {
		read = append(read, r.Conversation.ConversationID)
		return nil
	})
	if err != nil || !slices.Equal(read, want[3:20]) || !slices.Equal(listed, read) {
		t.Errorf("read are %q and listed %q (%v), want %q", read, listed, err, want[3:20])
	}
	enough := errors.New("enough")
	if err := archive.Read(t.Context(), feed, from, until, func(*warehouse.Rows) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a reader that stops gets %v", err)
	}
	if keys, err := archive.Keys(t.Context(), feed, until, from); err != nil || len(keys) != 0 {
		t.Errorf("a range that ends before it begins has %v (%v)", keys, err)
	}
}
