// Package atomicfile replaces small files, such as the state of the scheduler: after
// a crash, a file has either its old or its new content.
//
// The files of a lake are not written here: internal/load/parquet replaces many of
// them in one commit.
package atomicfile
