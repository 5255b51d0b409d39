package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// arranging is a lake whose partitions divide and merge all the time, and what it
// should have.
type arranging struct {
	*lake
	random *rand.Rand
	now    time.Time
	want   map[string]*warehouse.Rows // by id
	next   int
	status string // of all runs
}

func newArranging(t testing.TB, seed uint64) *arranging {
	t.Helper()
	a := &arranging{
		lake:   newLake(t),
		random: rand.New(rand.NewPCG(seed, 0)),
		want:   map[string]*warehouse.Rows{},
		now:    time.Date(2024, 3, 28, 12, 0, 0, 0, time.UTC),
		status: warehouse.RunSucceeded,
	}
	if err := a.Open(t, nil).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// batch returns new and changed conversations: of a dense day, of a few days, or of
// any days of two months.
func (a *arranging) batch() (rows []*warehouse.Rows) {
	from, span, n := a.now.AddDate(0, 0, -a.random.IntN(60)), 1, 1+a.random.IntN(20)
	switch a.random.IntN(3) {
	case 0:
		span = 6
	case 1:
		from, span = a.now.AddDate(0, 0, -60), 61
	}
	for range n {
		id := fmt.Sprint("c-", a.next)
		start := from.AddDate(0, 0, a.random.IntN(span)).Add(time.Duration(a.random.IntN(12*3600)) * time.Second)
		if start.After(a.now) {
			start = a.now
		}
		if a.next > 0 && a.random.IntN(4) == 0 { // changed, or moved to a later start
			id = fmt.Sprint("c-", a.random.IntN(a.next))
			was := a.want[id].Conversation.StartedAt.Time()
			if start.Before(was) || a.random.IntN(2) == 0 {
				start = was
			}
		} else {
			a.next++
		}
		row := loadtest.Conversation("p", id, start, loadtest.Turns(2), loadtest.Note(fmt.Sprint("run of ", a.now)))
		rows = slices.DeleteFunc(rows, func(r *warehouse.Rows) bool { return r.Conversation.ConversationID == id })
		rows, a.want[id] = append(rows, row), row
	}
	return rows
}

// begin opens the lake with small partitions, and begins a run.
func (a *arranging) begin(t testing.TB, step func(string), setup func(*parquet.Lake)) load.Writer {
	t.Helper()
	l := a.Open(t, step).(*parquet.Lake)
	parquet.SmallSizes(l)
	if setup != nil {
		setup(l)
	}
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	at := warehouse.TimestampOf(a.now)
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	if found, err := w.(load.Recoverer).Recover(t.Context(), "run", at); err != nil || len(found) > 0 {
		t.Errorf("found is %+v (%v)", found, err)
	}
	return w
}

// load publishes a batch and finishes the run.
func (a *arranging) load(t testing.TB, step func(string), setup func(*parquet.Lake), rows []*warehouse.Rows) {
	t.Helper()
	w, at := a.begin(t, step, setup), warehouse.TimestampOf(a.now)
	publishWindow(t, w, load.Window{ID: 1, At: at}, 0, rows...)
	err := w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run", Kind: "incremental", Status: a.status, StartedAt: at})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
}

// check compares what is stored with a model.
func (a *arranging) check(t testing.TB, s *lake, want map[string]*warehouse.Rows) {
	t.Helper()
	s.isSound(t, s.Open(t, nil))
	stored := s.Dump(t).Conversations // checks that each is stored once, under a name that has its day
	if len(stored) != len(want) {
		t.Errorf("%d conversations are stored, want %d", len(stored), len(want))
	}
	for id, row := range want {
		if diff := loadtest.Diff(row, stored[[2]string{"p", id}], loadtest.LoaderSet...); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}

// names lists the files of conversations, by month.
func (s *lake) names(t testing.TB) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, path := range s.glob(t, "conversations/*/*/*.parquet") {
		month := filepath.Base(filepath.Dir(path))
		found[month] = append(found[month], filepath.Base(path))
	}
	return found
}

// Random publications divide and merge partitions. Each conversation is stored
// once, in a file whose name has its day, also without an exchange of folders.
func TestPartitions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			a := newArranging(t, seed)
			if seed%2 == 1 {
				a.status = warehouse.RunPartial
			}
			exchanged := 0
			count := func(step string) {
				if step == "exchange" {
					exchanged++
				}
			}
			for run := range 12 {
				setup := parquet.WithoutExchange
				if run%4 > 0 {
					setup = nil
				}
				a.load(t, count, setup, a.batch())
				a.now = a.now.Add(time.Duration(a.random.IntN(48)) * time.Hour)
				if run%4 == 3 {
					a.check(t, a.lake, a.want)
				}
			}
			if exchanged == 0 {
				t.Errorf("no month was exchanged: %v", a.names(t))
			}
			a.now = a.now.AddDate(0, 3, 0) // everything has settled
			for settling, before := 0, map[string][]string(nil); !maps.EqualFunc(before, a.names(t), slices.Equal); settling++ {
				if settling == 4 {
					t.Fatalf("partitions are merged again and again: %v", before)
				}
				before = a.names(t)
				a.load(t, nil, nil, nil)
			}
			a.check(t, a.lake, a.want)
			if february := a.names(t)["started_month=2024-02"]; len(february) > 2 {
				t.Errorf("a settled month has the files %v", february)
			}
		})
	}
}

