package derived

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"convsync/internal/warehouse"
)

var write = flag.Bool("write", false, "write the files instead of comparing them")

const root = "../.."

// generatedFolders have no other files.
var generatedFolders = []string{"dbt/models/staging", "dbt/models/marts"}

// TestFiles checks that the committed files are current. `make docs` writes them.
func TestFiles(t *testing.T) {
	t.Parallel()
	files := Files()
	if *write {
		writeFiles(t, files)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s is not current: run `make docs` (%v)", name, err)
		}
	}
	for _, name := range stale(t, files) {
		t.Errorf("%s belongs to no table or view: run `make docs`", name)
	}
}

func writeFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for _, name := range stale(t, files) {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// stale returns the files of generatedFolders that are no longer made.
func stale(t *testing.T, files map[string]string) (names []string) {
	t.Helper()
	for _, folder := range generatedFolders {
		found, err := fs.Glob(os.DirFS(root), folder+"/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			if _, current := files[name]; !current {
				names = append(names, name)
			}
		}
	}
	return names
}

var references = regexp.MustCompile(`\{\{ ref\('(?:stg_)?(\w+)'\) \}\}`)

// TestMarts checks that a mart renders the SQL of its view for each engine.
func TestMarts(t *testing.T) {
	t.Parallel()
	models := martModels()
	for engine, views := range map[string][]warehouse.Spec{"postgres": warehouse.Views(warehouse.Postgres), "duckdb": warehouse.Views(warehouse.DuckDB)} {
		for _, v := range views {
			text := render(models["dbt/models/marts/"+v.Name+".sql"], engine)
			if got := references.ReplaceAllString(text, "$1"); got != v.Select {
				t.Errorf("%s for %s is\n%s\nwant\n%s", v.Name, engine, got, v.Select)
			}
			if len(references.FindAllString(text, -1)) < 1 {
				t.Errorf("%s reads no model", v.Name)
			}
		}
	}
}

// render returns the lines of a model that an engine gets.
func render(model, engine string) string {
	var lines []string
	active := true
	for line := range strings.Lines(strings.TrimSuffix(model, "\n")) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case strings.HasPrefix(line, "{#"):
		case line == ifPostgres:
			active = engine == "postgres"
		case line == ifDuckDB:
			active = engine == "duckdb"
		case line == orDuckDB:
			active = engine == "duckdb"
		case line == endIf:
			active = true
		case active:
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// TestMarts_Sources checks that a table which a view reads is a source.
func TestMarts_Sources(t *testing.T) {
	t.Parallel()
	for _, table := range warehouse.Specs() {
		if table.For == warehouse.ForAnalysts {
			continue
		}
		for _, v := range views() {
			if regexp.MustCompile(`\b` + table.Name + `\b`).MatchString(v.Select) {
				t.Errorf("%s reads %s, which is for %s", v.Name, table.Name, table.For)
			}
		}
	}
}

// TestReferenced checks that the columns of references exist in both tables, and that
// each table and view but projects has one.
func TestReferenced(t *testing.T) {
	t.Parallel()
	specs := map[string]warehouse.Spec{}
	for _, s := range append(tables(), views()...) {
		specs[s.Name] = s
	}
	from := map[string]bool{warehouse.Projects.Name: true}
	for _, r := range warehouse.Referenced() {
		from[r.From] = true
		for _, name := range []string{r.From, r.To} {
			s, ok := specs[name]
			if !ok {
				t.Fatalf("%s is not for analysts", name)
			}
			s.Find(r.Columns...) // panics if there is none
		}
	}
	for name := range specs {
		if !from[name] {
			t.Errorf("%s refers to no table", name)
		}
	}
}
