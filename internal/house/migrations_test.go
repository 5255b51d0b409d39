package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The numbers of migrations must grow in the order in which they were added.
// migrations/order.txt lists that order, since the Git history may not be available.
func TestMigrationOrder(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, path := range paths {
		files = append(files, filepath.Base(path))
	}
	text, err := os.ReadFile("../../migrations/order.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range disorder(files, string(text)) {
		t.Error(broken)
	}
	if len(files) < 12 {
		t.Errorf("only %d migrations found: the check is broken", len(files))
	}
}

func TestMigrationOrder_Broken(t *testing.T) {
	t.Parallel()
	files := []string{"00001_a.sql", "00002_b.sql", "00003_c.sql"}
	for name, c := range map[string]struct {
		files []string
		list  string
		want  string
	}{
		"Right":      {files, "# first\n00001_a.sql\n00002_b.sql\n00003_c.sql\n", ""},
		"NotListed":  {files, "00001_a.sql\n00002_b.sql\n", "00003_c.sql is not listed"},
		"PutBetween": {files, "00001_a.sql\n00003_c.sql\n00002_b.sql\n", "00002_b.sql was added after 00003_c.sql"},
		"SameNumber": {append(slices.Clone(files), "00003_d.sql"), "00001_a.sql\n00002_b.sql\n00003_c.sql\n00003_d.sql\n", "00003_d.sql was added after 00003_c.sql"},
		"Gap":        {append(slices.Clone(files), "00005_e.sql"), "00001_a.sql\n00002_b.sql\n00003_c.sql\n00005_e.sql\n", ""},
		"Removed":    {files[:2], "00001_a.sql\n00002_b.sql\n00003_c.sql\n", "00003_c.sql is listed and does not exist"},
		"Name":       {append(slices.Clone(files), "4_e.sql"), "00001_a.sql\n00002_b.sql\n00003_c.sql\n4_e.sql\n", "4_e.sql is not a name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(disorder(c.files, c.list), "; ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// disorder lists the errors in the migrations and in the list of their order.
func disorder(files []string, list string) (broken []string) {
	var listed []string
	named := regexp.MustCompile(`^\d{5}_[a-z0-9_]+\.sql$`)
	for line := range strings.Lines(list) {
		name := strings.TrimSpace(line)
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		var last string
		if len(listed) > 0 {
			last = listed[len(listed)-1]
		}
		listed = append(listed, name)
		switch {
		case !named.MatchString(name):
			broken = append(broken, name+" is not a name such as 00001_tables.sql")
		case !slices.Contains(files, name):
			broken = append(broken, name+" is listed and does not exist: migrations are never removed")
		case last != "" && name[:5] <= last[:5]:
			broken = append(broken, fmt.Sprintf("%s was added after %s and needs a greater number: databases that have that one would never get it", name, last))
		}
	}
	for _, file := range files {
		if !slices.Contains(listed, file) {
			broken = append(broken, file+" is not listed in migrations/order.txt: add it at the end")
		}
	}
	return broken
}
