package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones for machines without a database of them
)

func main() {
	tuneMemory(os.LookupEnv, os.DirFS("/"))
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
