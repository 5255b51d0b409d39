package main

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
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
