package serve

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// words is a page's text without tags, with single spaces.
func words(html string) string {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html, " ")
	return strings.Join(strings.Fields(text), " ")
}

func TestThePageShowsWhatTheSnapshotHas(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(2, now)
	second := feeds[1].key()
	summary := destination.summaries[second]
	summary.Rejects = 3
	summary.Drift = []warehouse.Drift{{
		Path:        "turns[].tempo",
		Kind:        "unknown_field",
		JSONType:    "number",
		Count:       4_321,
		FirstSeenAt: stamp(now, time.Hour),
		LastSeenAt:  stamp(now, time.Minute),
	}}
	destination.summaries[second] = summary
	destination.rejects = []warehouse.Reject{
		{ProjectID: second.ProjectID, Reason: "it has no start", Payload: "+44 7700 900123"},
		{ProjectID: second.ProjectID, Reason: "it has no start", Payload: "Ada Example"},
		{ProjectID: second.ProjectID, Reason: "it has no id"},
	}
	at := time.Date(2031, 5, 6, 2, 0, 0, 0, time.UTC)
	s := newServer(t, Options{
		Destination: destination, Feeds: feeds, Version: "1.2.3",
		Next: func() []Scheduled { return []Scheduled{{"nightly", at}} },
	})
	w := get(s, "/")
	page := words(w.Body.String())
	for _, want := range []string{
		"81,234", "Hidden transcripts 31", "Missing at the source 17", "Rejects 3", "4 minutes ago",
		"first read 1 minute 20 minutes 20 minutes 100",
		"2,204 1,109 1,011 84 0 1,043 7", "incremental succeeded 2 minutes",
		"it has no start 2", "it has no id 1", "turns[].tempo unknown_field number 4,321",
		"nightly : 6 May 2031, 02:00 UTC", "convsync 1.2.3",
		"The data is up to date, with 1 issue: acme-team-2 (live) has rejected conversations.", "convsync replay",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, secret := range []string{"7700", "Ada Example"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page shows %q of a reject", secret)
		}
	}
}

func TestPageHoles(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(1, now)
	f := feeds[0].key()
	state := destination.states[f]
	hole := state.Coverage[0].From
	state.Coverage[0].From += 1_000_000
	for n := range warehouse.Timestamp(7) {
		state.Holes = append(state.Holes, warehouse.Hole{
			From:      hole + n,
			Until:     hole + n + 1_000_000,
			Tries:     3,
			Reason:    "answered 500 <b>",
			NextTryAt: stamp(now, -time.Hour),
		})
	}
	destination.states[f] = state
	w := get(newServer(t, Options{Destination: destination, Feeds: feeds}), "/")
	page := words(w.Body.String())
	for _, want := range []string{"has seconds that the source fails to return", "requested 3 times, next attempt in", "answered 500 &lt;b&gt;", "and 2 more"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "has gaps in its coverage") {
		t.Error("a hole is shown as a gap")
	}
}

