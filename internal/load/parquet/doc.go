// Package parquet loads conversations into a lake: a folder of Parquet files
// that any engine reads, one file a table, project and UTC day.
//
// What it promises beside the contract of package load: readers may glob the
// files of a table at any moment and find whole files only. New files are
// written and synced under _sync/tmp, listed in a journal, and renamed into
// place; the next writer finishes a journal that it finds, and clears away what
// has none. A day in which nothing changed is not written again. Memory is
// bounded by a row group and by the index of what is staged, not by a day.
//
// The folder _sync holds the truth about coverage, worklist, rejects and runs.
// The Parquet files of the sync's own tables are copies of it, made at the end
// of a run.
//
// Before a run plans, the files of its projects are compared with the manifests
// by name and size. What is missing or of another commit no longer counts as read.
//
// It works on folders of a file system with rename and flock, and must not
// know what the rows mean: columns come from package warehouse, and what is
// replaced or kept is decided by package load.
package parquet
