package parquet

import (
	"runtime/debug"
	"sync/atomic"
)

// stageMemory is the memory for staged conversations. All windows of all writers
// of a lake share it.
type stageMemory struct {
	limit int64 // bytes
	used  atomic.Int64
}

// Limits of staged conversations in memory.
const (
	// mostStaged holds 20,000 usual conversations, most of a window. With more, the heap
	// would be near its limit, and the collector would take more time than the file does.
	mostStaged = 64 << 20
	// stagedShare is the divisor for the share of staged conversations in the
	// memory limit of the process.
	stagedShare = 4
	// largeShare is the divisor for the share of one batch in the limit. A larger one,
	// such as one conversation of many megabytes, goes to the file.
	largeShare = 8
)

// stageLimit returns the limit for a process with a memory limit in bytes.
func stageLimit(memory int64) int64 { return min(mostStaged, memory/stagedShare) }

// processMemory returns the memory limit of the process in bytes.
func processMemory() int64 { return debug.SetMemoryLimit(-1) }

// take reports whether n more bytes may be in memory, and counts them if so.
func (m *stageMemory) take(n int64) bool {
	if n > m.limit/largeShare {
		return false
	}
	if m.used.Add(n) > m.limit {
		m.used.Add(-n)
		return false
	}
	return true
}

func (m *stageMemory) release(n int64) { m.used.Add(-n) }
