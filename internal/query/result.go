package query

import "errors"

// ErrNotBuilt is returned by every function in a build without cgo.
var ErrNotBuilt = errors.New("this build has no embedded SQL: use a build with cgo (make build, or the image that --target sql makes), " +
	"or read the lake's files with an engine of your own (DuckDB, Trino, pyarrow)")

// Result is the answer to a query, held in memory.
type Result struct {
	Columns []string
	// Rows hold nil, bool, Go's numbers, *big.Int, string, []byte, time.Time,
	// and lists and maps of them. Decimals and UUIDs are text.
	Rows [][]any
}
