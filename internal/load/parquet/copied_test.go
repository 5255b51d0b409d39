package parquet_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// historyDays are days of two years and three months.
var historyDays = []time.Time{
	time.Date(2023, 12, 31, 12, 0, 0, 0, time.UTC), time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2024, 2, 3, 12, 0, 0, 0, time.UTC),
}

const historyCommits = 8

// version returns what commit k of a history writes to its day: one more
// conversation each time, and one that moves from day to day.
func version(k int) (rows []*warehouse.Rows) {
	start := historyDays[k%len(historyDays)]
	for i := range k + 1 {
		id := fmt.Sprintf("c-%d-%d", k%len(historyDays), i)
		rows = append(rows, loadtest.Conversation("p", id, start.Add(time.Duration(i)*time.Second), loadtest.Note(fmt.Sprint(k))))
	}
	options := []loadtest.Option{loadtest.Note(fmt.Sprint(k))}
	if k%2 == 0 {
		options = append(options, loadtest.Open())
	}
	return append(rows, loadtest.Conversation("p", "moves", start.Add(time.Hour), options...))
}

// historyCoverage returns the coverage after commit k: a range for each day,
// read as of the last commit that wrote it.
func historyCoverage(k int) (ranges []load.Range) {
	for i, d := range historyDays {
		last := k - (k-i%len(historyDays)+len(historyDays))%len(historyDays)
		if last < 0 {
			continue
		}
		midnight := warehouse.TimestampOf(d.Truncate(24 * time.Hour))
		ranges = append(ranges, load.Range{From: midnight, Until: midnight + 24*3600e6, ReadAt: warehouse.Timestamp(last + 1)})
	}
	return ranges
}

func (s *lake) commitVersion(t testing.TB, w load.Writer, k int) {
	t.Helper()
	coverage := historyCoverage(k)
	publishWindow(t, w, load.Window{ID: load.WindowID(k + 1), At: warehouse.Timestamp(k + 1), Coverage: coverage, Watermark: coverage[len(coverage)-1].Until}, 0, version(k)...)
}

// history writes a lake and copies it before each of its steps.
func history(t testing.TB) (snapshots []string) {
	t.Helper()
	s, copies := newLake(t), folder(t)
	snap := func(string) {
		to := filepath.Join(copies, fmt.Sprint(len(snapshots)))
		if err := os.CopyFS(to, os.DirFS(s.path)); err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, to)
	}
	s.writeHistory(t, snap)
	snap("")
	return snapshots
}

// writeHistory writes the commits of a history.
func (s *lake) writeHistory(t testing.TB, step func(string)) {
	t.Helper()
	if err := s.Open(t, nil).Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := s.Open(t, step).Begin(t.Context(), load.Owner{RunID: "history", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	for k := range historyCommits {
		s.commitVersion(t, w, k)
	}
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "history", Kind: "incremental", Status: "succeeded", StartedAt: 1})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
}

