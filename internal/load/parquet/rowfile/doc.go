// Package rowfile writes and reads Parquet files whose columns are declared in
// package warehouse.
//
// A [Format] maps a table to a Parquet schema, with dictionaries and statistics
// as declared with its columns. A [Writer] encodes rows with bounded memory, and
// a [Reader] returns them in order. The package does not know where files are,
// how they are committed, or what the rows mean.
package rowfile
