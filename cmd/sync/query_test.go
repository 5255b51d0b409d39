//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"convsync/internal/load/pgtest"
	"convsync/internal/query"
	"convsync/internal/simulate"
)

// queried are a lake and a database with the same conversations.
func queried(t *testing.T) (configs map[string]string, lake string) {
	t.Helper()
	_, server := past(t, 150, 3, simulate.Deviations{})
	lake = inFolder(t, "lake")
	configs = map[string]string{"Lake": configure(t, server.URL, into(lake)), "Postgres": configure(t, server.URL, intoPostgres(newDatabase(t)))}
	for _, config := range configs {
		run(t, config, exitOK)
	}
	return configs, lake
}

func TestQuery(t *testing.T) {
	t.Parallel()
	configs, lake := queried(t)
	// The same statement has the same output.
	for _, format := range queryFormats {
		var want string
		for name, config := range configs {
			r := convsync(t, nil, "query", "--config", config, "--output", format, `SELECT conversation_id, started_at, handoff, poly_score, tags,
				latency_avg_seconds, num_turns, note FROM conversations ORDER BY started_at`)
			r.want(t, exitOK)
			if want == "" {
				want = r.stdout
			}
			if r.stdout != want || strings.Count(want, "\n") < 100 && format != "parquet" {
				t.Errorf("%s: %s: got\n%.600s\nwant\n%.600s", format, name, r.stdout, want)
			}
		}
	}
	// A file or a pipe gets characters as they are, and JSON numbers exactly.
	for name, config := range configs {
		r := convsync(t, nil, "query", "--config", config, "--output", "jsonl",
			"SELECT chr(27) || '[31m' AS a, 9007199254740993 AS b, CAST('12345678901234567890.5' AS numeric(30, 2)) AS c")
		if want := `{"a":"\u001b[31m","b":9007199254740993,"c":12345678901234567890.5}` + "\n"; r.stdout != want || r.code != exitOK {
			t.Errorf("%s: %s", name, r.stdout)
		}
	}
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			query := func(args ...string) result {
				return convsync(t, nil, append([]string{"query", "--config", config}, args...)...)
			}
			query("SELECT conversaton_id FROM turns").want(t, exitFailed, "LINE 1: SELECT conversaton_id FROM turns\n               ^", "did you mean conversation_id?")
			for _, sql := range []string{"DELETE FROM turns", "SELECT 1; SELECT 2", "COPY turns TO '/tmp/x'", "", "SELECT $a"} {
				query(sql).want(t, exitUsage)
			}
			query("SELECT 1", "--set", "a").want(t, exitUsage, "expected name=value")
			query("SELECT 1", "--output", "xml").want(t, exitUsage, "--output")
			query("SELECT 1", "--records", "--output", "csv").want(t, exitUsage, "--records is a form of --output table")
			query("SELECT 1", "--limit", "-1").want(t, exitUsage, "--limit must be 0 or more")
			query("SELECT 1", "SELECT 2").want(t, exitUsage, "put it in quotes")
			query("SELECT 1", "--file", "x").want(t, exitUsage, "not both")
			query("--file", "missing.sql").want(t, exitUsage, "missing.sql")
			query().want(t, exitUsage, "the statement is empty") // of standard input
			query("SELECT * FROM freshness").want(t, exitOK, "acme-team-4")
			query("SELECT * FROM turns", "--limit", "2", "--output", "csv").want(t, exitOK, "showing the first 2 rows: --limit 0 shows all")
			query("SELECT * FROM turns WHERE started_at >= CAST($from AS timestamptz) AND started_at < CAST($to AS timestamptz)", "--set", "from=2001-01-01", "--set", "to=2001-01-03").
				want(t, exitOK, "no row", "acme-team-4 (live) is covered from", "2 days of the period from 2001-01-01T00:00:00Z")
			file := filepath.Join(t.TempDir(), "q.sql")
			writeFile(t, file, "-- a question\nSELECT $a AS a;\n")
			query("--file", file, "--set", "a=it's").want(t, exitOK, "it's")
			query("--file", file, "--set", "a=\xff").want(t, exitUsage, "the value of $a is not valid UTF-8")
			query("--name", "drop-off", "--set", "project=a\x00").want(t, exitUsage, "the value of $project has a NUL character")
			query("SELECT 'f\xfcr'").want(t, exitUsage, "the statement is not valid UTF-8", "\n                 ^")
			writeFile(t, file, "\ufeffSELECT $a AS a, 'ü' AS b")
			query("--file", file, "--set", "a=1", "--output", "csv").want(t, exitOK, "a,b\n1,ü\n")
			out := filepath.Join(t.TempDir(), "out.jsonl")
			query("SELECT 1 AS a, NULL AS b", "-o", out).want(t, exitOK, "wrote 1 row to")
			if text, err := os.ReadFile(out); err != nil || string(text) != "{\"a\":1,\"b\":null}\n" {
				t.Errorf("%s, %v", text, err)
			}
			file = filepath.Join(t.TempDir(), "out.parquet")
			query("SELECT started_at, CAST(started_at AS date) AS day, CAST(1.5 AS decimal(9, 3)) AS d, metrics, tags FROM conversations LIMIT 3", "-o", file).want(t, exitOK, "wrote 3 rows to")
			readsParquet(t, file, "started_at TIMESTAMP WITH TIME ZONE", "day DATE", "d DECIMAL(38,1)", "metrics VARCHAR", "tags VARCHAR")
			query("SELECT 1", "-o", "out.xlsx").want(t, exitUsage, "no format has the ending .xlsx")
			query("SELECT x", "-o", out).want(t, exitFailed)
			if text, err := os.ReadFile(out); err != nil || string(text) != "{\"a\":1,\"b\":null}\n" {
				t.Errorf("after a failure: %s, %v", text, err)
			}
		})
	}
	t.Run("Snapshots", func(t *testing.T) {
		if found, _ := filepath.Glob(filepath.Join(lake, "_sync", "query-*")); len(found) > 0 {
			t.Errorf("left behind: %q", found)
		}
	})
}

