//go:build cgo

package query

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"convsync/internal/warehouse"
)

// lakeViews returns the statements that create the views of the lake's tables, and the
// views for analysts.
func lakeViews(path string) (statements []string, err error) {
	if _, err := os.Stat(filepath.Join(path, "_sync", "lake.json")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no lake: check the path, or let `convsync run` make one", path)
		}
		return nil, err
	}
	views, err := viewsOver(path)
	for _, v := range views {
		statements = append(statements, v.Statement)
	}
	return statements, err
}

// view is a view to create, of a table or for analysts.
type view struct {
	warehouse.LakeView
	created bool
}

// viewsOver returns the views over a folder that has the folders of the tables.
func viewsOver(path string) (views []*view, err error) {
	present := map[string]bool{}
	for _, table := range warehouse.Specs() {
		if present[table.Name], err = hasFiles(filepath.Join(path, table.Name)); err != nil {
			return nil, err
		}
	}
	files := globLiteral(filepath.ToSlash(path)) + "/"
	for _, v := range warehouse.LakeViews(files, func(table string) bool { return present[table] }) {
		views = append(views, &view{LakeView: v})
	}
	return views, nil
}

// hasFiles reports whether the folder has a Parquet file: DuckDB refuses a pattern
// that matches none.
func hasFiles(folder string) (found bool, err error) {
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".parquet") {
			found = true
			return fs.SkipAll
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // also a folder that is removed meanwhile
		err = nil
	}
	return found, err
}

var globEscapes = strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]")

// globLiteral returns a pattern that matches only the path.
func globLiteral(path string) string { return globEscapes.Replace(path) }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
