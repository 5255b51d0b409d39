package serve

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

const keyRefused = "the source refused the key (401): GET https://api.example.com/v3: answered 401 Unauthorized"

// failingFor makes the last runs fail for a feed, hours ago the first of them.
func failingFor(d *fakeDestination, f load.Feed, now time.Time, why string, hours int) {
	good := d.runs[0]
	good.StartedAt, good.FinishedAt = stamp(now, time.Duration(hours+1)*time.Hour), warehouse.Some(stamp(now, time.Duration(hours+1)*time.Hour))
	d.runs = nil
	for i := 1; i <= hours; i++ {
		d.runs = append(d.runs, warehouse.SyncRun{
			Kind:       pipeline.KindIncremental,
			Status:     warehouse.RunPartial,
			Error:      warehouse.Text("project " + f.ProjectID + " (live): " + why + "\nand its second line"),
			StartedAt:  stamp(now, time.Duration(i)*time.Hour),
			FinishedAt: warehouse.Some(stamp(now, time.Duration(i)*time.Hour-time.Minute)),
		})
	}
	d.runs = append(d.runs, good)
	s := d.states[f]
	s.Watermark, s.WatermarkAt = good.StartedAt, good.StartedAt
	for i := range s.Coverage {
		s.Coverage[i].Until, s.Coverage[i].ReadAt = min(s.Coverage[i].Until, good.StartedAt), min(s.Coverage[i].ReadAt, good.StartedAt)
	}
	d.states[f] = s
}

// One project's source is down: the data of the others is up to date.
func TestFailingFeed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(5, now)
	down := feeds[3].key()
	failingFor(destination, down, now, keyRefused, 3)
	s := newServer(t, Options{Destination: destination, Feeds: feeds, Lookback: 168 * time.Hour})
	html := get(s, "/").Body.String()
	page := words(html)
	for _, want := range []string{
		"Failing acme-team-4 (live) is failing: the source refused the key (401).", "(3 hours ago)", "answered 401 Unauthorized", "Runbook: ConvsyncRunsFail",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for _, wrong := range []string{"up to date", "All is well", "The last run was partial", "has gaps"} {
		if strings.Contains(page, wrong) {
			t.Errorf("the page says %q", wrong)
		}
	}
	if rows := html[strings.Index(html, "All feeds, with the worst first"):]; strings.Index(rows, "acme-team-4") > strings.Index(rows, "acme-team-1") ||
		strings.Count(rows[:strings.Index(rows, "</table>")], `<span class="mark bad">Failing</span>`) != 1 {
		t.Error("the failing feed is not the first, or not the only one that is red")
	}
	if !strings.Contains(html, `<title>Failing – convsync: acme-team-4 (live) is failing`) {
		t.Error("the title does not say it")
	}
	if got := get(s, "/runbooks/ConvsyncRunsFail.md"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "## What to do") {
		t.Errorf("the runbook is answered %d", got.Code)
	}
	if got := get(s, "/runbooks/..%2fdoc.go"); got.Code != http.StatusNotFound {
		t.Errorf("what is no runbook is answered %d", got.Code)
	}
}

func TestFailureOf(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		change func(d *fakeDestination, f load.Feed)
		failed bool
		level  level
	}{
		"still":      {func(*fakeDestination, load.Feed) {}, true, levelBad},
		"read again": {func(d *fakeDestination, f load.Feed) { setRead(d, f, stamp(now, time.Minute)) }, false, levelGood},
		"in the run after": {func(d *fakeDestination, f load.Feed) {
			d.runs[0].Status, d.runs[0].Error = warehouse.RunSucceeded, ""
			setRead(d, f, d.runs[0].StartedAt)
		}, false, levelGood},
		"a run of others": {func(d *fakeDestination, _ load.Feed) {
			d.runs[0].Status, d.runs[0].Error = warehouse.RunSucceeded, ""
		}, true, levelBad},
		"to confirm": {func(d *fakeDestination, _ load.Feed) {
			d.runs[0].Error = "project acme-team-1 (live): many conversations are missing at the source: 9 of 10"
		}, true, levelLook},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination, feeds := healthy(1, now)
			f := feeds[0].key()
			failingFor(destination, f, now, keyRefused, 2)
			c.change(destination, f)
			s := newServer(t, Options{Destination: destination, Feeds: feeds})
			view := newPage(s.watch.snapshot(), &s.options, now).Feeds[0]
			if failed := view.Failure != nil; failed != c.failed || view.Level != c.level {
				t.Errorf("it failed: %t (%+v), and it is %s", failed, view.Failure, view.Level)
			}
		})
	}
}

