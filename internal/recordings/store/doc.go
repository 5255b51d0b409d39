// Package store keeps recordings as files in a folder:
// {project}/{YYYY}/{MM}/{DD}/{conversation}.{direction}.{redacted|raw}.wav, by the
// UTC day of the start, with names that are safe for any id on any file system.
//
// A file under such a name is complete: it is written under a temporary name,
// hashed while it is written, synced, and then renamed. A process that is killed
// leaves only a temporary file, which the next [Store.Claim] removes, or a complete
// file, which [Folder.Adopt] finds.
//
// One process at a time writes the recordings of a project ([Store.Claim]).
//
// It must not know the API, destinations, or the policy of what is stored.
package store
