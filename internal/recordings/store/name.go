package store

import "time"

// Name identifies a recording within a project.
type Name struct {
	ConversationID string    // any text
	Direction      string    // combined, user or agent
	Redacted       bool      // as requested
	StartedAt      time.Time // its UTC day is part of the path
}

// URI returns where the recording of a project is stored: a path relative to the
// store, with slashes. It has only letters, digits and -_.=~/ so it is the same text
// as a path and as a URI. Names of different recordings differ on any file system.
func URI(project string, name Name) string { return "" }
