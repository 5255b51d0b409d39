package browsertest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
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
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var screenshots = flag.String("screenshots", "", "folder to put pictures of the page into")

// worlds are the pages that are looked at.
var worlds = map[string]func() world{
	"well": func() world {
		d, feeds := well(3)
		return world{destination: d, feeds: feeds, recordings: recordings(feeds, nil)}
	},
	"troubled": func() world {
		d, feeds := troubled(5)
		full := errors.New("the store /srv/recordings is unavailable: write /srv/recordings/.convsync/tmp/acme-bookings/1.part: no space left on device (0 bytes are free)")
		return world{destination: d, feeds: feeds, recordings: recordings(feeds, full)}
	},
	"first load": func() world {
		d, feeds := well(2)
		for _, f := range feeds {
			s := d.states[key(f)]
			s.Watermark, s.WatermarkAt = 0, 0
			s.Coverage = []load.Range{{From: ago(time.Now(), 34*24*time.Hour), Until: ago(time.Now(), time.Minute), ReadAt: ago(time.Now(), time.Minute)}}
			d.states[key(f)] = s
		}
		d.runs = nil
		return world{destination: d, feeds: feeds}
	},
	"failing": func() world { d, feeds := failing(4); return world{destination: d, feeds: feeds} },
	"behind": func() world {
		d, feeds := well(2)
		for _, f := range feeds {
			s := d.states[key(f)]
			s.Watermark = ago(time.Now(), 50*time.Hour)
			s.Coverage = []load.Range{{From: s.Coverage[0].From, Until: s.Watermark, ReadAt: s.Watermark}}
			d.states[key(f)] = s
		}
		for i := range d.runs {
			d.runs[i].StartedAt, d.runs[i].FinishedAt = ago(time.Now(), time.Duration(50+i)*time.Hour), warehouse.Some(ago(time.Now(), time.Duration(50+i)*time.Hour))
		}
		return world{destination: d, feeds: feeds}
	},
	"clock": func() world {
		d, feeds := well(2)
		d.runs[0].Warnings = "the clock of the source is 8h0m0s ahead of the clock of this machine: the run reads up to the later time, and its coverage ends at the earlier one; " +
			"correct the clock of this machine if it is wrong, otherwise report it to PolyAI"
		return world{destination: d, feeds: feeds}
	},
	"hundred": func() world { d, feeds := well(100); return world{destination: d, feeds: feeds} },
	"away": func() world {
		d, feeds := well(1)
		d.err = fmt.Errorf("made up: Postgres at db.example.com does not answer")
		return world{destination: d, feeds: feeds}
	},
}

// TestEverybodyCanReadThePage has axe-core judge it by WCAG 2 A and AA, in
// light and dark, wide and narrow, and that nothing is cut off.
func TestEverybodyCanReadThePage(t *testing.T) {
	t.Parallel()
	for name, make := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, tab, wanted := serving(t, make()), newTab(t), drawn
			if name == "away" {
				wanted = "cannot be read"
			}
			for _, scheme := range []string{"light", "dark"} {
				for _, wide := range []int64{1280, 390} {
					which := fmt.Sprintf("%s-%s-%d", name, scheme, wide)
					size(t, tab, wide, scheme)
					show(t, tab, url, wanted)
					picture(t, tab, which)
					background := see(t, tab, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
					if light := background == "rgb(251, 251, 250)"; light != (scheme == "light") {
						t.Errorf("%s: the background is %s", which, background)
					}
					do(t, tab, unfold) // what is folded is judged as well
					if across := see(t, tab, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); across > wide {
						t.Errorf("%s: the page is %d wide", which, across)
					}
					if name == "hundred" {
						continue // five of them are the same, and judging a hundred takes minutes
					}
					for _, violation := range judge(t, tab) {
						t.Errorf("%s: %s", which, violation)
					}
				}
			}
		})
	}
}