func setRead(d *fakeDestination, f load.Feed, at warehouse.Timestamp) {
	s := d.states[f]
	s.Watermark, s.WatermarkAt = at, at
	s.Coverage = []load.Range{{From: s.Coverage[0].From, Until: at, ReadAt: warehouse.TimestampOf(at.Time().Truncate(time.Second))}}
	d.states[f] = s
}

// Hundreds of failing feeds are some and a number, with the first in the sentence.
func TestManyFailingFeeds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	destination, feeds := healthy(20, now)
	for i := range feeds {
		runs := destination.runs
		failingFor(destination, feeds[i].key(), now, keyRefused, 1)
		if i > 0 {
			destination.runs[0].Error = runs[0].Error + "\n" + destination.runs[0].Error
		}
		destination.runs[0].Status = warehouse.RunFailed
	}
	v := newPage(newServer(t, Options{Destination: destination, Feeds: feeds}).watch.snapshot(), &Options{Feeds: feeds, Metrics: NewMetrics(), Next: func() []Scheduled { return nil }, StaleAfter: 26 * time.Hour}, now).Verdict
	if want := "acme-team-1 (live) is failing: the source refused the key (401). 8 more issues."; v.Sentence != want || len(v.Problems) != namedFeeds+1 {
		t.Errorf("%d problems: %s", len(v.Problems), v.Sentence)
	}
	if last := v.Problems[namedFeeds].What; last != fmt.Sprintf("%d more feeds are failing", 20-namedFeeds) {
		t.Error(last)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	now := time.Now()
	hourly := func(after time.Time) time.Time { return after.Truncate(time.Hour).Add(2 * time.Hour) }
	for name, c := range map[string]struct {
		last    time.Duration // before now, of run and reading
		started time.Duration // before now
		running bool
		idle    bool
	}{
		"runs happen":          {50 * time.Minute, 10 * time.Hour, false, false},
		"none for two":         {3 * time.Hour, 10 * time.Hour, false, true},
		"one goes":             {3 * time.Hour, 10 * time.Hour, true, false},
		"just started":         {3 * time.Hour, time.Minute, false, false},
		"dated in the future":  {-20 * time.Hour, 10 * time.Hour, false, true},
		"in the future, young": {-20 * time.Hour, time.Minute, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			destination, feeds := healthy(1, now)
			destination.runs[0].StartedAt, destination.runs[0].FinishedAt = stamp(now, c.last), warehouse.Some(stamp(now, c.last))
			recorded := destination.runs[0] // work on recordings is no sign that runs start
			recorded.Kind, recorded.StartedAt, recorded.FinishedAt = pipeline.KindAudio, stamp(now, time.Minute), warehouse.Some(stamp(now, 0))
			destination.runs = append([]warehouse.SyncRun{recorded}, destination.runs...)
			setRead(destination, feeds[0].key(), stamp(now, c.last))
			var sight Sight
			o := Options{
				Destination:    destination,
				Feeds:          feeds,
				SecondRunAfter: hourly,
				Metrics:        NewMetrics(),
				StaleAfter:     300 * time.Hour,
				Watched:        func(seen Sight) { sight = seen },
			}
			if c.running {
				p, _, _ := goingRun("run-2")
				o.Metrics.Follow(p)
			}
			s := newServer(t, o)
			s.options.started = now.Add(-c.started)
			s.watch.idle = func(seen *snapshot, now time.Time) time.Time {
				return seen.idleSince(&s.options, s.options.started, now)
			}
			s.watch.refresh(t.Context())
			page := words(get(s, "/").Body.String())
			if said := strings.Contains(page, "Failing No run has started for "); said != c.idle || sight.IdleSince.IsZero() == c.idle {
				t.Errorf("the page says it: %t, and it is noticed since %s\n%s", said, sight.IdleSince, page)
			}
		})
	}
}
