package parquet

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"convsync/internal/warehouse"
)

// viewsFile defines the tables and views of the lake for DuckDB.
const viewsFile = "views.sql"

// refreshViews adds views.sql to the commit at the end of a run, unless it is equal
// already. It changes with the version, and when a table gets its first file or loses
// its last: DuckDB refuses a pattern that matches no file.
func (f *finishing) refreshViews() error {
	present := map[string]bool{}
	for _, table := range warehouse.Specs() {
		present[table.Name] = !table.ByStart // the others have a file from the first run on
	}
	for _, table := range startTables {
		var err error
		if present[table], err = f.lake.hasFiles(table); err != nil {
			return err
		}
	}
	text := warehouse.LakeSQL(func(table string) bool { return present[table] })
	if stored, err := f.lake.readFile(f.lake.path(viewsFile)); err == nil && string(stored) == text {
		return nil
	}
	return f.commit.put(viewsFile, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// hasFiles reports whether a table has a file. Another writer may remove folders
// meanwhile.
func (l *Lake) hasFiles(table string) (found bool, err error) {
	err = l.files.WalkDir(l.path(table), func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err == nil && !e.IsDir() && strings.HasSuffix(path, ".parquet"):
			found = true
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return false, failed("cannot look for files in "+l.path(table), err)
	}
	return found, nil
}
