package main

import (
	"context"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // time zones for machines without a database of them
)

// memoryLimit is a soft limit for the garbage collector: near it, the process
// trades a little speed for a small heap. $GOMEMLIMIT replaces it.
const memoryLimit = 160 << 20

func main() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // none is set
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx := interruptible(context.Background())
	os.Exit(Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}

// interruptible returns a context that ends at the first Ctrl-C or SIGTERM, so
// that the run stops at its next commit. The second one ends the process
// immediately.
func interruptible(parent context.Context) context.Context {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx
}
