package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"convsync/internal/answer"
	"convsync/internal/config"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
	"convsync/internal/query"
)

// openSource opens the configured destination for statements of users.
func openSource(ctx context.Context, app *app, timeout time.Duration) (answer.Source, error) {
	cfg, err := app.loadConfigWithoutKeys()
	if err != nil {
		return nil, err
	}
	return openSourceOf(ctx, app, cfg, timeout)
}

// openSourceOf is openSource for a configuration that was read before.
func openSourceOf(ctx context.Context, app *app, cfg *config.Config, timeout time.Duration) (answer.Source, error) {
	if lake := cfg.Destination.Parquet; lake != nil {
		return newLakeSource(app, lake, timeout)
	}
	o := readerOptions(cfg.Destination.Postgres)
	o.Timeout = timeout
	return postgres.OpenReader(ctx, o)
}

func readerOptions(database *config.Postgres) postgres.ReaderOptions {
	o := postgres.ReaderOptions{URL: database.URL.Resolve, Key: "destination.postgres.url", Schema: database.Schema}
	if !database.ReadURL.IsZero() {
		o.URL, o.Key = database.ReadURL.Resolve, "destination.postgres.read_url"
	}
	return o
}

var errQueryTimeout = errors.New("the statement took too long: use a longer --timeout, or a filter on started_at")

// lakeSource answers each statement over a snapshot of its own, so that a prompt
// that stays open sees later commits.
type lakeSource struct {
	app    *app
	lake   *parquet.Lake
	memory int64
	noted  bool // that the lake is read in place

	timeout time.Duration // of a statement
}

func newLakeSource(app *app, lake *config.Parquet, timeout time.Duration) (*lakeSource, error) {
	opened, err := parquet.Open(parquet.Options{Path: lake.Path, Mode: lake.Mode, Group: lake.Group})
	return &lakeSource{app: app, lake: opened, memory: queryMemory(os.DirFS("/")), timeout: timeout}, err
}

// Ask implements [answer.Source].
func (s *lakeSource) Ask(ctx context.Context, statement answer.Statement) (answer.Rows, error) {
	ctx, stop := context.WithTimeoutCause(ctx, s.timeout, errQueryTimeout)
	defer stop()
	snapshot, err := s.lake.Snapshot(ctx, parquet.SnapshotOptions{Tables: query.Tables(statement.SQL), Conversation: statement.Conversation})
	if err != nil {
		return nil, err
	}
	if snapshot.InPlace != nil && !s.noted {
		s.noted = true
		fmt.Fprintf(s.app.stderr, "reading the lake in place, where a run can replace files meanwhile: no snapshot can be taken: %v\n", snapshot.InPlace)
	}
	source, err := query.Open(ctx, query.Options{Path: snapshot.Path, Temporary: snapshot.Temporary, MemoryBytes: s.memory})
	if err != nil {
		return nil, errors.Join(err, snapshot.Close())
	}
	rows, err := source.Ask(ctx, statement) // it computes all rows
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = context.Cause(ctx)
		}
		_, _ = source.Close(), snapshot.Close() // nothing was written
		return nil, err
	}
	return &snapshotRows{rows, source, snapshot}, nil
}

// Objects implements [answer.Source].
func (*lakeSource) Objects(context.Context) ([]answer.Object, error) { return query.Objects(), nil }

// Dialect implements [answer.Source].
func (*lakeSource) Dialect() string { return "duckdb" }

// Close implements [answer.Source].
func (s *lakeSource) Close() error { return s.lake.Close() }

// snapshotRows are rows of a snapshot, which is removed with them.
type snapshotRows struct {
	answer.Rows
	source   answer.Source
	snapshot *parquet.Snapshot
}

func (r *snapshotRows) Close() error {
	return errors.Join(r.Rows.Close(), r.source.Close(), r.snapshot.Close())
}

// queryMemory returns the memory for DuckDB: half of the machine's or the
// container's, at most 2 GB.
func queryMemory(root fs.FS) int64 {
	memory := containerLimit(root)
	if text, err := fs.ReadFile(root, "proc/meminfo"); err == nil {
		var kilobytes int64
		if _, err := fmt.Fscanf(bytes.NewReader(text), "MemTotal: %d kB", &kilobytes); err == nil {
			memory = min(memory, kilobytes<<10)
		}
	}
	if memory == math.MaxInt64 {
		return 1 << 30
	}
	return min(memory/2, 2<<30)
}
