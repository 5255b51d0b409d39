// Package query answers SQL over a Parquet lake with an embedded DuckDB.
//
// There is a view for each table of the warehouse, with its declared columns
// and those of the path, and each view for analysts; a table without files is an
// empty view. Nothing is downloaded, and times are in UTC.
//
// [Open] is for the statements of users. It executes only one statement that
// reads, and DuckDB has access to the files of the tables and to a temporary
// folder only. [OpenLake] is for statements of this program; it has no such limits.
//
// DuckDB needs cgo. A build without it has the same functions, which return
// [ErrNotBuilt].
package query
