package parquet_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	allocate "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/warehouse"
)

// lake is a lake under test, as the suite and the tests here see it. What it
// dumps it reads from the files by itself.
type lake struct {
	path string
	seen map[string]seenFile // by path: a file that was read is not read again
}

type seenFile struct {
	info os.FileInfo
	rows any // of the table's type
}

func newLake(t testing.TB) *lake {
	return &lake{path: filepath.Join(folder(t), "lake"), seen: map[string]seenFile{}}
}

// memory is where a memory file system is on Linux. There a sync costs nothing,
// and the thousands that the tests make are most of their time.
const memory = "/dev/shm"

// folder is an empty folder for a lake, in memory where there is one.
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

// patience is for a lock that will be freed: a slow machine takes its time.
const patience = 10 * time.Minute

func (s *lake) Open(t testing.TB, step func(string)) load.Destination {
	t.Helper()
	return s.open(t, parquet.Options{LockWait: patience, Step: step})
}

// Impatient is the lake, opened by one who does not wait for the lock.
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
	return l
}

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

// Dump reads what is stored, and checks the layout on the way.
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
	for _, x := range readTable(t, s, &warehouse.Turns) {
		r := of("turns", x.ProjectID, x.ConversationID)
		r.Turns = append(r.Turns, x)
	}
	for _, x := range readTable(t, s, &warehouse.Entities) {
		r := of("turn_entities", x.ProjectID, x.ConversationID)
		r.Entities = append(r.Entities, x)
	}
	for _, x := range readTable(t, s, &warehouse.Metrics) {
		r := of("conversation_metrics", x.ProjectID, x.ConversationID)
		r.Metrics = append(r.Metrics, x)
	}
	for _, x := range readTable(t, s, &warehouse.AudioReferences) {
		r := of("audio_references", x.ProjectID, x.ConversationID)
		r.Audio = append(r.Audio, x)
	}
	s.dumpOwn(t, d)
	return d
}

