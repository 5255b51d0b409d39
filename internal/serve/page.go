package serve

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

//go:embed page.html recordings.html running.html style.css
var files embed.FS

// pageTemplate parses the templates once they are needed: most commands need none.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Funcs(template.FuncMap{"grouped": grouped, "coded": coded}).
		ParseFS(files, "page.html", "recordings.html", "running.html"))
})

// coded marks `commands` in a text as code.
func coded(text string) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(text), "`")
	for i := 1; i+1 < len(parts); i += 2 {
		parts[i] = "<code>" + parts[i] + "</code>"
	}
	return template.HTML(strings.Join(parts, "")) //nolint:gosec // escaped above
}

// page is the data of the template.
type page struct {
	now time.Time

	Version    string
	Now, Read  moment // Read: when the destination was last read; zero: not yet
	Away       bool   // the last read of the destination failed
	Verdict    verdict
	Feeds      []*feedView     // worst first
	Report     bool            // there is a report
	Overview   bool            // many feeds: a table first, and details folded
	Recordings *recordingsView // nil: those of no project are checked or stored
	Running    []runningView
	Runs       []runView
	Next       []nextView
	Charts     []chartView

	Transcripts bool // there is a page for a conversation
}

// feedView is a feed on the page.
type feedView struct {
	ID                     string // of its section
	ProjectID, Environment string
	Level                  level
	Watermark, Newest      moment
	Conversations, Hidden  int64
	Missing, Rejects       int64
	Open                   int
	Holes                  []string // the first few
	MoreHoles              int
	OldestOpen             moment
	Strips                 []strip
	Gaps                   []string // the first few
	MoreGaps               int
	Reasons                []reasonView
	Drift                  []driftView
	Late                   []lateView

	gaps       []span
	staleSince time.Time // zero: it is not stale
	late       bool
	Failure    *failure // nil: its last read succeeded
	loading    bool     // its first load is not complete
	loaded     int      // percent of the history, while it is loading
}

// Name is the unique name of the feed.
func (f *feedView) Name() string { return f.ProjectID + " (" + f.Environment + ")" }

// ReadUpTo replaces the watermark during the first load.
func (f *feedView) ReadUpTo() string {
	if f.loading {
		return fmt.Sprintf("first load, %d %% read", f.loaded)
	}
	return ""
}

// FailingSince is the time since which the feed is failing.
func (f *feedView) FailingSince(now moment) moment {
	return momentOf(f.Failure.since, now.At, time.UTC)
}

// GapCount is the number of gaps in the coverage.
func (f *feedView) GapCount() int { return len(f.gaps) }

// Folded reports whether the details of the feed are folded.
func (f *feedView) Folded() bool { return f.Level == levelGood }

type reasonView struct {
	Text  string
	Count int64
}

type driftView struct {
	Path, Kind, Type string
	Count            int64
	First, Last      moment
}

type lateView struct {
	Measure       string // in words
	Count         int64
	P50, P95, P99 string
}

type runView struct {
	Kind, Status                       string
	Level                              level
	Started                            moment
	Took                               string
	Read, Inserted, Updated, Unchanged int64
	Rejected, Requests, Retries        int64
	Errors, Warnings                   []string
	MoreErrors                         int
}

type nextView struct {
	Name string
	At   moment
}

func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if err := pageTemplate().Execute(&body, newPage(s.watch.snapshot(), &s.options, time.Now())); err != nil {
		s.options.Log.Error("cannot render the status page", "error", err)
		http.Error(w, "The status page cannot be rendered; see the log for the reason.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w) // the client may have disconnected
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "style.css")
}

// ListedRuns is the number of runs that the page lists.
const ListedRuns = 10

const (
	overviewFrom  = 4 // feeds
	listedErrors  = 5
	listedGaps    = 5
	listedReasons = 10
	listedDrift   = 30
)

func newPage(s *snapshot, o *Options, now time.Time) *page {
	p := &page{
		now:      now,
		Version:  o.Version,
		Now:      momentOf(now, now, time.UTC),
		Read:     momentOf(s.at, now, time.UTC),
		Away:     !s.failing.IsZero(),
		Overview: len(o.Feeds) >= overviewFrom,
		Report:   o.Report != nil,

		Transcripts: o.hasTranscripts(),
	}
	if !s.at.IsZero() {
		for i := range o.Feeds {
			p.Feeds = append(p.Feeds, newFeedView(fmt.Sprintf("feed-%d", i+1), &o.Feeds[i], s, o, now))
		}
	}
	p.Running = runningViews(o.Metrics, now)
	p.Verdict = p.judge(s, o)
	slices.SortStableFunc(p.Feeds, worstFirst)
	p.Recordings = p.newRecordingsView(s, o)
	for i := range min(len(s.runs), ListedRuns) {
		p.Runs = append(p.Runs, newRunView(&s.runs[i], now))
	}
	for _, n := range o.Next() {
		p.Next = append(p.Next, nextView{n.Name, momentOf(n.At, now, n.At.Location())})
	}
	for i := range s.charts {
		p.Charts = append(p.Charts, newChartView(fmt.Sprintf("chart-%d", i+1), &s.charts[i]))
	}
	return p
}