// mix makes a lake from the files of two snapshots, at random for each file, or
// for all tables and for each folder of _sync.
func mix(t testing.TB, random *rand.Rand, a, b string) *lake {
	t.Helper()
	s := newLake(t)
	names := map[string]bool{}
	for _, from := range []string{a, b} {
		err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				name, _ := filepath.Rel(from, path)
				names[name] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	share := random.Float64()
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	byFolder, chosen := random.IntN(2) == 0, map[string]bool{}
	for _, name := range sorted {
		second := random.Float64() < share
		if byFolder {
			group := "tables"
			if parts := strings.Split(filepath.ToSlash(name), "/"); parts[0] == "_sync" {
				group = parts[1]
			}
			if known, ok := chosen[group]; ok {
				second = known
			}
			chosen[group] = second
		}
		from := a
		if second || name == filepath.FromSlash("_sync/lake.json") {
			from = b
		}
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it did not exist yet, or no longer
		}
		to := filepath.Join(s.path, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, text, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// In any mixture of two snapshots, no range counts as read without its rows,
// and later runs end with the right data.
func TestCopiedWhileWritten(t *testing.T) {
	t.Parallel()
	snapshots := history(t)
	tries := 80
	if loadtest.Raced || testing.Short() {
		tries = 20
	}
	mended := 0
	// Names in the lake are random, so which mixtures need a repair is, too.
	for seed := 0; seed < tries || mended == 0 && seed < 10*tries; seed++ {
		random := rand.New(rand.NewPCG(uint64(seed), 1))
		a := random.IntN(len(snapshots))
		b := min(a+random.IntN(30), len(snapshots)-1)
		s := mix(t, random, snapshots[a], snapshots[b])
		t.Run(fmt.Sprintf("seed %d, snapshots %d and %d", seed, a, b), func(t *testing.T) {
			mended += s.checkCopied(t)
		})
		if err := os.RemoveAll(s.path); err != nil {
			t.Fatal(err)
		}
	}
	if mended == 0 {
		t.Error("no mixture needed a repair")
	}
}

// Files and manifests match, and are older than the coverage.
func TestCopiedWhileWritten_OlderFiles(t *testing.T) {
	t.Parallel()
	s, older := newLake(t), newLake(t)
	commits := 0
	s.writeHistory(t, func(step string) {
		if step != "done" {
			return
		}
		if commits++; commits == historyCommits-1 {
			if err := os.CopyFS(older.path, os.DirFS(s.path)); err != nil {
				t.Error(err)
			}
		}
	})
	names := []string{"_sync/manifests"}
	for _, m := range warehouse.Members() {
		names = append(names, m.Spec().Name)
	}
	for _, name := range names {
		if err := errors.Join(os.RemoveAll(filepath.Join(s.path, name)), os.CopyFS(filepath.Join(s.path, name), os.DirFS(filepath.Join(older.path, name)))); err != nil {
			t.Fatal(err)
		}
	}
	if mended := s.checkCopied(t); mended == 0 {
		t.Error("nothing is repaired")
	}
}

// checkCopied checks a copied lake, and returns how many ranges were repaired.
func (s *lake) checkCopied(t *testing.T) (mended int) {
	l := s.Open(t, nil)
	w, err := l.Begin(t.Context(), load.Owner{RunID: "after", Started: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
		t.Fatal(err)
	}
	mended = len(recovered(t, w))
	states, err := l.State(t.Context(), []load.Feed{feed})
	if err != nil {
		t.Fatal(err)
	}
	s.checkCovered(t, states[feed].Coverage)
	for k := historyCommits - len(historyDays); k < historyCommits; k++ {
		s.commitVersion(t, w, k)
	}
	err = w.Finish(t.Context(), &warehouse.SyncRun{RunID: "after", Kind: "incremental", Status: "succeeded", StartedAt: 9})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	d := s.Dump(t)
	want := map[string]*warehouse.Rows{}
	for k := range historyCommits {
		for _, r := range version(k) {
			want[r.Conversation.ConversationID] = r
		}
	}
	if len(d.Conversations) != len(want) {
		t.Errorf("%d conversations are stored in the end, want %d", len(d.Conversations), len(want))
	}
	for id, r := range want {
		if diff := loadtest.Diff(r, d.Conversations[[2]string{"p", id}], loadtest.LoaderSet...); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
	for i := range d.Changes {
		if i > 0 && d.Changes[i].Sequence <= d.Changes[i-1].Sequence {
			t.Errorf("changes: sequence %d follows %d", d.Changes[i].Sequence, d.Changes[i-1].Sequence)
		}
	}
	if left := s.Leftovers(t); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	s.isSound(t, l)
	return mended
}

// checkCovered checks that the rows of each covered range are stored, at least
// as of the commit at which it was read.
func (s *lake) checkCovered(t *testing.T, coverage []load.Range) {
	t.Helper()
	stored := map[string]*warehouse.Rows{}
	for _, r := range s.archived(t, feed) {
		stored[r.Conversation.ConversationID] = r
	}
	for _, c := range coverage {
		for _, want := range version(int(c.ReadAt) - 1) {
			id := want.Conversation.ConversationID
			if id == "moves" {
				continue
			}
			got := stored[id]
			if got == nil || len(got.Turns) != len(want.Turns) || len(got.Audio) != len(want.Audio) || got.Conversation.Note < want.Conversation.Note {
				t.Errorf("%s is not stored as of commit %d, and its day counts as read", id, c.ReadAt)
			}
		}
	}
}

// Each kind of damage is reported, and its day no longer counts as read.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	const turns = "turns/project_id=p/started_month=2024-01/d01-31.parquet"
	for name, c := range map[string]struct {
		damage func(root string) error
		named  string
	}{
		"Missing":       {func(root string) error { return os.Remove(filepath.Join(root, turns)) }, turns + " is missing"},
		"FolderMissing": {func(root string) error { return os.RemoveAll(filepath.Join(root, filepath.Dir(turns))) }, turns + " is missing"},
		"Short":         {func(root string) error { return os.Truncate(filepath.Join(root, turns), 100) }, turns + " has 100 bytes instead of"},
		"ManifestMissing": {func(root string) error {
			return os.Remove(filepath.Join(root, "_sync/manifests/project_id=p/2024-01.json"))
		}, "2024-01.json is missing"},
		"ContentsMissing": {func(root string) error { return os.Remove(filepath.Join(root, "_sync/contents/project_id=p.json")) }, "project_id=p.json is missing or damaged"},
		"ContentsDamaged": {func(root string) error {
			return os.Truncate(filepath.Join(root, "_sync/contents/project_id=p.json"), 9)
		}, "project_id=p.json is missing or damaged"},
		"NotRecorded": {func(root string) error {
			month := filepath.Join(root, filepath.FromSlash("conversations/project_id=p/started_month=2024-01"))
			return os.Link(filepath.Join(month, "d01-31.parquet"), filepath.Join(month, "d02.parquet"))
		}, "is not recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newLake(t)
			s.writeHistory(t, nil)
			if err := c.damage(s.path); err != nil {
				t.Fatal(err)
			}
			w, err := s.Open(t, nil).Begin(t.Context(), load.Owner{RunID: "look", Started: 9})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Register(t.Context(), []load.Project{loadtest.Project("p")}); err != nil {
				t.Fatal(err)
			}
			found := recovered(t, w)
			if !named(found, c.named) {
				t.Errorf("found is %+v, without %q", found, c.named)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if again := s.checkCopied(t); again != 0 {
				t.Errorf("the next run repairs %d again", again)
			}
		})
	}
}

// recovered returns the faults that the writer finds.
func recovered(t testing.TB, w load.Writer) []load.Uncovered {
	t.Helper()
	found, err := w.(load.Recoverer).Recover(t.Context(), "recovers", 9)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// isSound checks everything that is stored, with its content.
func (s *lake) isSound(t testing.TB, l load.Destination) {
	t.Helper()
	if found, err := l.(load.Inspector).Inspect(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Inspect finds %+v (%v)", found, err)
	}
	err := l.Audit(t.Context(), "p", never/2, ever/2, func(f load.Fault) error {
		t.Errorf("Audit finds %+v", f)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func named(found []load.Uncovered, what string) bool {
	return slices.ContainsFunc(found, func(m load.Uncovered) bool {
		return slices.ContainsFunc(m.What, func(w string) bool { return strings.Contains(w, what) })
	})
}
