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

var columnTypes = map[warehouse.Type]string{
	warehouse.TypeText: "VARCHAR", warehouse.TypeJSON: "VARCHAR", warehouse.TypeInteger: "BIGINT",
	warehouse.TypeFloat: "DOUBLE", warehouse.TypeBool: "BOOLEAN",
	warehouse.TypeTimestamp: "TIMESTAMP WITH TIME ZONE", warehouse.TypeTextList: "VARCHAR[]",
}

// lakeViews are the statements that make a view of each table, and the views
// for analysts over these.
func lakeViews(path string) (statements []string, err error) {
	if _, err := os.Stat(filepath.Join(path, "_sync", "lake.json")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is no lake: check the path, or let `convsync run` make one", path)
		}
		return nil, err
	}
	for _, table := range warehouse.Specs() {
		view := fmt.Sprintf("CREATE VIEW %s AS %s", name(table.Name), declared(&table))
		any, err := hasFiles(filepath.Join(path, table.Name))
		if err != nil {
			return nil, err
		}
		if any {
			view += " UNION ALL BY NAME " + stored(path, &table)
		}
		statements = append(statements, view)
	}
	for _, view := range warehouse.Views() {
		statements = append(statements, fmt.Sprintf("CREATE VIEW %s AS %s", name(view.Name), view.Select))
	}
	return statements, nil
}

// declared selects no row with the table's columns in their order: files of an
// older version may lack some.
func declared(table *warehouse.Spec) string {
	var columns []string
	for _, c := range table.Columns {
		columns = append(columns, fmt.Sprintf("NULL::%s AS %s", columnTypes[c.Type], name(c.Name)))
	}
	if table.ByStart {
		columns = append(columns, "NULL::VARCHAR AS started_month")
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE false"
}

// stored selects what is in the table's files.
func stored(path string, table *warehouse.Spec) string {
	files := filepath.ToSlash(filepath.Join(globLiteral(path), table.Name)) + "/**/*.parquet"
	options := "union_by_name = true, hive_partitioning = false"
	if table.ByStart {
		options = "union_by_name = true, hive_partitioning = true, hive_types = {project_id: VARCHAR, started_month: VARCHAR}"
	}
	return fmt.Sprintf("SELECT * FROM read_parquet(%s, %s)", literal(files), options)
}

// hasFiles reports whether a Parquet file lies under the folder: DuckDB
// refuses a pattern that fits none.
func hasFiles(folder string) (found bool, err error) {
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".parquet") {
			found = true
			return fs.SkipAll
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // also a folder that goes while we look
		err = nil
	}
	return found, err
}

var globEscapes = strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]")

// globLiteral is a pattern that fits the path alone.
func globLiteral(path string) string { return globEscapes.Replace(path) }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func name(s string) string    { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
