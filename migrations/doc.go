// Package migrations holds the layouts of the Postgres destination, one goose
// file each, in order.
//
// A file that was released is never changed: what is stored was made by it. A
// new one has a greater number than all others, and the last line of order.txt.
// The files name no schema and ask for no right beyond that of making tables
// in the schema that the connection's search_path names.
package migrations

import "embed"

// Files are the migrations, in the form that goose reads.
//
//go:embed *.sql
var Files embed.FS
