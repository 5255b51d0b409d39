package query

import (
	"regexp"
	"slices"
	"strings"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// Objects lists the tables and views of a lake.
func Objects() (objects []answer.Object) {
	for _, table := range warehouse.Specs() {
		o := object(&table)
		if table.ByStart {
			o.Columns = append(o.Columns, answer.ObjectColumn{Name: "started_month", Type: "VARCHAR", Doc: "Month of started_at in UTC, such as 2026-11: the folder of the file."})
		}
		objects = append(objects, o)
	}
	for _, view := range warehouse.Views(warehouse.DuckDB) {
		objects = append(objects, object(&view))
	}
	return objects
}

func object(s *warehouse.Spec) answer.Object {
	o := answer.Object{Name: s.Name, View: s.Select != "", Doc: s.Doc}
	for _, c := range s.Columns {
		o.Columns = append(o.Columns, answer.ObjectColumn{Name: c.Name, Type: c.Type.DuckDB(), Doc: c.Doc})
	}
	return o
}

// Tables returns the tables of a lake whose files a statement reads, directly or by
// a view. It may return more, and is never nil.
func Tables(sql string) []string {
	names, tables := named(sql), []string{}
	for _, table := range warehouse.Specs() {
		if names[table.Name] {
			tables = append(tables, table.Name)
		}
	}
	return tables
}

// lists finds statements that can read tables which they do not name.
var lists = regexp.MustCompile(`(?i)\bshow\b|\bpragma|information_schema|duckdb_|pg_|sqlite_|query_table`)

// named returns the tables and views whose names occur in a statement, and those that
// these views read.
func named(sql string) map[string]bool {
	names, all := map[string]bool{}, lists.MatchString(sql)
	texts := []string{strings.ToLower(sql)}
	occurs := func(name string) bool {
		return all || slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, name) })
	}
	for _, view := range slices.Backward(warehouse.Views(warehouse.DuckDB)) { // a view reads only those before it
		if occurs(view.Name) {
			names[view.Name] = true
			texts = append(texts, strings.ToLower(view.Select))
		}
	}
	for _, table := range warehouse.Specs() {
		if occurs(table.Name) {
			names[table.Name] = true
		}
	}
	return names
}