func TestThePageSaysWhetherAllIsWell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(d *fakeDestination, f load.Feed, now time.Time)
		want   []string
	}{
		"well": {func(*fakeDestination, load.Feed, time.Time) {}, []string{"All is well: data is complete up to 4 minutes ago."}},
		"stale": {func(d *fakeDestination, f load.Feed, now time.Time) {
			s := d.states[f]
			s.Watermark = stamp(now, 50*time.Hour)
			d.states[f] = s
		}, []string{"acme-team-1 (live) has old data: read up to 2 days 2 h ago.", "(24 hours ago)", "convsync check"}},
		"never read": {func(d *fakeDestination, f load.Feed, _ time.Time) { d.states[f] = load.FeedState{} },
			[]string{"First load, 0 % read. Feeds: acme-team-1 (live)", "Read up to first load, 0 % read", "Nothing has been read yet."}},
		"not to its beginning": {func(d *fakeDestination, f load.Feed, now time.Time) {
			s := d.states[f]
			s.Watermark = 0
			s.Coverage = []load.Range{{From: stamp(now, 34*24*time.Hour+time.Hour), Until: stamp(now, 0), ReadAt: stamp(now, time.Minute)}}
			d.states[f] = s
		}, []string{"First load, 34 % read. Feeds: acme-team-1 (live)", "Read up to first load, 34 % read"}},
		"no run": {func(d *fakeDestination, _ load.Feed, _ time.Time) { d.runs = nil },
			[]string{"No run has finished yet.", "convsync run starts one"}},
		"failing for long": {func(d *fakeDestination, _ load.Feed, now time.Time) {
			failed := warehouse.SyncRun{Kind: "incremental", Status: warehouse.RunFailed, StartedAt: stamp(now, 3*time.Hour), Error: "the key was refused\nproject two: the same"}
			older := failed
			older.StartedAt = stamp(now, 6*time.Hour)
			good := d.runs[0]
			good.StartedAt = stamp(now, 9*time.Hour)
			d.runs = []warehouse.SyncRun{failed, older, good}
		}, []string{"Failing The last run failed: the key was refused.", "The run before it did not succeed either.", "(6 hours ago)", "the key was refused project two: the same"}},
		"a warning": {func(d *fakeDestination, _ load.Feed, _ time.Time) {
			d.runs[0].Warnings = "the clock of the source is 8h0m0s ahead: correct it\nand another thing"
		}, []string{
			"with 2 issues: Warning of the last run: the clock of the source is 8h0m0s ahead.", "Warning of the last run: the clock of the source is 8h0m0s ahead.", "Warning of the last run: and another thing.",
			"Warning: the clock of the source is 8h0m0s ahead", "correct it", "The next run without this warning clears it.",
		}},
		"a gap": {func(d *fakeDestination, f load.Feed, now time.Time) {
			s := d.states[f]
			s.Coverage[0].Until = stamp(now, 25*time.Hour)
			d.states[f] = s
		}, []string{"acme-team-1 (live) has gaps in its coverage.", "Not read yet", "except for 1 gap."}},
		"late": {func(d *fakeDestination, f load.Feed, _ time.Time) {
			s := d.summaries[f]
			s.Lateness = []warehouse.Lateness{{Measure: load.LateChange, UpperSeconds: math.MaxInt64, Count: 100}}
			d.summaries[f] = s
		}, []string{"near the end of the lookback", "sync.lookback.daily", "more than 30 days"}},
	} {
		now := time.Now()
		destination, feeds := healthy(1, now)
		c.change(destination, feeds[0].key(), now)
		s := newServer(t, Options{Destination: destination, Feeds: feeds, Lookback: 168 * time.Hour})
		page := words(get(s, "/").Body.String())
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q:\n%s", name, want, page)
			}
		}
		if name != "well" && strings.Contains(page, "All is well") {
			t.Errorf("%s: the page says that all is well", name)
		}
	}
}

// TestPage_FailedVerification until the next one does.
func TestPage_FailedVerification(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(1, now)
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Lookback: 168 * time.Hour})
	const differs = "verify found 3 differences"
	for _, step := range []struct {
		report *pipeline.Report
		shown  bool
	}{
		{pipeline.Failed("verify", now, errors.New(differs)), true},
		{pipeline.Failed("incremental", now, errors.New("something else")), true},
		{&pipeline.Report{Kind: "verify", Status: warehouse.RunSucceeded}, false},
	} {
		s.options.Metrics.Observe(step.report)
		page := words(get(s, "/").Body.String())
		if strings.Contains(page, differs) != step.shown || strings.Contains(page, "All is well") == step.shown {
			t.Errorf("after %s %s, is it shown: %t\n%s", step.report.Kind, step.report.Status, !step.shown, page)
		}
	}
}

