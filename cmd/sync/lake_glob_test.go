//go:build cgo

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/query"
	"convsync/internal/simulate"
)

// TestLake_Glob reads the files of a lake as a user does who knows only their names.
// `make readers` does the same with other engines.
func TestLake_Glob(t *testing.T) {
	t.Parallel()
	l := newReadersLake(t, standing, simulate.AllDeviations(), 40, 150)
	run(t, l.config, exitPartial) // some of it cannot be read, by design
	ask := l.open(t)
	want := l.expected()
	for _, table := range conversationTables() {
		t.Run(table.Name, func(t *testing.T) {
			equalRows(t, l.count(t, ask, table.Name, ""), want.Rows[table.Name])
			between := fmt.Sprintf("WHERE started_at >= '%s' AND started_at < '%s'", want.Day.Since.Format(time.RFC3339), want.Day.Until.Format(time.RFC3339))
			equalRows(t, l.count(t, ask, table.Name, between), want.Day.Rows[table.Name])
			folders := must(t, ask, "SELECT DISTINCT typeof(started_month), typeof(project_id) FROM "+l.glob(table.Name))
			if got := fmt.Sprint(folders); got != "[[VARCHAR VARCHAR]]" {
				t.Errorf("the columns of folders have types %s", got)
			}
			types := must(t, ask, `SELECT name FROM (SELECT DISTINCT name, type, converted_type, logical_type, repetition_type, num_children
				FROM parquet_schema(`+l.pattern(table.Name)+`) WHERE name NOT IN ('list', 'element')) GROUP BY 1 HAVING count(*) > 1`)
			if len(types) > 0 {
				t.Errorf("columns whose type depends on the file: %v", types)
			}
			l.checkNames(t, ask, table.Name)
		})
	}
}

// fileName is the name of a data file, from the folder of its table.
var fileName = regexp.MustCompile(`/project_id=[\w.~%-]*/started_month=(\d{4}-\d\d)/d(\d\d)(?:-(\d\d))?\.parquet$`)

// checkNames checks the days in the names of a table's files against the statistics
// of started_at, and that no two files have the same day.
func (l *readersLake) checkNames(t *testing.T, ask asker, table string) {
	t.Helper()
	days := map[string]string{} // files by folder and day
	for _, row := range must(t, ask, `SELECT file_name, min(stats_min_value), max(stats_max_value) FROM parquet_metadata(`+l.pattern(table)+`)
		WHERE path_in_schema = 'started_at' GROUP BY 1`) {
		file := filepath.ToSlash(row[0].(string))
		m := fileName.FindStringSubmatch(file)
		if m == nil {
			t.Errorf("%s is not the name of a data file", file)
			continue
		}
		first, last := m[1]+"-"+m[2], m[1]+"-"+max(m[2], m[3])
		if from, to := row[1].(string)[:10], row[2].(string)[:10]; from < first || to > last {
			t.Errorf("%s has rows of %s to %s", file, from, to)
		}
		for day, _ := time.Parse(time.DateOnly, first); day.Format(time.DateOnly) <= last; day = day.AddDate(0, 0, 1) {
			key := filepath.Dir(file) + " " + day.Format(time.DateOnly)
			if other, taken := days[key]; taken {
				t.Errorf("%s and %s have the same day", file, other)
			}
			days[key] = file
		}
	}
	if len(days) == 0 {
		t.Error("there is no file")
	}
}

// TestLake_GlobWhileRunsWrite counts the rows while runs replace files. A query may
// fail if a file is moved before it is opened, but it never finds too many or too few.
func TestLake_GlobWhileRunsWrite(t *testing.T) {
	t.Parallel()
	l := newReadersLake(t, standing, simulate.Deviations{}, 40, 150)
	run(t, l.config, exitOK)
	ask, want := l.open(t), l.expected()
	var written sync.WaitGroup
	done := make(chan struct{})
	written.Go(func() {
		defer close(done)
		for round := range 4 {
			l.change(t, round)
			l.runDays(t, 150, 150)
		}
	})
	defer written.Wait()
	for found := 0; ; {
		for table, rows := range want.Rows {
			result, err := ask(counts(l.glob(table), ""))
			switch {
			case err == nil:
				equalRows(t, byProject(result), rows)
				found++
			case !strings.Contains(err.Error(), "No such file"):
				t.Fatal(err)
			}
		}
		select {
		case <-done:
			if found == 0 {
				t.Error("no query succeeded")
			}
			return
		default:
		}
	}
}

// asker runs a query.
type asker func(sql string) ([][]any, error)

func (l *readersLake) open(t *testing.T) asker {
	t.Helper()
	db, err := query.OpenLake(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(sql string) ([][]any, error) {
		result, err := db.Query(t.Context(), sql)
		if err != nil {
			return nil, errors.Join(errors.New(sql), err)
		}
		return result.Rows, nil
	}
}

func must(t *testing.T, ask asker, sql string) [][]any {
	t.Helper()
	rows, err := ask(sql)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// pattern returns the files of a table as an SQL literal.
func (l *readersLake) pattern(table string) string {
	return "'" + l.path + "/" + table + "/**/*.parquet'"
}

// glob returns the table as a user of DuckDB names it.
func (l *readersLake) glob(table string) string {
	return "read_parquet(" + l.pattern(table) + ", hive_partitioning = true, hive_types = {project_id: VARCHAR})"
}

func counts(from, where string) string {
	return "SELECT project_id, count(*), count(DISTINCT conversation_id) FROM " + from + " " + where + " GROUP BY 1"
}

func (l *readersLake) count(t *testing.T, ask asker, table, where string) map[string]int {
	t.Helper()
	rows := must(t, ask, counts(l.glob(table), where))
	for _, row := range rows {
		if table == "conversations" && row[1] != row[2] {
			t.Errorf("%s has %v conversations with %v ids", row[0], row[1], row[2])
		}
	}
	return byProject(rows)
}

func byProject(rows [][]any) map[string]int {
	n := map[string]int{}
	for _, row := range rows {
		n[row[0].(string)] = int(row[1].(int64))
	}
	return n
}

// equalRows compares numbers of rows of each project; a project without rows has no
// files.
func equalRows(t *testing.T, got, want map[string]int) {
	t.Helper()
	for project, n := range want {
		if got[project] != n {
			t.Errorf("%s: %d rows, want %d", project, got[project], n)
		}
	}
	for project := range got {
		if _, ok := want[project]; !ok {
			t.Errorf("%s is no project of the source", project)
		}
	}
}
