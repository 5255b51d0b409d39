package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocsNameRealTests checks that each test named in the docs exists, and that
// docs/reliability.md has one row for each fault.
func TestDocsNameRealTests(t *testing.T) {
	t.Parallel()
	tests := testNames(t)
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range pages {
		text := read(t, strings.TrimPrefix(page, "../../"))
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w*…?`).FindAllString(text, -1) {
			named++
			if !exists(tests, name) {
				t.Errorf("%s names %s, which does not exist", filepath.Base(page), name)
			}
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named: the check is broken", named)
	}
	faults := map[string]bool{}
	for line := range strings.Lines(read(t, "docs/reliability.md")) {
		fault, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if strings.HasPrefix(line, "| ") && faults[fault] {
			t.Errorf("docs/reliability.md has two rows for %q", fault)
		}
		faults[fault] = true
	}
}

// exists reports whether there is a test with this name. A name that ends in … is
// a prefix.
func exists(tests map[string]bool, name string) bool {
	beginning, cut := strings.CutSuffix(name, "…")
	if !cut {
		return tests[name]
	}
	for test := range tests {
		if strings.HasPrefix(test, beginning) {
			return true
		}
	}
	return false
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && name != ".", entry.Name() == "node_modules":
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		for _, match := range declared.FindAllStringSubmatch(read(t, name), -1) {
			names[match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
