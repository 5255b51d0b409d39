//go:build unix

package postgres

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// BenchmarkClient measures what Stage costs the client for 5,120 conversations of
// 15 turns in batches of 256: a first load, the same again unchanged, and again
// with every hundredth changed. It reports CPU time for 1,000 conversations, round
// trips of a batch and bytes of WAL.
func BenchmarkClient(b *testing.B) {
	const batches, size = 20, 256
	first := func(round int) [][]*warehouse.Rows { return manyConversations(round, batches, size, "") }
	for what, batch := range map[string]func(round int) [][]*warehouse.Rows{
		"first":     first,
		"unchanged": func(int) [][]*warehouse.Rows { return first(0) },
		"one percent": func(round int) [][]*warehouse.Rows {
			rows, changed := first(0), manyConversations(0, batches, size, strconv.Itoa(round))
			for i := 0; i < batches*size; i += 100 {
				rows[i/size][i%size] = changed[i/size][i%size]
			}
			return rows
		},
	} {
		b.Run(what, func(b *testing.B) {
			d, _ := prepared(b)
			trips := countTrips(b, d)
			w, err := d.Begin(b.Context(), load.Owner{RunID: "run-1"})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			stageAll(b, w, first(0))
			b.ReportAllocs()
			var all usage
			for round := 1; b.Loop(); round++ {
				b.StopTimer()
				rows, before := batch(round), usageOf(b, d, trips)
				b.StartTimer()
				stageAll(b, w, rows)
				b.StopTimer()
				all.add(usageOf(b, d, trips), before)
				b.StartTimer()
			}
			n := float64(b.N)
			b.ReportMetric(float64(all.cpu.Microseconds())/(n*batches*size), "client-ms/1000")
			b.ReportMetric(float64(all.trips)/(n*batches), "trips/batch")
			b.ReportMetric(float64(all.wal)/n, "WAL-B/op")
		})
	}
}

// usage holds counters at a moment, or their increase.
type usage struct {
	cpu        time.Duration // of this process
	trips, wal int64
}

func (u *usage) add(after, before usage) {
	u.cpu, u.trips, u.wal = u.cpu+after.cpu-before.cpu, u.trips+after.trips-before.trips, u.wal+after.wal-before.wal
}

func usageOf(b *testing.B, d *Database, trips *atomic.Int64) (u usage) {
	b.Helper()
	if err := d.pool.QueryRow(b.Context(), "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").Scan(&u.wal); err != nil {
		b.Fatal(err)
	}
	var of syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &of); err != nil {
		b.Fatal(err)
	}
	u.cpu, u.trips = time.Duration(of.Utime.Nano()+of.Stime.Nano()), trips.Load()
	return u
}

// countTrips counts how often a connection of the pool waits for the server after
// it has sent something.
func countTrips(b *testing.B, d *Database) *atomic.Int64 {
	b.Helper()
	var trips atomic.Int64
	config := d.pool.Config()
	before := config.BeforeConnect
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		err := before(ctx, c)
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return &countedConn{Conn: conn, trips: &trips}, err
		}
		return err
	}
	d.pool.Close()
	var err error
	if d.pool, err = pgxpool.NewWithConfig(b.Context(), config); err != nil {
		b.Fatal(err)
	}
	return &trips
}

type countedConn struct {
	net.Conn
	trips *atomic.Int64
	sent  atomic.Bool
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.sent.Store(true)
	return c.Conn.Write(p)
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.sent.Swap(false) {
		c.trips.Add(1)
	}
	return n, err
}
