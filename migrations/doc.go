// Package migrations contains the migrations of the Postgres destination, as goose
// files.
//
// A released file is never changed, because existing databases were created with it.
// A new file has the highest number, and is the last line of order.txt. The files do
// not name a schema: they create tables in the schema of the connection's
// search_path, and require no other right.
package migrations

import "embed"

// Files contains the migrations in the form that goose reads.
//
//go:embed *.sql
var Files embed.FS
