// Package postgres loads conversations into a schema of a PostgreSQL database.
//
// It implements the guarantees of a destination of package load. New
// conversations are copied directly into the tables and changed ones are
// updated in place, in one transaction with their keys, the feed of changes and
// the open-conversation queue. Unchanged ones are recognised by their hashes in
// conversation_keys and cost no write. A conversation that the server refuses
// is reported to the caller, and the others of its batch are stored. Session
// advisory locks, on a connection of their own, exclude other writers of the same
// projects. Every commit compares and swaps a counter in sync_locks together with
// the epoch and the run, and checks that the session has the locks: a writer that
// lost them, or a database that lost commits, ends the run. Every connection sets and
// reads back its session parameters, and must be on the server on which the run
// began. Sessions are marked, and the mark is checked: convsync refuses to use
// a pooler with transaction pooling, because neither the lock nor the
// search_path would last.
//
// A long time range is read back in pages. Each page is one snapshot, and no
// transaction is open while the caller processes it.
//
// Results of recordings are recorded next to writers, under a claim of its own for
// each project. Their transactions never wait for a row that a writer has locked.
//
// The URL, which may contain a password, is requested for each connection and
// never appears in an error. The package does not depend on the source or the
// configuration. The layout of the tables is in package migrations.
package postgres
