package parquet_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// lake is a lake under test, for the suite and the tests here. It dumps its
// content by reading the files itself.
type lake struct {
	path   string
	daily  bool                  // each day has a partition of its own
	parsed map[string]parsedFile // by path, to read each file only once
}

type parsedFile struct {
	info os.FileInfo
	rows []any // pointers to rows
}

func newLake(t testing.TB) *lake {
	return &lake{path: filepath.Join(folder(t), "lake"), parsed: map[string]parsedFile{}}
}

// newDailyLake makes a lake in which each day has a partition of its own, as in
// the last days of a dense project.
func newDailyLake(t testing.TB) *lake {
	s := newLake(t)
	s.daily = true
	return s
}

// memory is the path of a memory file system on Linux. There a sync costs
// nothing; the thousands of syncs take most of the time of these tests.
const memory = "/dev/shm"

// folder returns an empty folder for a lake, in memory if possible.
func folder(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat(memory); err != nil {
		return t.TempDir()
	}
	path, err := os.MkdirTemp(memory, "convsync-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

// lockTimeout is the timeout for a lock that will be freed. It is long because a
// machine may be slow.
const lockTimeout = 10 * time.Minute

func (s *lake) Open(t testing.TB, step func(string)) load.Destination {
	t.Helper()
	return s.open(t, parquet.Options{LockWait: lockTimeout, Step: step})
}

// Impatient opens the lake without waiting for the lock.
func (s *lake) Impatient(t testing.TB) load.Destination {
	t.Helper()
	return s.open(t, parquet.Options{LockWait: time.Nanosecond})
}

func (s *lake) open(t testing.TB, o parquet.Options) load.Destination {
	t.Helper()
	o.Path = s.path
	l, err := parquet.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	parquet.StageLimit(l, littleMemory)
	if s.daily {
		parquet.Daily(l)
	}
	return l
}

// littleMemory for staged conversations makes the tests stage in memory and in
// files: one batch may take an eighth of it.
const littleMemory = 32 << 10

func (s *lake) Locator() string { return s.path }

// Leftovers implements [loadtest.Leftovers].
func (s *lake) Leftovers(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.path, "_sync/tmp/*"))
	if err != nil {
		t.Fatal(err)
	}
	if s.read(t, "_sync/journal.json") != nil {
		files = append(files, "the journal")
	}
	return files
}

