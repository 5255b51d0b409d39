// Package pipeline is one run: it plans each feed, reads it in stretches, and
// takes what is read through the transform into the destination.
//
// Extract, transform and load run at once, joined by bounded queues: what is
// in flight is bounded in bytes, so that a slow destination slows the reading
// and memory stays flat however long the history. A stretch is published when
// all of it was read and staged, and only then is it covered; one that fails
// is left for the next run, and the others go on.
//
// It knows only interfaces: no concrete destination, no configuration, no
// files.
package pipeline
