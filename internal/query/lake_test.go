//go:build cgo

package query_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/parquet"
	"convsync/internal/query"
	"convsync/internal/warehouse"
)

var noon = time.Date(2024, 3, 14, 12, 0, 0, 0, time.UTC)

// odd are project ids that a folder must not take for something else.
var odd = []string{"PROJECT-example", "", "a b/c=d%41", "..", "été 'x'", "123", "2024-01-01", "NULL", "null", "__HIVE_DEFAULT_PARTITION__"}

func conversation(project, id string, start time.Time) *warehouse.Rows {
	at := warehouse.TimestampOf(start)
	r := &warehouse.Rows{Conversation: warehouse.Conversation{
		AccountID:        "account-example",
		ProjectID:        project,
		ConversationID:   id,
		Environment:      "live",
		ChannelFamily:    "voice",
		FromNumber:       "+44 7700 900123",
		StartedAt:        at,
		Lifecycle:        "final",
		TranscriptStatus: "complete",
		TurnsLoaded:      2,
		Tags:             warehouse.List{"a", "b"},
		State:            `{"name":"Ada Example","n":1.50}`,
		PolyScore:        warehouse.Some(4.5),
		Handoff:          warehouse.Some(false),
		NumTurns:         warehouse.Some(int64(2)),
	}}
	for i := range int64(2) {
		r.Turns = append(r.Turns, warehouse.Turn{
			ProjectID:      project,
			ConversationID: id,
			TurnIndex:      i,
			StartedAt:      at,
			UserInput:      "hello",
		})
	}
	r.Conversation.ContentHash = r.Hash()
	return r
}

