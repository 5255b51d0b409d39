package main

import (
	"context"
	"errors"
	"os"
	"time"

	"convsync/internal/answer"
	"convsync/internal/config"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
	"convsync/internal/query"
	"convsync/internal/report"
	"convsync/internal/warehouse"
)

// reportTimeout limits each statement of a report, and reading all of them in `serve`.
const reportTimeout = 10 * time.Minute

// openForReport returns a function that opens the configured destination at one commit.
func openForReport(cfg *config.Config) report.Open {
	if lake := cfg.Destination.Parquet; lake != nil {
		return func(ctx context.Context, within warehouse.Range) (answer.Source, error) {
			return openCommit(ctx, lake, within)
		}
	}
	o := readerOptions(cfg.Destination.Postgres)
	o.Timeout, o.OneCommit, o.WorkMemory = reportTimeout, true, "64MB"
	return func(ctx context.Context, _ warehouse.Range) (answer.Source, error) {
		return postgres.OpenReader(ctx, o)
	}
}

// openCommit opens a snapshot of the months of a range; without one, of the sync
// tables only.
func openCommit(ctx context.Context, lake *config.Parquet, within warehouse.Range) (source answer.Source, err error) {
	opened, err := parquet.Open(parquet.Options{Path: lake.Path, Mode: lake.Mode, Group: lake.Group})
	if err != nil {
		return nil, err
	}
	snapshot, err := opened.Snapshot(ctx, parquet.SnapshotOptions{Tables: reportTables(within != warehouse.Range{}), Within: within})
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	o := query.Options{Path: snapshot.Path, Temporary: snapshot.Temporary, MemoryBytes: queryMemory(os.DirFS("/"))}
	if source, err = query.Open(ctx, o); err != nil {
		return nil, errors.Join(err, snapshot.Close(), opened.Close())
	}
	return &commitSource{source, snapshot, opened}, nil
}

// reportTables are the tables that a report reads.
func reportTables(conversations bool) []string {
	tables := []string{"projects", "sync_coverage", "sync_watermarks", "sync_lateness", "open_conversations", "rejects"}
	if conversations {
		tables = append(tables, "conversations", "turns", "conversation_metrics")
	}
	return tables
}

// commitSource answers all statements over one snapshot.
type commitSource struct {
	answer.Source
	snapshot *parquet.Snapshot
	lake     *parquet.Lake
}

// Close implements [answer.Source].
func (s *commitSource) Close() error {
	return errors.Join(s.Source.Close(), s.snapshot.Close(), s.lake.Close())
}
