package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
)

// String is for the log.
func (s sample) String() string {
	text := fmt.Sprintf("%7.2f s %7.2f CPU s %5.0f MB peak %6.0f MB written", s.Wall, s.CPU, s.Peak, s.Written)
	if s.Files > 0 {
		text += fmt.Sprintf(" %6.0f files of %.0f MB", s.Files, s.Disk)
	}
	if s.WAL > 0 {
		text += fmt.Sprintf(" %6.1f MB of WAL, %.1f CPU s of the server", s.WAL, s.ServerCPU)
	}
	return text
}

// report prints the table and writes the files.
func (h *harness) report() {
	var b strings.Builder
	fmt.Fprintf(&b, "\nScale %g, %d repetitions, %d cores. Medians; the range of the goals' figures in parentheses.\n\n", *scale, *repeat, runtime.NumCPU())
	h.table(&b)
	verdicts(&b, h.series, *scale)
	for _, note := range h.notes {
		fmt.Fprintln(&b, note)
	}
	fmt.Println(b.String())
	if *textFile != "" {
		h.write(*textFile, []byte(benchText(h.series)))
	}
	if *jsonFile != "" {
		text, err := json.MarshalIndent(map[string]any{
			"scale":   *scale,
			"cores":   runtime.NumCPU(),
			"results": h.series,
			"notes":   h.notes,
		}, "", "  ")
		if err != nil {
			h.Fatal(err)
		}
		h.write(*jsonFile, text)
	}
}

func (h *harness) write(name string, text []byte) {
	if err := os.WriteFile(name, text, 0o644); err != nil {
		h.Fatal(err)
	}
}

func (h *harness) table(b *strings.Builder) {
	fmt.Fprintf(b, "%-22s %-9s %8s %8s %9s %7s %8s %6s %7s %8s %8s\n",
		"work", "program", "time s", "CPU s", "CPU/1,000", "peak MB", "write MB", "files", "disk MB", "WAL MB", "requests")
	for _, s := range h.series {
		m := func(figure func(*sample) float64) float64 { return median(figures(s.Samples, figure)) }
		fmt.Fprintf(b, "%-22s %-9s %8.2f %8.2f %9.4f %7.0f %8.1f %6.0f %7.1f %8.2f %8.0f\n", s.Work, s.Program, m(wall), m(cpu),
			m(cpu)/float64(s.Conversations)*1000, m(peak), m(written), m(files), m(disk), m(wal), m(requests))
	}
}

// verdicts prints the goals, and at full scale whether they are met: at another
// scale fixed costs have another share.
func verdicts(b *strings.Builder, all results, scale float64) {
	fmt.Fprintf(b, "\n%-22s %-36s %9s %8s\n", "goal of", "", "measured", "at most")
	for _, g := range goals {
		values := g.figure(all)
		if len(values) == 0 {
			continue
		}
		verdict := "scaled"
		switch {
		case scale != 1:
		case median(values) > g.limit:
			verdict = "NOT MET"
		default:
			verdict = "met"
		}
		low, high := math.Inf(1), math.Inf(-1)
		for _, v := range values {
			low, high = min(low, v), max(high, v)
		}
		fmt.Fprintf(b, "%-22s %-36s %9.3f %8.3g  %-7s (%.3f to %.3f)\n", g.work, g.text, median(values), g.limit, verdict, low, high)
	}
}

// benchText has the samples of all series in the format of Go's benchmarks, which
// benchstat compares.
func benchText(all results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: convsync/internal/bench\n", runtime.GOOS, runtime.GOARCH)
	for _, s := range all {
		for _, m := range s.Samples {
			fmt.Fprintf(&b, "Benchmark%s/%s\t1\t%.0f ns/op\t%.3f CPU-s\t%.1f peak-MB\t%.1f written-MB\t%.0f files\t%.1f disk-MB\t%.2f WAL-MB\n",
				strings.ToUpper(s.Work[:1])+s.Work[1:], s.Program, m.Wall*1e9, m.CPU, m.Peak, m.Written, m.Files, m.Disk, m.WAL)
		}
	}
	return b.String()
}
