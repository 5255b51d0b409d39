// Package query answers SQL over a Parquet lake with an embedded DuckDB, for
// people and their trials.
//
// There is a view for each table of the warehouse, with its declared columns
// and those of the path, and each view for analysts; a table without files is an
// empty view. Nothing is written to the lake, nothing is downloaded, and times
// are shown in UTC.
//
// DuckDB needs cgo. A build without it has the same functions, which say so.
package query
