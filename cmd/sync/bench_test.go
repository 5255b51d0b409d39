package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
)

// asConvsync makes the test binary act as convsync itself, so that benchmarks
// and kill tests have a process of their own.
const asConvsync = "CONVSYNC_TEST_AS_CONVSYNC"

func TestMain(m *testing.M) {
	if _, yes := os.LookupEnv(asConvsync); yes {
		if file, yes := os.LookupEnv(collecting); yes {
			go collectGarbage(file)
		}
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

// collecting lets the process collect its garbage all the time, so that its
// metrics tell what it holds, and write into the file of that name how many
// goroutines it has: a scrape starts some of its own.
const collecting = "CONVSYNC_TEST_COLLECTING"

func collectGarbage(file string) {
	for range time.Tick(100 * time.Millisecond) {
		runtime.GC()
		err := os.WriteFile(file+".new", []byte(strconv.Itoa(runtime.NumGoroutine())), 0o600)
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		if err != nil {
			panic(err)
		}
	}
}

// command is convsync as a process of its own.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asConvsync+"=1")
	return cmd
}

// benchTurns is the mean number of turns of the benchmarks' conversations.
const benchTurns = 15

// BenchmarkRead is the base of all comparisons: the pages are read and
// framed, and nothing is made of them.
func BenchmarkRead(b *testing.B) {
	const n = 50_000
	_, server := past(b, n, benchTurns, simulate.Deviations{})
	for b.Loop() {
		started := time.Now()
		read := readPages(b, server)
		b.ReportMetric(float64(read)/time.Since(started).Seconds(), "conversations/s")
	}
}

func readPages(b *testing.B, server *httptest.Server) (read int) {
	b.Helper()
	client, err := polyai.New(polyai.Options{BaseURL: server.URL, Key: func(context.Context, bool) (string, error) { return "made-up", nil }})
	if err != nil {
		b.Fatal(err)
	}
	q := polyai.ListQuery{
		AccountID:      "acme-uk",
		ProjectID:      "acme-team-4",
		Environment:    "live",
		Limit:          500,
		IncludeLatency: true,
		Start:          standing.AddDate(0, 0, -30),
		End:            standing,
	}
	for more := true; more; {
		page, err := client.List(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := page.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			read++
		}
		q.Cursor = page.Cursor()
		more = q.Cursor != ""
		page.Close()
	}
	return read
}

// BenchmarkRun is the whole way, from the simulated API on loopback into a
// destination, with the process's peak memory; then a second run over the
// unchanged source.
func BenchmarkRun(b *testing.B) {
	for _, destination := range []string{"Parquet", "Postgres"} {
		for _, n := range []int{200_000, 400_000} {
			b.Run(fmt.Sprintf("%s/%dk", destination, n/1000), func(b *testing.B) { benchRun(b, destination, n) })
		}
	}
}

func benchRun(b *testing.B, destination string, n int) {
	_, server := past(b, n, benchTurns, simulate.Deviations{})
	for b.Loop() {
		into := into(filepath.Join(b.TempDir(), "lake"))
		if destination == "Postgres" {
			into = intoPostgres(pgtest.URL(b))
		}
		config := configure(b, server.URL, into)
		seconds, peak := timedRun(b, config)
		b.ReportMetric(float64(n)/seconds, "conversations/s")
		b.ReportMetric(peak, "peak-MB")
		seconds, peak = timedRun(b, config)
		b.ReportMetric(seconds, "second-run-s")
		b.ReportMetric(peak, "second-run-peak-MB")
	}
}

// timedRun runs convsync as a process and measures it.
func timedRun(b *testing.B, config string) (seconds, peakMB float64) {
	b.Helper()
	cmd := command(b.Context(), "run", "--config", config, "--log-level", "warn")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	started := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v\n%s", err, out.String())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Since(started).Seconds(), float64(usage.Maxrss) / 1024
}
