package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is a part of a run, with its name for -rows.
type row struct {
	name string
	run  func(h *harness)
}

var rows = []row{
	{"parquet", measureParquet},
	{"postgres", measurePostgres},
	{"projects", measureProjects},
	{"growth", measureGrowth},
	{"page", measurePage},
	{"day", measureDay},
	{"gzip", measureGzip},
	{"start", measureStart},
	{"python", measurePython},
}

// BenchmarkRows measures all rows, or those of -rows.
func BenchmarkRows(b *testing.B) {
	h := newHarness(b)
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, name := range wanted {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			b.Fatalf("-rows: there is no row %s", name)
		}
	}
	for _, r := range rows {
		if len(wanted) == 0 || slices.Contains(wanted, r.name) {
			r.run(h)
		}
	}
	h.report()
}

const day = 24 * time.Hour

// month is the history of most rows.
const month = 30 * day

// measureParquet loads a lake, and DuckDB the same; then what changes.
func measureParquet(h *harness) {
	d := h.data("month", scaled(200_000), 1, month)
	defer h.discard(d)
	s := serve(h, d)
	h.repetitions(len(h.programs)+1, func(order []int) {
		for _, i := range order {
			if i == len(h.programs) {
				h.loadDuckDB("parquet/first", d)
				continue
			}
			t := newLake(h, h.all(d, s))
			h.again("parquet", h.programs[i], t, d, s)
			t.remove(h)
		}
	})
}

// again loads everything, and then again, unchanged and changed.
func (h *harness) again(destination string, p program, t *target, d *dataset, s *service) {
	n := d.n()
	newest := variant{Newest: n / 100}
	spread := variant{Newest: n / 100, Every: 100}
	more := spread.changes(n) - n/100
	for i, step := range []struct {
		work string
		v    variant
		want read
	}{
		{"first", variant{}, read{inserted: n}},
		{"unchanged", variant{}, read{unchanged: n}},
		{"newest", newest, read{updated: n / 100, unchanged: n - n/100}},
		{"spread", spread, read{updated: more, unchanged: n - more}},
	} {
		if i == *steps {
			break
		}
		s.serves(h, step.v)
		h.add(destination+"/"+step.work, p.name, n, t.run(h, p, s, step.want))
	}
	s.serves(h, variant{})
}

// loadDuckDB loads the prepared lines from the disk.
func (h *harness) loadDuckDB(work string, d *dataset) {
	folder, err := os.MkdirTemp("", "convsync-bench-duckdb-")
	if err != nil {
		h.Fatal(err)
	}
	defer os.RemoveAll(folder)
	lake := filepath.Join(folder, "lake")
	result, _, err := measure(h.Context(), []string{helper + "=duckdb"}, os.Args[0], d.ndjson(), lake)
	if err != nil {
		h.note("DuckDB was left out: %v", err)
		return
	}
	result.Files, result.Disk = contents(h, lake)
	h.add(work, "duckdb", d.n(), result)
}

// measurePostgres loads a database that waits for the disk, and two sessions of
// psql load the same rows into the same tables; then what changes.
func measurePostgres(h *harness) {
	d := h.data("month", scaled(200_000), 1, month)
	defer h.discard(d)
	s := serve(h, d)
	load := h.all(d, s)
	copied := newSchema(h, h.database(), load)
	defer copied.remove(h)
	copied.run(h, h.programs[0], s, read{inserted: d.n()})
	reference := dump(h, copied.schema, copied.folder)
	h.repetitions(len(h.programs)+1, func(order []int) {
		for _, i := range order {
			if i == len(h.programs) {
				h.add("postgres/first", "copy", d.n(), reference.load(h, copied.schema))
				continue
			}
			t := newSchema(h, h.database(), load)
			h.again("postgres", h.programs[i], t, d, s)
			t.remove(h)
		}
	})
}

// measureProjects loads a year of one, 20 and 100 projects into a lake, and then
// reads them again, with the default lookback.
func measureProjects(h *harness) {
	h.repetitions(len(h.programs), func(order []int) {
		for _, projects := range []int{1, 20, 100} {
			d := h.data(fmt.Sprintf("year-%d", projects), scaled(110_000), projects, 365*day)
			s := serve(h, d)
			for _, i := range order {
				t := newLake(h, plan{source: s, projects: d.Projects, start: d.Spec.From})
				work := fmt.Sprintf("year/%d", projects)
				h.add(work, h.programs[i].name, d.n(), t.run(h, h.programs[i], s, read{inserted: d.n()}))
				h.add(work+"/next", h.programs[i].name, d.n(), t.run(h, h.programs[i], s, read{}))
				t.remove(h)
			}
			s.stop()
			h.discard(d)
		}
	})
}