// A file that others add to a month while its folder is exchanged stays in it.
func TestPartitions_ForeignFile(t *testing.T) {
	t.Parallel()
	a := newArranging(t, 1)
	for range 4 {
		a.load(t, nil, nil, a.batch())
		a.now = a.now.AddDate(0, 0, 1)
	}
	a.now = a.now.AddDate(0, 3, 0)
	var added []string
	a.load(t, func(step string) {
		if step != "exchange" {
			return
		}
		for _, path := range a.glob(t, "conversations/*/*") {
			name := filepath.Join(path, fmt.Sprintf("notes-%d.txt", len(added)))
			if err := os.WriteFile(name, []byte("of others"), 0o600); err != nil {
				t.Error(err)
			}
			added = append(added, name)
		}
	}, nil, nil)
	if len(added) == 0 {
		t.Fatal("no folder was exchanged")
	}
	for _, name := range added {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// A run that is stopped while it merges partitions is recorded, and the next run merges
// them.
func TestPartitions_Stopped(t *testing.T) {
	t.Parallel()
	a := newArranging(t, 1)
	for range 4 {
		a.load(t, nil, nil, a.batch())
		a.now = a.now.AddDate(0, 0, 1)
	}
	a.now = a.now.AddDate(0, 3, 0)
	before := a.names(t)
	ctx, stop := context.WithCancel(t.Context())
	merged := 0
	w := a.begin(t, func(step string) {
		if step == "merge" {
			merged++
			stop()
		}
	}, nil)
	err := w.Finish(ctx, &warehouse.SyncRun{RunID: "stopped", Kind: "incremental", Status: warehouse.RunPartial, StartedAt: warehouse.TimestampOf(a.now)})
	if err := errors.Join(err, w.Close()); err != nil || merged != 1 {
		t.Fatalf("%d merges were begun, then %v", merged, err)
	}
	if after := a.names(t); !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("partitions %v became %v", before, after)
	}
	if !slices.ContainsFunc(a.Dump(t).Runs, func(r warehouse.SyncRun) bool { return r.RunID == "stopped" }) {
		t.Error("the run is not recorded")
	}
	a.load(t, nil, nil, nil)
	if after := a.names(t); maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("nothing was merged: %v", after)
	}
	a.check(t, a.lake, a.want)
}

// A quiet project has one file for each month and table.
func TestPartitions_Thin(t *testing.T) {
	t.Parallel()
	s := newLake(t)
	for i := range 4 {
		var rows []*warehouse.Rows
		for j := range 30 {
			rows = append(rows, loadtest.Conversation("p", fmt.Sprint("c-", i, "-", j), loadtest.Noon.AddDate(0, 0, 3*i+j*11), loadtest.Turns(1)))
		}
		s.run(t, rows...)
	}
	for _, table := range []string{"conversations", "turns", "audio_references"} {
		if files := s.glob(t, table+"/*/*/*.parquet"); len(files) > 12 {
			t.Errorf("%s has %d files: %v", table, len(files), files)
		}
	}
}

// arrangedRun is a run that divides and merges partitions, before it and after it.
func arrangedRun(t testing.TB) (a *arranging, rows []*warehouse.Rows) {
	t.Helper()
	a = newArranging(t, 7)
	var old []*warehouse.Rows
	for i := range 12 {
		old = append(old, loadtest.Conversation("p", fmt.Sprint("old-", i), a.now.AddDate(0, 0, -20+i/4), loadtest.Turns(2)))
	}
	for _, day := range []int{0, 4, 8} { // each window has a partition of its own
		a.load(t, nil, nil, old[day:day+4])
	}
	for _, r := range old {
		a.want[r.Conversation.ConversationID] = r
	}
	for i := range 40 {
		rows = append(rows, loadtest.Conversation("p", fmt.Sprint("new-", i), a.now.AddDate(0, 0, -i/10), loadtest.Turns(2), loadtest.Note(strings.Repeat("long ", 500))))
	}
	return a, rows
}

// A run that is killed at any step of an exchange is finished by the next one.
func TestPartitions_Killed(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(*parquet.Lake){"Exchange": nil, "WithoutExchange": parquet.WithoutExchange} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, rows := arrangedRun(t)
			var cut []*lake
			exchanged := false
			a.load(t, func(step string) {
				exchanged = exchanged || step == "exchange"
				if step != "exchange" && step != "done" && step != "journal" {
					return
				}
				c := newLake(t)
				if err := os.CopyFS(c.path, os.DirFS(a.path)); err != nil {
					t.Error(err)
				}
				cut = append(cut, c)
			}, setup, rows)
			if !exchanged {
				t.Fatalf("no month was exchanged: %v", a.names(t))
			}
			before := maps.Clone(a.want)
			for _, r := range rows {
				a.want[r.Conversation.ConversationID] = r
			}
			a.check(t, a.lake, a.want)
			for _, c := range cut {
				killed := *a
				killed.lake = c
				killed.load(t, nil, setup, nil)
				want := a.want
				if len(c.Dump(t).Conversations) == len(before) {
					want = before
				}
				a.check(t, c, want)
			}
		})
	}
}
