// Package parquet loads conversations into a lake: a folder of Parquet files
// that any engine can read, with one file per table, project and partition: a
// range of UTC days of a month.
//
// In addition to the contract of package load it guarantees that readers can
// glob the files of a table at any moment and find only complete files. New
// files are written and synced under _sync/tmp, listed in a journal, and
// renamed into place. The next commit finishes a journal that it finds, and the
// next writer of a project removes its temporary files. If names disappear, because
// partitions are divided or merged, the folder of their month is exchanged as a
// whole. A partition in which nothing changed is not written again. Memory is bounded
// by a row group, by a share for staged rows and by their index, not by a day.
//
// The folder _sync is the source of truth for coverage, open conversations,
// rejects and runs. The Parquet files of the sync's own tables are copies, made
// at the end of a run.
//
// There is one writer of each project at a time. Writers of different projects
// work at the same time, in one process or in several. What they share is changed
// by [writer.commit] only, under the lock of commits, from the state of the last
// commit. What belongs to a project (its partitions, manifests, contents, digests and
// log of ids)
// is changed by its writer only, which may therefore cache it.
//
// Results of recordings are the exception: they are stored next to the writer,
// each batch in a file of its own, which the writer merges when it finishes.
//
// Before a run plans, the files of its projects are compared with the manifests
// by name and size. Data that is missing or of another commit no longer counts
// as read.
//
// The package is the lake: layout, journal, manifests, lock and state. Package
// rowfile, below it, encodes the files and knows nothing of this.
//
// It needs a file system with rename and flock. It does not depend on the
// meaning of rows: package warehouse declares the columns, and package load
// decides which version of a conversation is kept.
package parquet