// dumpOwn reads the sync's own tables from the state, and compares their
// copies in Parquet when no run is under way.
func (s *lake) dumpOwn(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	d.Coverage = readState(t, s, &warehouse.SyncCoverage, "state/sync_coverage.jsonl")
	d.Watermarks = readState(t, s, &warehouse.SyncWatermarks, "state/sync_watermarks.jsonl")
	d.Open = readState(t, s, &warehouse.OpenConversations, "state/open_conversations.jsonl")
	d.Rejects = readState(t, s, &warehouse.Rejects, "state/rejects.jsonl")
	d.Drift = readState(t, s, &warehouse.SchemaDrift, "state/schema_drift.jsonl")
	d.Lateness = readState(t, s, &warehouse.SyncLateness, "state/sync_lateness.jsonl")
	d.Revealed = readState(t, s, &warehouse.SyncRevealed, "state/sync_revealed.jsonl")
	d.Projects = readState(t, s, &warehouse.Projects, "state/projects.jsonl")
	d.Runs = readState(t, s, &warehouse.SyncRuns, "runs.jsonl")
	d.Changes = s.changes(t)
	s.dumpInbox(t, d)
	if s.read(t, "_sync/owner.json") != nil || s.read(t, "_sync/runs.jsonl") == nil {
		return
	}
	compareCopy(t, s, &warehouse.SyncCoverage, d.Coverage)
	compareCopy(t, s, &warehouse.SyncWatermarks, d.Watermarks)
	compareCopy(t, s, &warehouse.OpenConversations, d.Open)
	compareCopy(t, s, &warehouse.Rejects, d.Rejects)
	compareCopy(t, s, &warehouse.SchemaDrift, d.Drift)
	compareCopy(t, s, &warehouse.SyncLateness, d.Lateness)
	compareCopy(t, s, &warehouse.SyncRevealed, d.Revealed)
	compareCopy(t, s, &warehouse.Projects, d.Projects)
	compareCopy(t, s, &warehouse.SyncRuns, d.Runs)
	compareCopy(t, s, &warehouse.Changes, d.Changes)
	compareCopy(t, s, &warehouse.Erasures, nil)
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

// read is a file of the lake; nil: there is none.
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

// readTable reads the files of a table in the order of their names. Nothing
// else may lie in its folder.
func readTable[R any](t testing.TB, s *lake, table *warehouse.Table[R]) (rows []R) {
	t.Helper()
	root := filepath.Join(s.path, table.Name)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		path, parts := filepath.ToSlash(path), strings.Split(filepath.ToSlash(inside), "/")
		project, date := "", ""
		if table.ByStart && len(parts) == 3 {
			project, date = value(t, parts[0], "project_id="), value(t, parts[1], "started_date=")
		} else if len(parts) != 1 {
			t.Errorf("%s lies in a table's folder", path)
		}
		if parts[len(parts)-1] != "part-0.parquet" {
			t.Errorf("%s lies in a table's folder", path)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		seen := s.seen[path]
		if seen.info == nil || !os.SameFile(seen.info, info) || !seen.info.ModTime().Equal(info.ModTime()) {
			read := readFile(t, path, table)
			for i := range read {
				if table.ByStart {
					complete(t, table, &read[i], project, date)
				}
			}
			seen = seenFile{info, read}
			s.seen[path] = seen
		}
		rows = append(rows, seen.rows.([]R)...)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return rows
}

func value(t testing.TB, folder, prefix string) string {
	t.Helper()
	text, ok := strings.CutPrefix(folder, prefix)
	text, err := url.PathUnescape(text)
	if !ok || err != nil {
		t.Errorf("folder %q is no %s…", folder, prefix)
	}
	return text
}

// complete sets what stands in the path, and checks it.
func complete[R any](t testing.TB, table *warehouse.Table[R], row *R, project, date string) {
	t.Helper()
	for i := range table.Columns {
		switch field := table.Columns[i].Ref(row); table.Columns[i].Name {
		case "project_id":
			*field.(*string) = project
		case "started_at":
			if day := field.(*warehouse.Timestamp).Time().Format(time.DateOnly); day != date {
				t.Errorf("a row of %s lies under %s", day, date)
			}
		}
	}
}

func readFile[R any](t testing.TB, path string, table *warehouse.Table[R]) []R {
	t.Helper()
	reader, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer reader.Close()
	arrows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{}, allocate.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	content, err := arrows.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer content.Release()
	rows := make([]R, content.NumRows())
	for i := range table.Columns {
		found := content.Schema().FieldIndices(table.Columns[i].Name)
		if table.ByStart && table.Columns[i].Name == "project_id" {
			continue
		}
		if len(found) != 1 {
			t.Fatalf("%s has %d columns %s", path, len(found), table.Columns[i].Name)
		}
		at := 0
		for _, chunk := range content.Column(found[0]).Data().Chunks() {
			for j := range chunk.Len() {
				set(t, table.Columns[i].Ref(&rows[at]), arrowValue(chunk, j))
				at++
			}
		}
	}
	return rows
}

// arrowValue is a value as Go's: nil, string, int64, float64, bool or list.
func arrowValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.List:
		list := []any{}
		from, until := a.ValueOffsets(i)
		for at := from; at < until; at++ {
			list = append(list, arrowValue(a.ListValues(), int(at)))
		}
		return list
	}
	return a.DataType()
}

// set sets a field, whatever its type, from such a value.
func set(t testing.TB, field, value any) {
	t.Helper()
	if value == nil {
		return
	}
	f := reflect.ValueOf(field).Elem()
	if f.Kind() == reflect.Struct { // Null
		f.FieldByName("Valid").SetBool(true)
		f = f.FieldByName("V")
	}
	if list, ok := value.([]any); ok {
		f.Set(reflect.MakeSlice(f.Type(), 0, len(list)))
		for _, v := range list {
			f.Set(reflect.Append(f, reflect.ValueOf(v)))
		}
		return
	}
	v := reflect.ValueOf(value)
	if !v.CanConvert(f.Type()) || v.Kind() != f.Kind() && v.Kind() != reflect.Int64 {
		t.Fatalf("%v of type %T cannot be a %s", value, value, f.Type())
	}
	f.Set(v.Convert(f.Type()))
}