// judge lists what axe-core finds wrong. It is put into the page by the
// browser, past the page's policy, which allows no script.
func judge(t *testing.T, tab context.Context) (violations []string) {
	t.Helper()
	source, err := axe()
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Violations []struct {
			ID, Help string
			Nodes    []struct{ HTML, FailureSummary string }
		}
		Passes []struct{ ID string }
	}
	do(t, tab, chromedp.Evaluate[chromedp.Void](source+"\n;0"))
	text := see(t, tab, chromedp.Evaluate[string](`axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
	}).then(r => JSON.stringify({violations: r.violations, passes: r.passes.map(p => ({id: p.id}))}))`, chromedp.EvalAwaitPromise))
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Passes) < 10 {
		t.Errorf("axe-core looked at %d rules only", len(found.Passes))
	}
	for _, v := range found.Violations {
		violations = append(violations, fmt.Sprintf("%s (%s): %d times, such as %s: %s", v.Help, v.ID, len(v.Nodes), v.Nodes[0].HTML, v.Nodes[0].FailureSummary))
	}
	return violations
}

func TestTheAccessibilityCheckSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tab := newTab(t)
	d, feeds := well(1)
	show(t, tab, serving(t, world{destination: d, feeds: feeds}), drawn)
	do(t, tab, chromedp.Evaluate[chromedp.Void](`{
		document.querySelector("svg").removeAttribute("aria-labelledby");
		document.querySelector("h1").style.color = "#aaaaaa";
		document.documentElement.removeAttribute("lang");
	}`))
	if n := len(judge(t, tab)); n < 3 {
		t.Errorf("%d things are found wrong where three are", n)
	}
}

