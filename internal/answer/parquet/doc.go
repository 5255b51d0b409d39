// Package parquet writes answers as Parquet files, with the exact types of their
// columns. It does not know where files are, nor where answers come from.
package parquet