// writers lists the records of writers that have not finished.
func (s *lake) writers(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.path, "_sync/writers/*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// LocksProjects implements [loadtest.ProjectLocks].
func (s *lake) LocksProjects() {}

// Dump reads what is stored, and checks the layout.
func (s *lake) Dump(t testing.TB) *loadtest.Dump {
	t.Helper()
	d := &loadtest.Dump{Conversations: map[[2]string]*warehouse.Rows{}}
	for _, c := range readTable(t, s, &warehouse.Conversations) {
		key := [2]string{c.ProjectID, c.ConversationID}
		if d.Conversations[key] != nil {
			t.Errorf("conversation %q is stored twice", key)
		}
		d.Conversations[key] = &warehouse.Rows{Conversation: c}
	}
	of := func(table, project, id string) *warehouse.Rows {
		r := d.Conversations[[2]string{project, id}]
		if r == nil {
			t.Errorf("%s has rows of %q, which is not there", table, id)
			return &warehouse.Rows{}
		}
		return r
	}
	for _, p := range warehouse.Parts {
		spec := p.Spec()
		for _, row := range readRows(t, s, p) {
			id := p.Fields(nil, row, spec.Find("project_id", "conversation_id"))
			p.Add(of(spec.Name, *id[0].(*string), *id[1].(*string)), row)
		}
	}
	s.dumpOwn(t, d)
	return d
}

// dumpOwn reads the sync's own tables from the state, and compares their
// Parquet copies if no run is in progress.
func (s *lake) dumpOwn(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	d.Coverage = readState(t, s, &warehouse.SyncCoverage, "state/sync_coverage.jsonl")
	d.Watermarks = readState(t, s, &warehouse.SyncWatermarks, "state/sync_watermarks.jsonl")
	d.Open = readState(t, s, &warehouse.OpenConversations, "state/open_conversations.jsonl")
	d.Rejects = readState(t, s, &warehouse.Rejects, "state/rejects.jsonl")
	d.Drift = readState(t, s, &warehouse.SchemaDrift, "state/schema_drift.jsonl")
	d.Lateness = readState(t, s, &warehouse.SyncLateness, "state/sync_lateness.jsonl")
	d.VisibleAgain = readState(t, s, &warehouse.SyncRevealed, "state/sync_revealed.jsonl")
	d.Holes = readState(t, s, &warehouse.SyncHoles, "state/sync_holes.jsonl")
	d.Projects = readState(t, s, &warehouse.Projects, "state/projects.jsonl")
	d.Runs = readState(t, s, &warehouse.SyncRuns, "runs.jsonl")
	d.Changes = s.changes(t)
	s.dumpInbox(t, d)
	if len(s.writers(t)) > 0 || s.read(t, "_sync/owner.json") != nil || s.read(t, "_sync/runs.jsonl") == nil {
		return
	}
	compareCopy(t, s, &warehouse.SyncCoverage, d.Coverage)
	compareCopy(t, s, &warehouse.SyncWatermarks, d.Watermarks)
	compareCopy(t, s, &warehouse.OpenConversations, d.Open)
	compareCopy(t, s, &warehouse.Rejects, d.Rejects)
	compareCopy(t, s, &warehouse.SchemaDrift, d.Drift)
	compareCopy(t, s, &warehouse.SyncLateness, d.Lateness)
	compareCopy(t, s, &warehouse.SyncRevealed, d.VisibleAgain)
	compareCopy(t, s, &warehouse.SyncHoles, d.Holes)
	compareCopy(t, s, &warehouse.Projects, d.Projects)
	compareCopy(t, s, &warehouse.SyncRuns, d.Runs)
	compareCopy(t, s, &warehouse.Changes, d.Changes)
	compareCopy(t, s, &warehouse.Erasures, readState(t, s, &warehouse.Erasures, "state/erasures.jsonl"))
	compareCopy(t, s, &warehouse.SyncRecordings, readState(t, s, &warehouse.SyncRecordings, "state/sync_recordings.jsonl"))
	s.compareInbox(t, d)
	if locks := readTable(t, s, &warehouse.SyncLocks); len(locks) != 1 || locks[0].Owner != "" {
		t.Errorf("sync_locks after the run: %+v", locks)
	}
}

func compareCopy[R any](t testing.TB, s *lake, table *warehouse.Table[R], want []R) {
	t.Helper()
	if got := readTable(t, s, table); len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s in Parquet is not what is in the state: %+v, want %+v", table.Name, got, want)
	}
}

// read reads a file of the lake; nil if it does not exist.
func (s *lake) read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.path, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return text
}

func readState[R any](t testing.TB, s *lake, table *warehouse.Table[R], name string) (rows []R) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(s.read(t, "_sync/"+name)))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var members map[string]any
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&members); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var row R
		for i := range table.Columns {
			value := members[table.Columns[i].Name]
			if n, ok := value.(json.Number); ok {
				if whole, err := n.Int64(); err == nil {
					value = whole
				} else if value, err = n.Float64(); err != nil {
					t.Fatal(err)
				}
			}
			set(t, table.Columns[i].Ref(&row), value)
		}
		rows = append(rows, row)
	}
	return rows
}

func (s *lake) changes(t testing.TB) (changes []warehouse.Change) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.path, "_sync/changes/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for len(text) > 0 {
			n, width := binary.Uvarint(text)
			var row warehouse.Change
			if _, err := warehouse.Changes.Decode(string(text[width:width+int(n)]), &row); err != nil {
				t.Fatal(err)
			}
			changes = append(changes, row)
			text = text[width+int(n):]
		}
	}
	return changes
}
