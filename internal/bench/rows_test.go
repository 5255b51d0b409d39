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
	name  string
	run   func(h *harness)
	month bool // it uses harness.month
	named bool // it is measured only if -rows names it
}

// rows are in an order in which the month is needed for a short time.
var rows = []row{
	{name: "parquet", run: measureParquet, month: true},
	{name: "postgres", run: measurePostgres, month: true},
	{name: "gzip", run: measureGzip, month: true},
	{name: "growth", run: measurePostgresGrowth, month: true},
	{name: "growth", run: measureParquetGrowth},
	{name: "projects", run: measureProjects},
	{name: "page", run: measurePage},
	{name: "day", run: measureDay},
	{name: "start", run: measureStart},
	{name: "python", run: measurePython},
	{name: analystsRow, run: measureAnalysts, named: true},
}

// BenchmarkRows measures all rows but those that have to be named, or those of -rows.
func BenchmarkRows(b *testing.B) {
	h := newHarness(b)
	wanted := wantedRows(b)
	for i, r := range wanted {
		if !h.measure(r) {
			h.note("Row %s failed: its figures are incomplete.", r.name)
		}
		if r.month && !slices.ContainsFunc(wanted[i+1:], func(r row) bool { return r.month }) {
			h.discard(h.dataFolder(monthName, monthSize()))
		}
	}
	h.report()
}

// wantedRows are those of -rows, or all that need not be named.
func wantedRows(tb testing.TB) []row {
	names := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	var wanted []row
	for _, r := range rows {
		if slices.Contains(names, r.name) || len(names) == 0 && !r.named {
			wanted = append(wanted, r)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(wanted, func(r row) bool { return r.name == name }) {
			tb.Fatalf("-rows: there is no row %s", name)
		}
	}
	return wanted
}

const day = 24 * time.Hour

// month is the history of most rows.
const month = 30 * day

// measureParquet loads a lake, and DuckDB the same; then what changes.
func measureParquet(h *harness) {
	d := h.month()
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
	lake := filepath.Join(h.TempDir(), "lake")
	defer os.RemoveAll(lake)
	result, _, err := measure(h.Context(), []string{helper + "=duckdb"}, os.Args[0], d.ndjson(), lake)
	if err != nil {
		h.Fatal(err)
	}
	result.Files, result.Disk = contents(h, lake)
	h.add(work, "duckdb", d.n(), result)
}

// measurePostgres loads a database that waits for the disk, and two sessions of
// psql load the same rows into the same tables; then what changes.
func measurePostgres(h *harness) {
	d := h.month()
	s := serve(h, d)
	load := h.all(d, s)
	copied := newSchema(h, h.database(), load)
	defer copied.remove(h)
	copied.run(h, h.programs[0], s, read{inserted: d.n()})
	rows := filepath.Join(h.folder, "rows") // prepared data too
	defer os.RemoveAll(rows)
	reference := dump(h, copied.schema, rows)
	reference.empty(h, copied.schema)
	h.repetitions(len(h.programs)+1, func(order []int) {
		for _, i := range order {
			if i == len(h.programs) {
				h.add("postgres/first", "copy", d.n(), reference.load(h, copied.schema))
				reference.empty(h, copied.schema)
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
	var years []*dataset
	var sources []*service
	for _, projects := range []int{1, 20, 100} {
		d := h.data(fmt.Sprintf("year-%d", projects), scaled(110_000), projects, 365*day)
		defer h.discard(d.folder)
		years, sources = append(years, d), append(sources, serve(h, d))
	}
	h.repetitions(len(years)*len(h.programs), func(order []int) {
		for _, i := range order {
			year, p := i/len(h.programs), h.programs[i%len(h.programs)]
			d, s := years[year], sources[year]
			t := newLake(h, plan{source: s, projects: d.Projects, start: d.Spec.From})
			work := fmt.Sprintf("year/%d", len(d.Projects))
			h.add(work, p.name, d.n(), t.run(h, p, s, read{inserted: d.n()}))
			h.add(work+"/next", p.name, d.n(), t.run(h, p, s, read{}))
			t.remove(h)
		}
	})
}
