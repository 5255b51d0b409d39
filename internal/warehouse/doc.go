// Package warehouse declares the tables of a destination: each table and column
// once, with type, unit, meaning and source, and the Go types of the rows.
//
// Everything else that must agree with the tables is derived from these
// declarations or tested against them: the binary staging codec and the content
// hash (this package), the Arrow schemas (load/parquet), the COPY lists and the
// check of the migrations (load/postgres), `convsync schema` and the data
// dictionary docs/tables.md.
//
// Nullability follows from the Go type of a field: string, int64, bool and
// Timestamp are NOT NULL; Text, JSON, List and Null[T] are nullable.
//
// The package imports no other package of convsync and is independent of the
// destinations.
package warehouse
