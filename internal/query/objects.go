package query

import (
	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// duckTypes are the names of the types of columns in DuckDB.
var duckTypes = map[warehouse.Type]string{
	warehouse.TypeText: "VARCHAR", warehouse.TypeJSON: "VARCHAR", warehouse.TypeInteger: "BIGINT",
	warehouse.TypeFloat: "DOUBLE", warehouse.TypeBool: "BOOLEAN",
	warehouse.TypeTimestamp: "TIMESTAMP WITH TIME ZONE", warehouse.TypeTextList: "VARCHAR[]",
}

// Objects lists the tables and views of a lake.
func Objects() (objects []answer.Object) {
	for _, table := range warehouse.Specs() {
		o := object(&table)
		if table.ByStart {
			o.Columns = append(o.Columns, answer.ObjectColumn{Name: "started_month", Type: "VARCHAR", Doc: "Month of started_at in UTC, such as 2026-11: the folder of the file."})
		}
		objects = append(objects, o)
	}
	for _, view := range warehouse.Views() {
		objects = append(objects, object(&view))
	}
	return objects
}

func object(s *warehouse.Spec) answer.Object {
	o := answer.Object{Name: s.Name, View: s.Select != "", Doc: s.Doc}
	for _, c := range s.Columns {
		o.Columns = append(o.Columns, answer.ObjectColumn{Name: c.Name, Type: duckTypes[c.Type], Doc: c.Doc})
	}
	return o
}
