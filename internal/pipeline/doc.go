// Package pipeline executes a run: it plans each feed, reads it window by window,
// transforms the conversations and loads them into the destination.
//
// Extract, transform and load work concurrently, connected by bounded queues. The
// bytes in flight are limited, so a slow destination slows down the reading, and
// memory does not grow with the length of the history. A window is published, and
// thereby covered, when all of it was read and staged. A window that fails is
// left to the next run, and does not affect the others.
//
// The package depends on interfaces only, and not on a destination, the
// configuration or files.
package pipeline
