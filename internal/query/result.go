package query

// Result is the answer to a query, held in memory.
type Result struct {
	Columns []string
	// Rows hold nil, bool, Go's numbers, *big.Int, string, []byte, time.Time,
	// and lists and maps of them. Decimals and UUIDs are text.
	Rows [][]any
}
