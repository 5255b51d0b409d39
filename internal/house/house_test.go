package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func TestRules(t *testing.T) {
	t.Parallel()
	broken, packages := inspect(t, os.DirFS("../.."))
	for _, b := range broken {
		t.Error(b)
	}
	if packages < 5 {
		t.Errorf("only %d packages found: the walk is broken", packages)
	}
}

// inspect lists the violations of the rules in the Go files of a module.
func inspect(t *testing.T, root fs.FS) (broken []string, packages int) {
	t.Helper()
	folders := map[string]bool{} // with Go files: whether there is a doc.go
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && name != "."
		if entry.IsDir() && (hidden || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		folders[pkg] = folders[pkg] || path.Base(name) == "doc.go" && file.Doc != nil
		for _, b := range inspectFile(name, file) {
			broken = append(broken, name+" "+b)
		}
		for _, b := range inspectLiterals(files, file) {
			broken = append(broken, name+" "+b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, documented := range folders {
		if !documented {
			broken = append(broken, pkg+" has no doc.go that describes its purpose, its guarantees and what it must not depend on")
		}
		if _, known := mayImport[pkg]; !known {
			broken = append(broken, pkg+" has no row in the table of imports")
		}
	}
	slices.Sort(broken)
	return broken, len(folders)
}

func inspectFile(fileName string, file *ast.File) (broken []string) {
	pkg, isTest := path.Dir(fileName), strings.HasSuffix(fileName, "_test.go")
	imported := map[string]string{} // import path by package name
	for _, spec := range file.Imports {
		importPath, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(importPath)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = importPath
		if reason, ok := allowed(pkg, importPath); !ok && !isTest {
			broken = append(broken, fmt.Sprintf("imports %s: %s", importPath, reason))
		}
	}
	broken = append(broken, inspectNames(file, isTest)...)
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		name := x.Name + "." + selector.Sel.Name
		if importPath, isPackage := imported[x.Name]; isPackage {
			name = importPath + "." + selector.Sel.Name
		}
		if instead, never := usedNowhere[name]; never {
			broken = append(broken, fmt.Sprintf("uses %s: %s", name, instead))
		}
		if homes, bound := usedIn[name]; bound && !isTest && !slices.Contains(homes, pkg) {
			broken = append(broken, fmt.Sprintf("uses %s, which belongs to %s", name, orNothing(homes)))
		}
		if home, bound := usedInFile[pkg][name]; bound && !isTest && path.Base(fileName) != home {
			broken = append(broken, fmt.Sprintf("uses %s, which belongs to %s", name, home))
		}
		return true
	})
	return broken
}

const longestTestName = 60

// isWhat matches doc comments that only rephrase the name.
var isWhat = regexp.MustCompile(`^\w+ (is|are) what `)

// inspectNames checks the names of tests and the form of doc comments.
func inspectNames(file *ast.File, isTest bool) (broken []string) {
	for _, decl := range file.Decls {
		var doc *ast.CommentGroup
		switch d := decl.(type) {
		case *ast.FuncDecl:
			doc = d.Doc
			if name := d.Name.Name; isTest && strings.HasPrefix(name, "Test") {
				broken = append(broken, inspectTestName(name)...)
			}
		case *ast.GenDecl:
			doc = d.Doc
		}
		if text := doc.Text(); isWhat.MatchString(text) {
			broken = append(broken, fmt.Sprintf("has the comment %q: write what it holds or returns", strings.SplitN(text, "\n", 2)[0]))
		}
	}
	return broken
}

var (
	rulesOfLanguage = sync.OnceValue(compileBanned)
	betweenWords    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// inspectTestName refuses sentences, by their length and by the banned phrases.
func inspectTestName(name string) (broken []string) {
	if len(name) > longestTestName {
		broken = append(broken, fmt.Sprintf("has %s, a name of %d characters: write unit and case, such as TestPublish_Crash", name, len(name)))
	}
	rules := rulesOfLanguage()
	words := betweenWords.ReplaceAllString(strings.ReplaceAll(name, "_", " "), "$1 $2")
	return append(broken, rules.find("has "+name, words)...)
}

func TestRules_Broken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"warehouse imports polyai":       {"internal/warehouse/x.go", `import _ "convsync/internal/polyai"`, "imports convsync/internal/polyai: it may import no package of convsync"},
		"pipeline imports a loader":      {"internal/pipeline/x.go", `import _ "convsync/internal/load/postgres"`, "imports convsync/internal/load/postgres"},
		"the program imports memory":     {"cmd/sync/x.go", `import _ "convsync/internal/load/memory"`, "only tests may import it"},
		"extract imports warehouse":      {"internal/extract/x.go", `import _ "convsync/internal/warehouse"`, "it may import internal/panics, internal/polyai"},
		"pgx in another package":         {"internal/pipeline/x.go", `import _ "github.com/jackc/pgx/v5/pgxpool"`, "which belongs to internal/load/postgres"},
		"arrow in another package":       {"internal/load/postgres/x.go", `import _ "github.com/apache/arrow-go/v18/arrow"`, "which belongs to internal/load/parquet"},
		"http.Client in another package": {"cmd/sync/x.go", "import web \"net/http\"\nvar c = &web.Client{}", "uses net/http.Client, which belongs to internal/polyai"},
		"os.Getenv":                      {"internal/transform/x.go", "import \"os\"\nvar x = os.Getenv(\"X\")", "uses os.Getenv"},
		"sleep in a test":                {"internal/load/x_test.go", "import \"time\"\nfunc f() { time.Sleep(1) }", "uses time.Sleep"},
		"lake file around the interface": {"internal/load/parquet/x.go", "import \"os\"\nvar _ = os.Rename", "uses os.Rename, which belongs to access.go"},
		"skipped test":                   {"internal/load/x_test.go", "import \"testing\"\nfunc TestX(t *testing.T) { t.Skip() }", "uses t.Skip"},
		"a sentence as a name":           {"internal/load/x_test.go", "import \"testing\"\nfunc Test" + strings.Repeat("Long", 15) + "(*testing.T) {}", "a name of 64 characters"},
		"a banned phrase as a name":      {"internal/load/x_test.go", "import \"testing\"\nfunc TestRunIs" + "Told(*testing.T) {}", "write is notified"},
		"a comment that says nothing":    {"internal/load/x.go", "// F is what it returns.\nfunc F() {}", "has the comment \"F is what it returns.\""},
		"a long literal on one line":     {"internal/load/x.go", "var x = T{\n\tA: 1, B: 2, C: 3, D: 4, E: 5,\n}", "line 3: has a literal with 5 fields"},
		"package without a row":          {"internal/misc/x.go", "", "internal/misc has no row"},
		"package without doc.go":         {"internal/load/x.go", "", "internal/load has no doc.go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{c.file: {Data: []byte("package p\n" + c.text)}}
			if broken, _ := inspect(t, tree); !strings.Contains(strings.Join(broken, "\n"), c.want) {
				t.Errorf("not found in %q", broken)
			}
		})
	}
	fine := fstest.MapFS{
		"internal/load/parquet/doc.go":        {Data: []byte("// Package parquet is described.\npackage parquet\nimport _ \"convsync/internal/load\"")},
		"internal/load/postgres/doc.go":       {Data: []byte("// Package postgres is described.\npackage postgres\nimport _ \"github.com/jackc/pgx/v5\"")},
		"internal/load/parquet/x_test.go":     {Data: []byte("package parquet\nimport _ \"convsync/internal/load/loadtest\"\nimport \"net/http\"\nvar _ = http.Get")},
		"internal/load/parquet/testdata/x.go": {Data: []byte("no Go at all")},
	}
	if broken, packages := inspect(t, fine); len(broken) > 0 || packages != 2 {
		t.Errorf("%d packages, want 2 without violations: %q", packages, broken)
	}
}
