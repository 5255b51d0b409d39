package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// copies has the rows of a loaded database, for two sessions of psql to load.
type copies struct {
	folder  string
	tables  []string // with rows
	scripts [2]string
}

// dump writes the rows of a loaded database into files, half of each table for
// each session.
func dump(tb testing.TB, from *database, folder string) *copies {
	tb.Helper()
	c := &copies{folder: folder}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		tb.Fatal(err)
	}
	conn, err := pgx.Connect(tb.Context(), from.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	rows, err := conn.Query(tb.Context(), `SELECT format('%I.%I', n.nspname, c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'conversation_id'
		WHERE n.nspname = 'polyai' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`)
	if err != nil {
		tb.Fatal(err)
	}
	if c.tables, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		tb.Fatal(err)
	}
	for half := range c.scripts {
		var script strings.Builder
		for i, table := range c.tables {
			file := filepath.Join(folder, fmt.Sprintf("%d-%d.txt", i, half))
			out, err := os.Create(file)
			if err != nil {
				tb.Fatal(err)
			}
			_, err1 := conn.PgConn().CopyTo(tb.Context(), out,
				fmt.Sprintf("COPY (SELECT * FROM %s WHERE hashtext(conversation_id) & 1 = %d) TO STDOUT", table, half))
			if err2 := out.Close(); err1 != nil || err2 != nil {
				tb.Fatal(err1, err2)
			}
			fmt.Fprintf(&script, "\\copy %s from '%s'\n", table, file)
		}
		c.scripts[half] = filepath.Join(folder, fmt.Sprintf("%d.sql", half))
		if err := os.WriteFile(c.scripts[half], []byte(script.String()), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

// empty empties the tables, so that they need no disk while something else is
// measured.
func (c *copies) empty(tb testing.TB, into *database) {
	tb.Helper()
	execute(tb, into.url, "TRUNCATE "+strings.Join(c.tables, ", "), "CHECKPOINT")
}

// load loads the empty tables with two sessions of psql.
func (c *copies) load(tb testing.TB, into *database) (s sample) {
	tb.Helper()
	execute(tb, into.url, "CHECKPOINT")
	wal, cpu := into.counters(tb)
	started := time.Now()
	var sessions []*exec.Cmd
	for _, script := range c.scripts {
		cmd := exec.CommandContext(tb.Context(), "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, into.url)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			tb.Fatalf("the comparison with \\copy needs psql: %v", err)
		}
		sessions = append(sessions, cmd)
	}
	for _, cmd := range sessions {
		if err := cmd.Wait(); err != nil {
			tb.Fatal(err)
		}
		s.usage(cmd.ProcessState)
	}
	s.Wall = time.Since(started).Seconds()
	walAfter, cpuAfter := into.counters(tb)
	s.WAL, s.ServerCPU = walAfter-wal, cpuAfter-cpu
	return s
}
