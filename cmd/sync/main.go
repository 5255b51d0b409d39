package main

import (
	"context"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // zones also where the machine has none
)

// memoryLimit is a soft one: well below it the collector takes its time, near
// it the process stays small for a little of its speed. $GOMEMLIMIT replaces it.
const memoryLimit = 160 << 20

func main() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // none is set
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx := interruptible(context.Background())
	os.Exit(Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv))
}

// interruptible is a context that ends at the first Ctrl-C or SIGTERM, so that
// the run stops at its next commit. The second one ends the process at once.
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
