// Package warehouse declares what lands: every table and column once, with its
// type, unit, meaning and source, and the Go row types behind them.
//
// Everything else that must agree with the tables follows from these
// declarations or is tested against them: the binary staging codec and the
// content hash (here), the Arrow schemas (load/parquet), the COPY lists and
// the check of the migrations (load/postgres), `convsync schema` and the data
// dictionary in docs/.
//
// Nullability follows from the Go type of a field: string, int64, bool and
// Timestamp are NOT NULL; Text, JSON, List and Null[T] may be NULL.
//
// The package imports nothing of ours and knows no destination.
package warehouse
