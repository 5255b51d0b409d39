package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
)

// series are the measurements of one kind of work by one program.
type series struct {
	Work          string   `json:"work"`
	Program       string   `json:"program"`
	Conversations int      `json:"conversations"`
	Samples       []sample `json:"samples"` // one per repetition
}

// harness collects the measurements of a run.
type harness struct {
	*testing.B // of the row
	programs   []program
	started    time.Time
	today      time.Time
	work       string // folder of all files but those of -data
	folder     string // of the prepared data
	series     []*series
	notes      []string // what was left out, and why
	servers    string   // URL of the maintenance database; "": not started
	bases      int
}

func newHarness(b *testing.B) *harness {
	h := &harness{
		B:        b,
		programs: programs(b),
		started:  time.Now(),
		today:    time.Now().UTC().Truncate(24 * time.Hour),
		work:     workFolder(b),
	}
	h.folder = cmp.Or(*folder, h.work)
	b.Setenv("TMPDIR", h.work)
	for _, p := range h.programs {
		if _, err := os.Stat(p.path); err != nil {
			b.Fatalf("there is no program to measure: %v; run make build", err)
		}
	}
	return h
}

// workFolder returns a temporary folder that the user of a Postgres server, which
// may be another one, can enter.
func workFolder(tb testing.TB) string {
	folder, err := os.MkdirTemp("", "convsync-bench-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o711); err != nil {
		tb.Fatal(err)
	}
	return folder
}

// measure runs a row: its failure ends this row only. It reports whether the row
// succeeded.
func (h *harness) measure(r row) bool {
	all := h.B
	defer func() { h.B, h.servers = all, "" }() // the server of a row ends with it
	return all.Run(r.name, func(b *testing.B) {
		h.B = b
		r.run(h)
	})
}

// progress logs a line with the time since the start and the size of all files.
func (h *harness) progress(format string, args ...any) {
	_, mb := contents(h, h.work)
	h.Logf("%7s %5.0f MB  %s", time.Since(h.started).Round(time.Second), mb, fmt.Sprintf(format, args...))
}

// add adds a measurement.
func (h *harness) add(work, program string, n int, s sample) {
	h.progress("%-24s %-9s %s", work, program, s)
	i := slices.IndexFunc(h.series, func(s *series) bool { return s.Work == work && s.Program == program })
	if i < 0 {
		i = len(h.series)
		h.series = append(h.series, &series{Work: work, Program: program, Conversations: n})
	}
	h.series[i].Samples = append(h.series[i].Samples, s)
}

// note says what was left out.
func (h *harness) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(h.notes, text) {
		h.notes = append(h.notes, text)
		h.progress("%s", text)
	}
}

// repetitions calls f for each repetition with the order of n contestants, which
// alternates.
func (h *harness) repetitions(n int, f func(order []int)) {
	for i := range *repeat {
		order := make([]int, n)
		for j := range order {
			order[j] = j
		}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		f(order)
	}
}

// scaled is a number of conversations at the scale of this run.
func scaled(full int) int { return max(100, int(float64(full)**scale)) }

// month prepares the conversations that several rows use. They are discarded
// after the last of these rows.
func (h *harness) month() *dataset { return h.data(monthName, monthSize(), 1, month) }

const monthName = "month"

func monthSize() int { return scaled(200_000) }

// data prepares n conversations of the time before today, once.
func (h *harness) data(name string, n, projects int, history time.Duration) *dataset {
	h.Helper()
	s := spec{
		Name:          name,
		Conversations: n,
		Projects:      projects,
		From:          h.today.Add(-history),
		To:            h.today,
		Turns:         15,
	}
	folder := h.dataFolder(name, n)
	d, err := openDataset(folder)
	if err == nil {
		return d
	}
	text, err := json.Marshal(s)
	if err != nil {
		h.Fatal(err)
	}
	h.progress("preparing %d conversations of %d projects", n, projects)
	if err := self(h.Context(), "prepare", string(text), folder).Run(); err != nil {
		h.Fatalf("prepare %s: %v", name, err)
	}
	if d, err = openDataset(folder); err != nil {
		h.Fatal(err)
	}
	return d
}

// dataFolder is the folder of a data set.
func (h *harness) dataFolder(name string, n int) string {
	return filepath.Join(h.folder, fmt.Sprintf("%s-%d-%s", name, n, h.today.Format(time.DateOnly)))
}

// discard removes the folder of a data set unless -keep keeps it.
func (h *harness) discard(folder string) {
	if !*keep {
		os.RemoveAll(folder)
	}
}

// all is the plan that reads all of a data set, each time.
func (h *harness) all(d *dataset, s *service) plan {
	return plan{source: s, projects: d.Projects, start: d.Spec.From, lookback: time.Since(d.Spec.From) + 24*time.Hour}
}

// database creates an empty database.
func (h *harness) database() *database {
	h.Helper()
	if h.servers == "" {
		h.servers = pgtest.Durable(h)
	}
	h.bases++
	d := &database{server: h.servers, name: fmt.Sprintf("bench_%d", h.bases)}
	d.url = strings.Replace(h.servers, "/postgres?", "/"+d.name+"?", 1)
	execute(h, d.server, "CREATE DATABASE "+d.name+" TEMPLATE template0 ENCODING 'UTF8'", "CHECKPOINT")
	return d
}
