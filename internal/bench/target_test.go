package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// target is a fresh destination of one program, with its configuration.
type target struct {
	config string
	lake   string // or
	schema *database
	folder string
}

// plan says what a configuration reads.
type plan struct {
	source   *service
	projects []projectMeta
	start    time.Time
	lookback time.Duration // the same for all tiers; 0: the defaults
}

// newLake returns an empty lake, which the caller removes as soon as it is
// measured.
func newLake(tb testing.TB, p plan) *target {
	tb.Helper()
	folder := tb.TempDir()
	t := &target{folder: folder, lake: filepath.Join(folder, "lake")}
	t.configure(tb, p, fmt.Sprintf("parquet: { path: %q }", t.lake))
	return t
}

// newSchema returns an empty database, which the caller removes.
func newSchema(tb testing.TB, db *database, p plan) *target {
	tb.Helper()
	folder := tb.TempDir()
	t := &target{folder: folder, schema: db}
	t.configure(tb, p, fmt.Sprintf("postgres: { url: %q }", db.url))
	return t
}

func (t *target) configure(tb testing.TB, p plan, destination string) {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "source:\n  base_url: %q\n  account_id: %s\n  api_key: made-up-key\n  projects:\n", p.source.url, account)
	for _, project := range p.projects {
		fmt.Fprintf(&b, "    - { id: %s }\n", project.ID)
	}
	fmt.Fprintf(&b, "destination: { %s }\nsync:\n  start: %s\n", destination, p.start.Format(time.DateOnly))
	if h := int(p.lookback.Hours()); h > 0 {
		fmt.Fprintf(&b, "  lookback: { each_run: %dh, hourly: %[1]dh, daily: %[1]dh }\n", h)
	}
	t.config = filepath.Join(t.folder, "convsync.yaml")
	if err := os.WriteFile(t.config, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// remove removes the destination.
func (t *target) remove(tb testing.TB) {
	tb.Helper()
	if t.schema != nil {
		t.schema.drop(tb)
	}
	if err := os.RemoveAll(t.folder); err != nil {
		tb.Fatal(err)
	}
}

// read has the counts that a run must report. A conversation at the end of a slice
// is read twice, so that more may be unchanged.
type read struct{ inserted, updated, unchanged int }

// run runs a program once into the destination and measures it.
func (t *target) run(tb testing.TB, p program, s *service, want read) sample {
	tb.Helper()
	before := s.requests(tb)
	var wal, cpu float64
	if t.schema != nil {
		wal, cpu = t.schema.counters(tb)
	}
	result, out, err := measure(tb.Context(), p.env, p.path, "run", "--config", t.config, "--output", "json", "--log-level", "error")
	if err != nil {
		tb.Fatal(err)
	}
	result.Requests = s.requests(tb) - before
	var summary struct {
		Conversations struct{ Inserted, Updated, Unchanged int }
	}
	err = json.Unmarshal([]byte(out), &summary)
	if c := summary.Conversations; err != nil || c.Inserted != want.inserted || c.Updated != want.updated || c.Unchanged < want.unchanged {
		tb.Fatalf("%s did other work: %+v, want %+v; %v", p.name, c, want, err)
	}
	if t.schema != nil {
		walAfter, cpuAfter := t.schema.counters(tb)
		result.WAL, result.ServerCPU = walAfter-wal, cpuAfter-cpu
	} else {
		result.Files, result.Disk = contents(tb, t.lake)
	}
	return result
}

// contents counts the files in a folder and their MB. Files may disappear
// meanwhile.
func contents(tb testing.TB, folder string) (files, mb float64) {
	tb.Helper()
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return nil
		}
		var info fs.FileInfo
		if err == nil {
			info, err = entry.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		mb += float64(info.Size()) / 1e6
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files, mb
}

// database is one on a server that waits for the disk at each commit.
type database struct{ server, name, url string }

func (d *database) drop(tb testing.TB) {
	tb.Helper()
	execute(tb, d.server, "DROP DATABASE "+d.name+" WITH (FORCE)")
}

func execute(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	ctx := tb.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

// counters returns the WAL of the server in MB, and the CPU seconds of its
// sessions that have ended.
func (d *database) counters(tb testing.TB) (wal, cpu float64) {
	tb.Helper()
	ctx := tb.Context()
	conn, err := pgx.Connect(ctx, d.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	var pid int
	if err := conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') / 1e6, pg_backend_pid()").Scan(&wal, &pid); err != nil {
		tb.Fatal(err)
	}
	return wal, endedChildren(parent(pid))
}