func TestQuery_NothingLoaded(t *testing.T) {
	t.Parallel()
	_, server := past(t, 10, 3, simulate.Deviations{})
	config := configure(t, server.URL, into(filepath.Join(t.TempDir(), "lake")))
	convsync(t, nil, "query", "--config", config, "SELECT 1").want(t, exitFailed, "there is no lake")
	database := pgtest.URL(t)
	config = configure(t, server.URL, intoPostgres(database))
	convsync(t, nil, "query", "--config", config, "SELECT * FROM turns").want(t, exitFailed, "relation \"turns\" does not exist")
	convsync(t, nil, "migrate", "--config", config).want(t, exitOK)
	convsync(t, nil, "query", "--config", config, "SELECT * FROM turns").want(t, exitOK, "nothing is loaded yet")
}

func TestQuery_ReadURL(t *testing.T) {
	t.Parallel()
	_, server := past(t, 10, 3, simulate.Deviations{})
	database := pgtest.URL(t)
	config := configure(t, server.URL, intoPostgres(database))
	convsync(t, nil, "migrate", "--config", config).want(t, exitOK)
	withRole, role := pgtest.Role(t, database)
	pgtest.Exec(t, database, "GRANT USAGE ON SCHEMA polyai TO "+role, "GRANT SELECT ON polyai.projects TO "+role)
	config = configure(t, server.URL, strings.Replace(intoPostgres(database), "url:", "read_url: \""+withRole+"\", url:", 1))
	convsync(t, nil, "query", "--config", config, "SELECT current_user AS who", "--output", "csv").want(t, exitOK, "who\n"+role+"\n")
	convsync(t, nil, "query", "--config", config, "SELECT * FROM projects").want(t, exitOK, "no row\n")
	convsync(t, nil, "query", "--config", config, "SELECT * FROM turns").want(t, exitFailed, "permission denied", "GRANT SELECT")
	convsync(t, nil, "status", "--config", config).want(t, exitOK)
}

func TestPrompt_Complete(t *testing.T) {
	t.Parallel()
	p := &prompt{objects: query.Objects()}
	for line, want := range map[string]string{
		"SELECT * FROM conversation_m":        "conversation_metrics",
		"SELECT turn_i":                       "turn_id turn_index",
		"SELECT * FROM turns WHERE latency_p": "latency_percentile_1d",
		"SELECT t.turn_in":                    "turn_index",
		"sel":                                 "SELECT",
		`\d`:                                  `\d \dt \dv`,
		`\d fresh`:                            "freshness",
		`\l slowest-h`:                        "slowest-hours",
		"SELECT ":                             "",
		"SELECT é":                            "",
		"SELECT * FROM freshness WHERE covered_until": "covered_until",
	} {
		_, got, _ := p.complete(line, len([]rune(line)))
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%q: got %q, want %q", line, got, wanted)
		}
	}
}

func TestFlatten(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"SELECT 1\n-- one\nFROM  x;": "SELECT 1   FROM x;", "SELECT 'a  b';": "SELECT 'a  b';", "SELECT 'a\nb';": "",
	} {
		if got := flatten(statement); got != want {
			t.Errorf("%q: got %q", statement, got)
		}
	}
}

func TestQueryMemory(t *testing.T) {
	t.Parallel()
	for kilobytes, want := range map[string]int64{"1048576": 512 << 20, "16777216": 2 << 30} {
		root := os.DirFS(meminfo(t, kilobytes))
		if got := queryMemory(root); got != want {
			t.Errorf("%s kB: %d", kilobytes, got)
		}
	}
	if got := queryMemory(os.DirFS(t.TempDir())); got != 1<<30 {
		t.Errorf("unknown: %d", got)
	}
}

func meminfo(t *testing.T, kilobytes string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(root, "proc", "meminfo"), "MemTotal:       "+kilobytes+" kB\n")
	return root
}