// worstFirst sorts by level, then failing feeds first.
func worstFirst(a, b *feedView) int {
	if c := int(b.Level - a.Level); c != 0 {
		return c
	}
	failing := func(f *feedView) int {
		if f.Failure != nil {
			return 1
		}
		return 0
	}
	return failing(b) - failing(a)
}

func newFeedView(id string, f *Feed, s *snapshot, o *Options, now time.Time) *feedView {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		zone = time.UTC // New has rejected it
	}
	state, summary := s.states[f.key()], s.summaries[f.key()]
	v := &feedView{
		ID:            id,
		ProjectID:     f.ProjectID,
		Environment:   f.Environment,
		Watermark:     stampOf(state.Watermark, now, zone),
		Newest:        stampOf(summary.Newest, now, zone),
		Conversations: summary.Conversations,
		Hidden:        summary.Hidden,
		Missing:       summary.Missing,
		Rejects:       summary.Rejects,
		Open:          len(state.Open),
		Strips:        drawCoverage(id, &state, f.Start, now, zone),
		gaps:          gapsOf(state.Accounted(), f.Start),
		late:          comesLate(&summary, o.Lookback),
		Late:          lateViews(&summary),
		Failure:       failureOf(s.runs, f.key(), &state),
	}
	v.loaded, v.loading = firstLoad(&state, f.Start, now)
	if len(state.Open) > 0 {
		v.OldestOpen = stampOf(state.Open[0].StartedAt, now, zone)
	}
	if stale := v.Watermark.At.Add(o.StaleAfter); !v.Watermark.IsZero() && stale.Before(now) {
		v.staleSince = stale
	}
	for i, g := range v.gaps {
		if i == listedGaps {
			v.MoreGaps = len(v.gaps) - i
			break
		}
		v.Gaps = append(v.Gaps, g.in(zone))
	}
	v.addHoles(&state, now, zone)
	for _, r := range s.reasons[f.key()][:min(len(s.reasons[f.key()]), listedReasons)] {
		v.Reasons = append(v.Reasons, reasonView{r.text, r.count})
	}
	for _, d := range summary.Drift[:min(len(summary.Drift), listedDrift)] {
		v.Drift = append(v.Drift, driftView{
			d.Path, d.Kind, d.JSONType, d.Count, stampOf(d.FirstSeenAt, now, zone), stampOf(d.LastSeenAt, now, zone),
		})
	}
	return v
}

// addHoles lists the seconds that the source fails to return.
func (f *feedView) addHoles(state *load.FeedState, now time.Time, zone *time.Location) {
	for i := range state.Holes {
		if i == listedGaps {
			f.MoreHoles = len(state.Holes) - i
			break
		}
		h := &state.Holes[i]
		f.Holes = append(f.Holes, fmt.Sprintf("%s, requested %s, next attempt %s: %s",
			h.From.Time().In(zone).Format("2 Jan 2006, 15:04:05 MST"), count(h.Tries, "time"), stampOf(h.NextTryAt, now, zone).Ago, h.Reason))
	}
}

func lateViews(summary *load.FeedSummary) []lateView {
	var views []lateView
	for _, m := range []struct{ measure, words string }{
		{load.LateArrival, "first read"}, {load.LateFinal, "first read as ended"}, {load.LateChange, "found changed after its end"},
	} {
		p50, n := load.Late(summary.Lateness, m.measure, 0.50)
		if n == 0 {
			continue
		}
		p95, _ := load.Late(summary.Lateness, m.measure, 0.95)
		p99, _ := load.Late(summary.Lateness, m.measure, 0.99)
		views = append(views, lateView{m.words, n, length(p50), length(p95), length(p99)})
	}
	return views
}

func newRunView(r *warehouse.SyncRun, now time.Time) runView {
	v := runView{
		Kind:      r.Kind,
		Started:   stampOf(r.StartedAt, now, time.UTC),
		Took:      "unknown",
		Read:      r.Read,
		Inserted:  r.Inserted,
		Updated:   r.Updated,
		Unchanged: r.Unchanged,
		Rejected:  r.Rejected,
		Requests:  r.Requests,
		Retries:   r.Retries,
		Errors:    inWords(string(r.Error)),
		Warnings:  inWords(string(r.Warnings)),
	}
	if r.FinishedAt.Valid {
		v.Took = length(r.FinishedAt.V.Time().Sub(r.StartedAt.Time()))
	}
	if n := len(v.Errors); n > listedErrors {
		v.Errors, v.MoreErrors = v.Errors[:listedErrors], n-listedErrors
	}
	switch r.Status {
	case warehouse.RunSucceeded:
		v.Status = "succeeded"
	case warehouse.RunPartial:
		v.Status, v.Level = "partial", levelLook
	case warehouse.RunKilled:
		v.Status, v.Level = "killed", levelLook
	default:
		v.Status, v.Level = "failed", levelBad
	}
	return v
}
