package pipeline

import "convsync/internal/load"

// Destination is the part of a [load.Destination] that a run uses.
type Destination interface {
	load.Writable
	load.ProjectReader
	load.StateReader
	load.KeyReader
	load.DigestReader
	load.HiddenReader
	load.RejectReader
	load.RejectKeyReader
}
