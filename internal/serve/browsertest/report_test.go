package browsertest

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	pages "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"convsync/internal/answer"
	"convsync/internal/report"
	"convsync/internal/warehouse"
)

var reportFile = flag.String("report", "", "report to take pictures of, instead of a made-up one")

// reportWidths are those of a telephone, a tablet and a screen.
var reportWidths = []int64{390, 820, 1440}

// servedReport serves a made-up report of 14 days, of which one is not complete and one
// was not read.
func servedReport(t *testing.T) (url string) {
	t.Helper()
	h := report.NewHandler(report.HandlerOptions{
		Open: func(context.Context, warehouse.Range) (answer.Source, error) { return madeUp{}, nil },
		Nav:  report.Navigation{Home: "/", Path: "/report"},
		Log:  slog.New(slog.DiscardHandler),
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *reportFile != "" {
			w.Header().Set("Content-Security-Policy", report.Policy())
			http.ServeFile(w, r, *reportFile)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.Close(); h.Close() })
	return server.URL + "/report?from=2026-11-02&to=2026-11-16&compare=1"
}

// TestReport looks at the report in three widths, light and dark, in print and without
// scripts.
func TestReport(t *testing.T) {
	t.Parallel()
	url, tab := servedReport(t), newTab(t)
	wrong := listen(t, tab)
	for i, wide := range reportWidths {
		scheme := []string{"light", "dark"}[i%2]
		size(t, tab, wide, scheme)
		do(t, tab, chromedp.Navigate(url))
		picture(t, tab, fmt.Sprintf("report-%s-%d", scheme, wide))
		if plotted := see(t, tab, chromedp.Evaluate[int64](`document.querySelectorAll(".plotted .uplot canvas").length`)); plotted != 3 {
			t.Errorf("%d: %d charts are interactive", wide, plotted)
		}
		if across := see(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); across > wide {
			t.Errorf("the page is %d wide, of %d", across, wide)
		}
		do(t, tab, unfold)
		for _, violation := range judge(t, tab) {
			t.Errorf("%d: %s", wide, violation)
		}
	}
	for _, w := range wrong() {
		t.Error(w)
	}
	keys(t, tab)
	printed(t, tab)
	withoutScripts(t, url)
}

// listen returns a function that lists what the browser complains about, and requests
// for anything else.
func listen(t *testing.T, tab context.Context) func() []string {
	t.Helper()
	var mu sync.Mutex
	var wrong []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.Contains(e.Request.URL, "/report") && !strings.HasPrefix(e.Request.URL, "data:") { // icons of inputs
				wrong = append(wrong, "it asks for "+e.Request.URL)
			}
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.Text, "favicon") && !strings.Contains(e.Entry.URL, "favicon") {
				wrong = append(wrong, "the browser says: "+e.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			wrong = append(wrong, "an error in a script: "+e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	tell(t, tab, network.Enable, network.EnableParams{})
	tell(t, tab, log.Enable, cdp.Empty{})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return wrong
	}
}

// keys reads values of a chart by day and of a heat map by keyboard.
func keys(t *testing.T, tab context.Context) {
	t.Helper()
	for id, want := range map[string]string{"per-day": "Nov: no handoff", "per-hour": "Nov 2026, "} {
		do(t, tab, chromedp.Focus("#"+id+" .wide"), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
		if said := see(t, tab, chromedp.Evaluate[string](`document.getElementById("tip").textContent`)); !strings.Contains(said, want) && *reportFile == "" {
			t.Errorf("%s: the arrow keys say %q", id, said)
		}
	}
}

// printed checks that pictures replace interactive charts in print.
func printed(t *testing.T, tab context.Context) {
	t.Helper()
	tell(t, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	const visible = `[...document.querySelectorAll("%s")].filter(e => getComputedStyle(e).display !== "none").length`
	if n := see(t, tab, chromedp.Evaluate[int64](fmt.Sprintf(visible, ".uplot, .period, details"))); n > 0 {
		t.Errorf("%d interactive parts are printed", n)
	}
	if n := see(t, tab, chromedp.Evaluate[int64](fmt.Sprintf(visible, ".wide > svg"))); n != 5 {
		t.Errorf("%d pictures are printed", n)
	}
	const lines = `[...document.querySelectorAll(".legend .line")].filter(e => e.getBoundingClientRect().width > 20).length`
	interactive := see(t, tab, chromedp.Evaluate[int64](`document.querySelectorAll(".u-legend .line").length`))
	if n := see(t, tab, chromedp.Evaluate[int64](lines)); n != 8 || interactive != 8 {
		t.Errorf("%d lines are in printed legends, %d in interactive ones", n, interactive)
	}
	if *screenshots == "" {
		return
	}
	out, err := chromedp.Call(tab, pages.PrintToPDF, pages.PrintToPDFParams{PrintBackground: new(true), PaperWidth: 8.27, PaperHeight: 11.69})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, "report.pdf"), out.Data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// withoutScripts checks that the page is complete without scripts.
func withoutScripts(t *testing.T, url string) {
	t.Helper()
	tab := newTab(t)
	tell(t, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	size(t, tab, 820, "light")
	do(t, tab, chromedp.Navigate(url))
	picture(t, tab, "report-noscript-820")
	text := see(t, tab, chromedp.Evaluate[string](`document.body.innerText`))
	shown := see(t, tab, chromedp.Evaluate[int64](`[...document.querySelectorAll(".wide > svg")].filter(e => e.getBoundingClientRect().height > 100).length`))
	for _, want := range []string{"1 day of 14 not read, 1 day of 14 partial", "Containment", "billing", "day not complete", "Drop-off by turn"} {
		if !strings.Contains(text, want) && *reportFile == "" {
			t.Errorf("without scripts, the page lacks %q: %s", want, text)
		}
	}
	if shown != 5 {
		t.Errorf("without scripts, %d pictures are visible", shown)
	}
}

// madeUp answers the statements of a report with made-up rows.
type madeUp struct{}

func (madeUp) Dialect() string                                  { return "duckdb" }
func (madeUp) Close() error                                     { return nil }
func (madeUp) Objects(context.Context) ([]answer.Object, error) { return nil, nil }

func (madeUp) Ask(_ context.Context, s answer.Statement) (answer.Rows, error) {
	switch {
	case strings.Contains(s.SQL, "FROM freshness AS f\nLEFT JOIN projects"):
		return feedRows(), nil
	case strings.Contains(s.SQL, "covered_from, covered_until FROM sync_coverage WHERE"):
		r := &madeUpRows{names: []string{"project_id", "covered_from", "covered_until"}}
		r.add("acme-team-4", at("2026-10-01"), at("2026-11-09"))
		r.add("acme-team-4", at("2026-11-10"), at("2026-11-16").Add(-6*time.Hour))
		return r, nil
	case strings.Contains(s.SQL, "agent_micros"):
		return countRows(), nil
	case strings.Contains(s.SQL, "AS p99\nFROM ranked"):
		return latencyRows(), nil
	case strings.Contains(s.SQL, "ELSE 'repeat' END AS part"):
		return contactRows(), nil
	case strings.Contains(s.SQL, "CAST(sum(handoffs)"):
		r := &madeUpRows{names: []string{"is_current", "handoff_reason", "handoff_destination", "handoffs"}}
		r.add(true, "billing", "queue-1", int64(300))
		r.add(true, nil, nil, int64(80))
		r.add(false, "billing", "queue-1", int64(350))
		return r, nil
	case strings.Contains(s.SQL, "numeric_average\nFROM"):
		r := &madeUpRows{names: []string{"is_current", "day", "project_id", "channel_family", "name", "conversations", "entries", "true_values", "boolean_values", "numeric_values", "numeric_average"}}
		r.add(true, at("2026-11-02"), "acme-team-4", "voice", "authenticated", int64(400), int64(400), int64(300), int64(400), int64(0), nil)
		r.add(true, at("2026-11-02"), "acme-team-4", "voice", "score", int64(90), int64(90), int64(0), int64(0), int64(90), 7.25)
		return r, nil
	}
	r := &madeUpRows{names: []string{"is_current", "reason", "conversations"}}
	r.add(true, "no_start", int64(2))
	r.add(true, nil, int64(1))
	return r, nil
}

func at(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t
}

// madeUpRows are rows of an answer.
type madeUpRows struct {
	names []string
	rows  [][]any
}

func (r *madeUpRows) add(values ...any) { r.rows = append(r.rows, values) }

func (r *madeUpRows) Columns() (columns []answer.Column) {
	for _, name := range r.names {
		columns = append(columns, answer.Column{Name: name, Type: answer.Text})
	}
	return columns
}

func (r *madeUpRows) Next(context.Context) ([]any, error) {
	if len(r.rows) == 0 {
		return nil, io.EOF
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func (*madeUpRows) Close() error { return nil }

func feedRows() *madeUpRows {
	r := &madeUpRows{names: []string{
		"environment", "project_id", "time_zone", "covered_until", "arrivals", "arrival_p50_seconds", "arrival_p95_seconds", "arrival_p99_seconds",
		"finals", "final_p50_seconds", "final_p95_seconds", "final_p99_seconds", "open_conversations",
	}}
	r.add("live", "acme-team-4", "UTC", at("2026-11-16").Add(-6*time.Hour), int64(900), 60.0, 300.0, 900.0, int64(900), 300.0, 900.0, 3600.0, int64(3))
	return r
}

func countRows() *madeUpRows {
	r := &madeUpRows{names: []string{
		"is_current", "part", "day", "project_id", "channel_family", "variant_id", "variant_name", "is_complete",
		"conversations", "finished", "handoffs", "handoff_known", "contained", "early_abandons", "early_known", "contained_no_callback", "callback_known",
		"duration_known", "total_micros", "agent_duration_known", "agent_micros", "turns", "user_turns", "silent_turns", "silence_known_turns", "ood_turns", "ood_known_turns",
		"latency_to_500ms", "latency_to_1s", "latency_to_1500ms", "latency_to_2s", "latency_to_3s", "latency_to_5s", "latency_over_5s",
	}}
	counts := func(n int64) []any {
		return []any{
			n, n - 3, n / 4, n - 8, n - 8 - n/4, n / 10, n - 8, n / 2, n - 20, n - 3, n * 180_000_000, n - 3, n * 150_000_000,
			n * 8, n * 7, n / 2, n * 7, n / 3, n * 7, n, n * 2, n * 2, n, n, n / 2, n / 9,
		}
	}
	add := func(current bool, part string, key []any, n int64) {
		r.add(append(append([]any{current, part}, key...), counts(n)...)...)
	}
	none := []any{nil, nil, nil, nil, nil, true}
	add(true, "period", none, 1600)
	add(false, "period", none, 1700)
	for i := range 14 {
		if day := at("2026-11-02").AddDate(0, 0, i); i != 7 {
			add(true, "day", []any{day, nil, nil, nil, nil, i != 13}, int64(100+i*i%60))
		}
	}
	add(true, "project", []any{nil, "acme-team-4", nil, nil, nil, true}, 1600)
	add(true, "channel", []any{nil, nil, "voice", nil, nil, true}, 1200)
	add(true, "channel", []any{nil, nil, "chat", nil, nil, true}, 400)
	add(true, "variant", []any{nil, nil, nil, "v1", "Main line", true}, 1400)
	add(true, "variant", []any{nil, nil, nil, nil, nil, true}, 200)
	return r
}

func latencyRows() *madeUpRows {
	r := &madeUpRows{names: []string{"is_current", "part", "day", "project_id", "channel_family", "variant_id", "variant_name", "deployment_id", "turns", "p50", "p90", "p95", "p99"}}
	for _, current := range []bool{true, false} {
		r.add(current, "period", nil, nil, nil, nil, nil, nil, int64(9000), 1.1, 2.2, 2.9, 4.6)
	}
	for i := range 14 {
		slow := float64(i) / 20
		r.add(true, "day", at("2026-11-02").AddDate(0, 0, i), nil, nil, nil, nil, nil, int64(600), 1.1+slow, 2.2+slow, 2.9+slow, 4.6+slow)
	}
	r.add(true, "variant", nil, nil, nil, "v1", "Main line", nil, int64(8000), 1.1, 2.2, 2.9, 4.6)
	r.add(true, "deployment", nil, nil, nil, nil, nil, "deployment-7", int64(8000), 1.1, 2.2, 2.9, 4.6)
	return r
}

func contactRows() *madeUpRows {
	r := &madeUpRows{names: []string{"is_current", "part", "day", "hour", "outcome", "transcript_status", "turns", "repeat_within_24h", "repeat_within_7d", "conversations"}}
	for day := range 14 {
		for hour := range int64(24) {
			if n := 12 - (hour-13)*(hour-13)/6; n > 0 && day != 7 {
				r.add(true, "hour", at("2026-11-02").AddDate(0, 0, day), hour, nil, nil, nil, nil, nil, n)
			}
		}
	}
	for turns := range int64(12) {
		r.add(true, "turns", nil, nil, []string{"contained", "handed_off", "abandoned_early"}[turns%3], "complete", turns, nil, nil, 100-turns*5)
	}
	r.add(true, "turns", nil, nil, "unknown", "hidden", nil, nil, nil, int64(20))
	r.add(true, "repeat", nil, nil, "contained", nil, nil, false, true, int64(40))
	r.add(true, "repeat", nil, nil, "handed_off", nil, nil, nil, nil, int64(9))
	return r
}