func TestHostileNamesStayText(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	now := time.Now()
	destination, _ := healthy(0, now)
	f := Feed{ProjectID: hostile, Environment: hostile, Start: now.Add(-time.Hour)}
	destination.states[f.key()] = load.FeedState{Watermark: stamp(now, time.Minute)}
	destination.summaries[f.key()] = load.FeedSummary{Rejects: 1, Drift: []warehouse.Drift{{Path: hostile, Kind: hostile, JSONType: hostile}}}
	destination.rejects = []warehouse.Reject{{ProjectID: hostile, Reason: hostile}}
	destination.runs = []warehouse.SyncRun{{Kind: hostile, Status: warehouse.RunFailed, Error: hostile}}
	s := newServer(t, Options{
		Destination: destination,
		Feeds:       []Feed{f},
		Version:     hostile,
		Next:        func() []Scheduled { return []Scheduled{{hostile, now}} },
		Charts: func(context.Context) ([]Chart, error) {
			return []Chart{{Title: hostile, Unit: hostile, Days: []time.Time{now}, Series: []Series{{hostile, []float64{1}}}}}, nil
		},
	})
	page := get(s, "/").Body.String()
	for _, never := range []string{"<script", "<img", " onerror=alert(2)>"} {
		if strings.Contains(strings.ToLower(page), never) {
			t.Errorf("the page has %s", never)
		}
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 10 {
		t.Errorf("the names stand %d times on the page", n)
	}
}

// It is not parallel, and takes the quickest of some tries: a page costs some
// 20 ms, and what else the machine does is not measured.
// aHundredProjects shows a hundred projects, each hour of which was read by
// itself, as before they are merged.
func aHundredProjects(t testing.TB) *Server {
	now := time.Now()
	destination, feeds := healthy(100, now)
	for f, state := range destination.states {
		state.Coverage = nil
		for h := 24 * 100; h > 0; h-- {
			state.Coverage = append(state.Coverage, load.Range{
				From: stamp(now, time.Duration(h)*time.Hour), Until: stamp(now, time.Duration(h-1)*time.Hour), ReadAt: stamp(now, time.Duration(h-1)*time.Hour),
			})
		}
		destination.states[f] = state
	}
	return newServer(t, Options{Destination: destination, Feeds: feeds})
}

func TestAHundredProjectsMakeASmallPage(t *testing.T) {
	t.Parallel()
	page := get(aHundredProjects(t), "/").Body.String()
	if n := strings.Count(page, "<article"); n != 100 {
		t.Errorf("the page has %d feeds", n)
	}
	if len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// BenchmarkPage makes the page of a hundred projects.
func BenchmarkPage(b *testing.B) {
	s := aHundredProjects(b)
	for b.Loop() {
		get(s, "/")
	}
}

func TestADestinationThatIsAwayKeepsThePage(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	s := newServer(t, Options{Destination: destination, Feeds: feeds})
	destination.goAway(errAway)
	s.watch.refresh(t.Context())
	page := words(get(s, "/").Body.String())
	for _, want := range []string{"Failing The destination cannot be read: " + errAway.Error(), errAway.Error(), "from the last successful read", "81,234", "convsync check"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := get(s, path); w.Code != 200 {
			t.Errorf("%s is %d", path, w.Code)
		}
	}
	destination.goAway(nil)
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); !strings.Contains(page, "All is well") {
		t.Error("the page does not say that all is well again")
	}
}

func TestADestinationNeverReachedStillHasAPage(t *testing.T) {
	t.Parallel()
	destination, feeds := healthy(1, time.Now())
	s, err := New(Options{Destination: destination, Feeds: feeds})
	if err != nil {
		t.Fatal(err)
	}
	if page := get(s, "/").Body.String(); !strings.Contains(page, "Starting: the destination is being read") {
		t.Error("before the first reading the page does not say so")
	}
	destination.goAway(errAway)
	s.watch.refresh(t.Context())
	if page := get(s, "/").Body.String(); !strings.Contains(page, errAway.Error()) {
		t.Error("the page does not say why nothing is known")
	}
}

func TestThePageIsWellFormedAndForEverybody(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(5, now)
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Charts: func(context.Context) ([]Chart, error) {
		return []Chart{{Title: "Conversations", Bars: true, Days: []time.Time{now}, Series: []Series{{"all", []float64{3}}}}}, nil
	}})
	page := get(s, "/").Body.String()
	for _, never := range []string{" style=", "<style", "<script", "javascript:", "http://", "https://"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	tables, ids := 0, map[string]int{}
	var refs []string
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			attributes := map[string]string{}
			for _, a := range e.Attr {
				attributes[a.Name.Local] = a.Value
			}
			if id := attributes["id"]; id != "" {
				ids[id]++
			}
			refs = append(refs, strings.Fields(attributes["aria-labelledby"]+" "+attributes["aria-describedby"])...)
			if href, ok := strings.CutPrefix(attributes["href"], "#"); ok {
				refs = append(refs, href)
			}
			switch {
			case e.Name.Local == "table":
				tables++
			case e.Name.Local == "caption":
				tables--
			case e.Name.Local == "th" && attributes["scope"] == "":
				t.Error("a th has no scope")
			case e.Name.Local == "svg" && (attributes["role"] != "img" || attributes["aria-labelledby"] == ""):
				t.Error("a picture has no text")
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> ends %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if tables != 0 {
		t.Errorf("%d tables have no caption", tables)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %s stands %d times", id, n)
		}
	}
	for _, ref := range refs {
		if ids[ref] == 0 {
			t.Errorf("nothing has the id %s", ref)
		}
	}
}
