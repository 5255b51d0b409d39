// Package postgres loads conversations into a schema of a PostgreSQL database.
//
// It promises what package load asks of a destination. New conversations are
// copied straight into the tables and changed ones are updated in place, in one
// transaction with their keys, the feed of changes and the worklist; unchanged
// ones are recognised by their hashes in conversation_keys and cost no write.
// A conversation that the server refuses is reported to the caller, and the
// others of its batch are stored. A session advisory lock on a connection of its
// own keeps writers apart. Every commit compares and swaps a counter in
// sync_locks together with the epoch and the run, and checks that the lock's
// session has the lock: a writer that lost it, or a database that lost commits,
// ends the run. Every connection sets and reads back its session parameters, and
// is compared with the server that the run began on. Sessions are marked, and
// asked for their mark: a pooler that hands them out by the transaction, on
// which neither the lock nor the search_path would last, is refused.
//
// What is read back of a long stretch comes in pages, each of one moment, and
// no transaction is open while the caller works on one.
//
// The URL, which may hold a password, is asked for anew for each connection
// and never appears in an error. The package knows nothing of the source and
// of the configuration; the layout itself is in migrations.
package postgres
