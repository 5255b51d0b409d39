// Package bench measures the program side by side with what else could do the
// work: `make bench`. It has only tests.
//
// Guarantees: the source is a separate process that sends prepared bytes, so
// that its CPU time is not counted and it is never the bottleneck by much. The
// program runs as it is released, as a process of its own, and is measured by
// the kernel (wait4). What is compared runs in the same run, alternating, on
// the same machine, so that ratios hold where absolute figures vary. Every
// figure is kept per repetition.
//
// It must not depend on the inner packages of the program, except for the
// simulator that makes the data, and pgtest.
package bench
