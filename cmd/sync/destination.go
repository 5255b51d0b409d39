package main

import (
	"context"
	"os"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
)

// openDestination opens the configured destination. lockWait is the time to
// wait for another writer.
func openDestination(ctx context.Context, cfg *config.Config, lockWait time.Duration) (load.Destination, error) {
	if lake := cfg.Destination.Parquet; lake != nil {
		return parquet.Open(parquet.Options{Path: lake.Path, Mode: lake.Mode, Group: lake.Group, LockWait: lockWait})
	}
	tuneMemoryForPostgres(os.LookupEnv)
	return postgres.Open(ctx, postgres.Options{
		URL: cfg.Destination.Postgres.URL.Resolve, Schema: cfg.Destination.Postgres.Schema, LockWait: lockWait,
	})
}
