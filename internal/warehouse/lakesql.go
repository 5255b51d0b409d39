package warehouse

import (
	"fmt"
	"strings"
)

// duckTypes are the types of columns in DuckDB.
var duckTypes = map[Type]string{
	TypeText:      "VARCHAR",
	TypeJSON:      "VARCHAR",
	TypeInteger:   "BIGINT",
	TypeFloat:     "DOUBLE",
	TypeBool:      "BOOLEAN",
	TypeTimestamp: "TIMESTAMP WITH TIME ZONE",
	TypeTextList:  "VARCHAR[]",
	TypeDate:      "DATE",
	TypeLocalTime: "TIMESTAMP",
}

// DuckDB returns the name of the type in DuckDB.
func (t Type) DuckDB() string { return duckTypes[t] }

// lakeHead explains the file to those who open it.
const lakeHead = `-- The tables and views of this lake for DuckDB 1.1 or later. convsync writes this file; do not edit it.
-- Its paths are relative to the lake: run ` + "`duckdb -init views.sql`" + ` in this folder, or set file_search_path before.
-- A table without rows has no file yet and is declared empty; read the file again after the next run.
`

// LakeSQL returns the statements of [LakeViews] as a script, with paths relative to the
// lake.
func LakeSQL(present func(table string) bool) string {
	var script strings.Builder
	script.WriteString(lakeHead)
	for _, view := range LakeViews("", present) {
		script.WriteString(view.Statement + ";\n")
	}
	return script.String()
}

// LakeView is a view to create in DuckDB.
type LakeView struct {
	Name      string
	Statement string // creates it
}

// LakeViews returns DuckDB statements that create a view of each table of a lake, and
// the views for analysts. Files is the start of the glob of a table's files: the path of
// the lake with a slash, or "". present reports whether a table has files: DuckDB refuses
// a glob that matches none.
func LakeViews(files string, present func(table string) bool) []LakeView {
	var views []LakeView
	for _, table := range Specs() {
		statement := create(table.Name) + declaredColumns(&table)
		if present(table.Name) {
			statement += "\nUNION ALL BY NAME " + storedRows(files, &table)
		}
		views = append(views, LakeView{Name: table.Name, Statement: statement})
	}
	for _, view := range Views(DuckDB) {
		views = append(views, LakeView{Name: view.Name, Statement: create(view.Name) + view.Select})
	}
	return views
}

func create(view string) string { return `CREATE OR REPLACE VIEW "` + view + "\" AS\n" }

// declaredColumns selects no row, with the columns of a table in their order: files of an
// older version may lack some.
func declaredColumns(table *Spec) string {
	var columns []string
	for _, c := range table.Columns {
		columns = append(columns, fmt.Sprintf(`NULL::%s AS "%s"`, c.Type.DuckDB(), c.Name))
	}
	if table.ByStart {
		columns = append(columns, "NULL::VARCHAR AS started_month")
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE false"
}

// storedRows selects what is in the files of a table. Readers would guess the types of
// project_id and started_month, which are only in the path.
func storedRows(files string, table *Spec) string {
	options := "union_by_name = true, hive_partitioning = false"
	if table.ByStart {
		options = "union_by_name = true, hive_partitioning = true, hive_types = {project_id: VARCHAR, started_month: VARCHAR}"
	}
	return fmt.Sprintf("SELECT * FROM read_parquet(%s, %s)", quoteSQL(files+table.Name+"/**/*.parquet"), options)
}