// picture keeps what the whole page looks like, where that is asked for.
func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), see(t, tab, chromedp.FullScreenshot(100)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPage_NoOtherRequests listens to all that the browser does.
func TestPage_NoOtherRequests(t *testing.T) {
	t.Parallel()
	d, feeds := troubled(5)
	url, tab := serving(t, world{destination: d, feeds: feeds}), newTab(t)
	var mu sync.Mutex
	var asked, wrong []string
	err := chromedp.Listen(tab, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			asked = append(asked, e.Request.URL)
		case *network.EventResponseReceived:
			if e.Response.Status >= 400 {
				wrong = append(wrong, fmt.Sprintf("%s is answered %d", e.Response.URL, e.Response.Status))
			}
		case *network.EventLoadingFailed:
			wrong = append(wrong, "a request failed: "+e.ErrorText)
		case *log.EventEntryAdded:
			wrong = append(wrong, "the browser says: "+e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			wrong = append(wrong, fmt.Sprint("the console has ", e.Type))
		case *runtime.EventExceptionThrown:
			wrong = append(wrong, "an error in a script: "+e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	tell(t, tab, network.Enable, network.EnableParams{})
	tell(t, tab, log.Enable, cdp.Empty{})
	show(t, tab, url, drawn)
	do(t, tab, unfold)
	mu.Lock()
	defer mu.Unlock()
	style := false
	for _, u := range asked {
		style = style || u == url+"style.css"
		if !strings.HasPrefix(u, url) {
			t.Errorf("it asks for %s", u)
		}
	}
	if !style {
		t.Errorf("it asks for %s, and not for its style", asked)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

// TestThePageNeedsNoScript compares what it says with and without.
func TestThePageNeedsNoScript(t *testing.T) {
	t.Parallel()
	d, feeds := troubled(5)
	with, without := newTab(t), newTab(t)
	url := serving(t, world{destination: d, feeds: feeds})
	show(t, with, url, drawn)
	url = still(t, url)
	do(t, with, chromedp.Navigate(url))
	tell(t, without, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	do(t, without, chromedp.Navigate(url))
	text := chromedp.Evaluate[string](`document.body.innerText`)
	if a, b := see(t, with, text), see(t, without, text); a != b || !strings.Contains(a, drawn) {
		t.Errorf("with scripts it says\n%s\nand without\n%s", a, b)
	}
	do(t, without, chromedp.Click("#charts summary"))
	if open := see(t, without, chromedp.Evaluate[int64](`document.querySelectorAll("#charts details[open]").length`)); open != 1 {
		t.Errorf("a click opens %d details", open)
	}
}

// still serves the page as it is now: its ages grow no more.
func still(t *testing.T, page string) (url string) {
	t.Helper()
	at, err := neturl.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	live := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at) }}
	now := httptest.NewRecorder()
	live.ServeHTTP(now, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if now.Code != http.StatusOK {
		t.Fatalf("it is answered %d", now.Code)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			live.ServeHTTP(w, r)
			return
		}
		maps.Copy(w.Header(), now.Header())
		_, _ = w.Write(now.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// TestThePageWorksByKeyboard goes through it by the tabulator.
func TestThePageWorksByKeyboard(t *testing.T) {
	t.Parallel()
	d, feeds := well(5)
	tab := newTab(t)
	const focused = `(() => { const e = document.activeElement, b = e.getBoundingClientRect();
		return {what: e.tagName + " " + (e.id || e.getAttribute("href") || e.textContent), seen: b.left >= 0 && b.width > 0 && getComputedStyle(e).outlineStyle != "none"}; })()`
	type focus struct {
		What string
		Seen bool
	}
	at := chromedp.Evaluate[focus](focused)
	size(t, tab, 1280, "light")
	show(t, tab, serving(t, world{destination: d, feeds: feeds}), drawn)
	do(t, tab, chromedp.KeyEvent(kb.Tab))
	skip := see(t, tab, at)
	do(t, tab, chromedp.KeyEvent(kb.Enter))
	main := see(t, tab, at)
	if skip.What != "A #status" || !skip.Seen || main.What != "MAIN status" {
		t.Errorf("the first tab leads to %+v, and from there to %+v", skip, main)
	}
	summaries := see(t, tab, chromedp.Evaluate[int64](`document.querySelectorAll("summary").length`))
	reached := int64(0)
	for range 200 {
		do(t, tab, chromedp.KeyEvent(kb.Tab))
		on := see(t, tab, at)
		if strings.HasPrefix(on.What, "BODY") {
			break
		}
		if !on.Seen {
			t.Errorf("the focus on %s cannot be seen", on.What)
		}
		if strings.HasPrefix(on.What, "SUMMARY") {
			reached++
			do(t, tab, chromedp.KeyEvent(" "))
		}
	}
	opened := see(t, tab, chromedp.Evaluate[int64](`document.querySelectorAll("details[open]").length`))
	if summaries < 8 || reached != summaries || opened != summaries {
		t.Errorf("of %d details %d are reached and %d opened", summaries, reached, opened)
	}
}

// TestThePageHasTheDestinationsNumbers compares what the browser shows with what
// was loaded.
func TestThePageHasTheDestinationsNumbers(t *testing.T) {
	t.Parallel()
	w, counts := loaded(t)
	tab := newTab(t)
	show(t, tab, serving(t, w), drawn)
	tables := see(t, tab, chromedp.Evaluate[[][][]string](`[...document.querySelectorAll("#charts table")].map(table =>
		[...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent)))`))
	if len(tables) != 3 {
		t.Fatalf("there are %d tables of charts", len(tables))
	}
	seen := 0
	for i, row := range tables[0] {
		count := counts[row[0]]
		rate, p50, p95 := "none", "none", "none"
		if count[0] > 0 {
			seen++
			rate, p50, p95 = percent(count[2], count[1]), "0.5 s", "1.5 s" // of turns of 0.5 s and 1.5 s
		}
		if row[1] != fmt.Sprint(count[0]) || tables[1][i][1] != p50 || tables[1][i][2] != p95 || tables[2][i][1] != rate {
			t.Errorf("%s has %s, %s and %s; %d conversations were loaded, %d of %d handed over",
				row[0], row[1:], tables[1][i][1:], tables[2][i][1:], count[0], count[2], count[1])
		}
	}
	if seen != len(counts) {
		t.Errorf("%d days are shown, %d were loaded", seen, len(counts))
	}
	figures := see(t, tab, chromedp.Text("#feeds dl"))
	all := 0
	for _, count := range counts {
		all += count[0]
	}
	if !strings.Contains(figures, fmt.Sprintf("Conversations\n%d", all)) {
		t.Errorf("the feed has %s; %d were loaded", figures, all)
	}
}

func percent(n, of int) string {
	rate := fmt.Sprintf("%.3g", 100*float64(n)/float64(of))
	return rate + " %"
}