// lake writes a lake with a conversation in each of the projects; none: an
// empty one.
func lake(t *testing.T, projects ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "it's a [lake]*?")
	l, err := parquet.Open(parquet.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(projects) == 0 {
		return path
	}
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run-1", Started: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range projects {
		st := &load.Window{ID: load.WindowID(i), Feed: load.Feed{ProjectID: p, Environment: "live"}, RunID: "run-1", At: 2}
		rows := []*warehouse.Rows{conversation(p, "c-1", noon)}
		if err := w.Stage(t.Context(), &load.Batch{Window: st.ID, Feed: st.Feed, Rows: rows}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Publish(t.Context(), st); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1", Kind: "incremental", Status: "succeeded"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *query.DB {
	t.Helper()
	db, err := query.OpenLake(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func ask(t *testing.T, db *query.DB, sql string) [][]any {
	t.Helper()
	result, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return result.Rows
}

func TestALakeAnswersAsItWasWritten(t *testing.T) {
	t.Parallel()
	db := open(t, lake(t, odd...))
	var projects []string
	for _, row := range ask(t, db, "SELECT project_id FROM conversations") {
		projects = append(projects, fmt.Sprint(row[0]))
	}
	slices.Sort(projects)
	if want := slices.Sorted(slices.Values(odd)); !slices.Equal(projects, want) {
		t.Errorf("projects are %q, want %q", projects, want)
	}
	got := ask(t, db, `SELECT conversation_id, started_at, started_month, tags, state, poly_score, handoff, num_turns, note,
		from_number, json_extract_string(state, '$.name') FROM conversations WHERE project_id = '..' AND started_month = '2024-03'`)
	want := [][]any{{"c-1", noon, "2024-03", []any{"a", "b"}, `{"name":"Ada Example","n":1.50}`,
		4.5, false, int64(2), nil, "+44 7700 900123", "Ada Example"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	joined := ask(t, db, `SELECT count(*), sum(t.turn_index)::BIGINT FROM turns t JOIN conversations c USING (project_id, conversation_id)`)
	if n := int64(len(odd)); !reflect.DeepEqual(joined, [][]any{{2 * n, n}}) {
		t.Errorf("turns joined are %v", joined)
	}
	if runs := ask(t, db, "SELECT run_id, status FROM sync_runs"); !reflect.DeepEqual(runs, [][]any{{"run-1", "succeeded"}}) {
		t.Errorf("runs are %v", runs)
	}
	if n := ask(t, db, "SELECT count(*) FROM changes"); !reflect.DeepEqual(n, [][]any{{int64(len(odd))}}) {
		t.Errorf("changes are %v", n)
	}
}

func TestEveryTableHasAViewWithItsColumns(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"empty": lake(t), "filled": lake(t, "p")} {
		db := open(t, path)
		for _, table := range warehouse.Specs() {
			result, err := db.Query(t.Context(), "SELECT * FROM "+table.Name)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, c := range table.Columns {
				want = append(want, c.Name)
			}
			if table.ByStart {
				want = append(want, "started_month")
			}
			if !slices.Equal(result.Columns, want) {
				t.Errorf("%s: %s has the columns %v, want %v", name, table.Name, result.Columns, want)
			}
			if name == "empty" && len(result.Rows) != 0 {
				t.Errorf("%s has %d rows", table.Name, len(result.Rows))
			}
		}
		for _, view := range warehouse.Views(warehouse.DuckDB) {
			var want [][]any
			for _, c := range view.Columns {
				want = append(want, []any{c.Name, c.Type.DuckDB()})
			}
			if got := ask(t, db, "SELECT column_name, column_type FROM (DESCRIBE "+view.Name+")"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %s has the columns %v, want %v", name, view.Name, got, want)
			}
			if n := len(ask(t, db, "FROM "+view.Name)); name == "empty" && n != 0 {
				t.Errorf("%s has %d rows", view.Name, n)
			}
		}
	}
}

// TestViewsFile runs the lake's views.sql in a DuckDB that knows only the lake's path,
// twice, as it is read again after a run.
func TestViewsFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if err := os.CopyFS(path, os.DirFS(lake(t, odd...))); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(path, "views.sql"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // SET is per connection
	for _, statement := range []string{"SET file_search_path = '" + path + "'", string(script), string(script)} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range append(warehouse.Specs(), warehouse.Views(warehouse.DuckDB)...) {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table.Name).Scan(&n); err != nil {
			t.Errorf("%s: %v", table.Name, err)
		}
		if table.Name == "contacts" && n != len(odd) {
			t.Errorf("contacts has %d rows, want %d", n, len(odd))
		}
	}
}

func TestTimesAreInUTCAndDecimalsAreText(t *testing.T) {
	t.Parallel()
	db := open(t, lake(t, "p"))
	got := ask(t, db, "SELECT started_at::VARCHAR, 1.50::DECIMAL(5,2), current_setting('TimeZone') FROM conversations")
	if want := [][]any{{"2024-03-14 12:00:00+00", "1.5", "UTC"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNoExtensionIsDownloaded(t *testing.T) {
	t.Parallel()
	db := open(t, lake(t))
	got := ask(t, db, "SELECT current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')")
	if !reflect.DeepEqual(got, [][]any{{false, false}}) {
		t.Errorf("autoinstall and autoload are %v", got)
	}
}

func TestAFolderThatIsNoLakeIsRefused(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for _, path := range []string{empty, filepath.Join(empty, "missing")} {
		if db, err := query.OpenLake(t.Context(), path); err == nil || !strings.Contains(err.Error(), "is no lake") {
			t.Errorf("%s was opened: %v, %v", path, db, err)
		}
	}
	entries, err := os.ReadDir(empty)
	if err != nil || len(entries) != 0 {
		t.Errorf("something was left in the folder: %v, %v", entries, err)
	}
}

func TestABadStatementIsAnError(t *testing.T) {
	t.Parallel()
	if result, err := open(t, lake(t)).Query(t.Context(), "SELEKT 1"); err == nil {
		t.Errorf("it was answered with %v", fmt.Sprint(result))
	}
}

// TestRowGroupsEndWithDays checks that a large row group has one day only.
func TestRowGroupsEndWithDays(t *testing.T) {
	t.Parallel()
	const rows = 33_000
	path := lake(t)
	l, err := parquet.Open(parquet.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Begin(t.Context(), load.Owner{RunID: "run-1", Started: 1}, "p")
	if err != nil {
		t.Fatal(err)
	}
	window := &load.Window{Feed: load.Feed{ProjectID: "p", Environment: "live"}, RunID: "run-1", At: 2}
	for day := range 2 {
		r := conversation("p", fmt.Sprint("c-", day), noon.AddDate(0, 0, day))
		for i := range int64(rows) {
			r.Metrics = append(r.Metrics, warehouse.Metric{
				ProjectID:      "p",
				ConversationID: r.Conversation.ConversationID,
				Name:           "n",
				Ordinal:        i,
				StartedAt:      r.Conversation.StartedAt,
			})
		}
		r.Conversation.ContentHash = r.Hash()
		if err := w.Stage(t.Context(), &load.Batch{Feed: window.Feed, Rows: []*warehouse.Rows{r}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Publish(t.Context(), window); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := ask(t, open(t, path), "SELECT row_group_num_rows FROM parquet_metadata('"+escapeGlob(path)+`/conversation_metrics/**/*.parquet')
		WHERE path_in_schema = 'started_at' AND stats_min_value = stats_max_value`)
	if want := [][]any{{int64(rows)}, {int64(rows)}}; !reflect.DeepEqual(got, want) {
		t.Errorf("row groups with one day have %v rows, want %v", got, want)
	}
}

// TestFiltersExcludeIDs checks that DuckDB skips row groups by the Bloom filters of
// conversation ids.
func TestFiltersExcludeIDs(t *testing.T) {
	t.Parallel()
	path := lake(t, "p")
	db := open(t, path)
	for _, table := range []string{"conversations", "turns"} {
		var files []string
		err := filepath.WalkDir(filepath.Join(path, table), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil || len(files) != 1 {
			t.Fatalf("%s has the files %q (%v)", table, files, err)
		}
		for id, excluded := range map[string]bool{"c-1": false, "c-2": true} {
			probe := fmt.Sprintf("SELECT bloom_filter_excludes FROM parquet_bloom_probe('%s', 'conversation_id', '%s')", escapeGlob(files[0]), id)
			if got := ask(t, db, probe); !reflect.DeepEqual(got, [][]any{{excluded}}) {
				t.Errorf("%s: that the filter excludes %s is %v", table, id, got)
			}
		}
	}
}

// escapeGlob returns a path as a literal of SQL and of a glob.
func escapeGlob(path string) string {
	return strings.NewReplacer("'", "''", "[", "[[]", "]", "[]]", "*", "[*]", "?", "[?]").Replace(path)
}
