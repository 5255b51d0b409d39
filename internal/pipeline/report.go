package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The kinds of run.
const (
	KindIncremental = "incremental"
	KindBackfill    = "backfill"
	KindRepair      = "repair"
	KindEvent       = "event" // a narrow one, that a webhook's event led to
)

// Report is what came of a run; its JSON is `convsync run --output json`.
type Report struct {
	RunID         string           `json:"run_id"`
	Status        string           `json:"status"` // succeeded, partial, failed
	Kind          string           `json:"kind"`
	StartedAt     time.Time        `json:"started_at"`
	FinishedAt    time.Time        `json:"finished_at"`
	Requests      int64            `json:"requests"`
	Retries       int64            `json:"retries"`
	Conversations Conversations    `json:"conversations"`
	Rows          map[string]int64 `json:"rows"` // written, by table
	Projects      []Project        `json:"projects"`
	// Warnings say what a person should look at though nothing failed.
	Warnings []string `json:"warnings"`
	// Error is why the run as a whole is not complete; null: what failed, if
	// anything, failed in single projects.
	Error *Failure `json:"error"`
	// Seconds is how long the run took.
	Seconds float64 `json:"seconds"`

	// Errors say what failed, for people: of single feeds, and of the run.
	Errors []error `json:"-"`
	// NewRejects were not rejected by an earlier run.
	NewRejects int64 `json:"-"`
	// Missing are stored and no longer listed by the source: marked or deleted.
	Missing int64 `json:"-"`
	// StateKnown says that Watermark, Open, Holes and Gaps of the Projects were
	// read from the destination. Otherwise they are zero.
	StateKnown bool `json:"-"`
	// FirstLoad says that nothing was stored of any feed before.
	FirstLoad bool `json:"-"`
	// Drift counts sightings of fields and forms that are not known.
	Drift int64 `json:"-"`

	// Traffic is what went over the wire, beside Requests and Retries.
	Traffic Traffic `json:"-"`

	mu         sync.Mutex
	feeds      map[load.Feed]*Project // what is known of each so far
	failed     int                    // feeds
	incomplete int                    // feeds of which some part failed
	succeeded  int                    // feeds
	server     serverTime
}

// serverTime is what the clock of a source said first, and our clock then.
type serverTime struct{ source, local time.Time }

// noteSource records server time. Of several sources the one that is behind
// counts.
func (r *Report) noteSource(source, local time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server.local.IsZero() || source.Sub(local) < r.server.source.Sub(r.server.local) {
		r.server = serverTime{source, local}
	}
}

// sourceAt is server time at the end of the run; NULL: no source answered.
func (r *Report) sourceAt() warehouse.Null[warehouse.Timestamp] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server.local.IsZero() {
		return warehouse.Null[warehouse.Timestamp]{}
	}
	took := max(0, r.FinishedAt.Sub(r.server.local)) // monotonic, where the clock is
	return warehouse.Some(warehouse.TimestampOf(r.server.source.Add(took)))
}

// Traffic is what went over the wire in a run.
type Traffic struct {
	Bytes     int64         // received
	Waited    time.Duration // before requests were repeated
	Responses map[int]int64 // by HTTP status; 0: there was no answer
}

// Conversations counts conversations, each as often as it was read: what was
// read was inserted, updated, unchanged or rejected.
type Conversations struct {
	Read      int64 `json:"read"`
	Inserted  int64 `json:"inserted"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
}

// Project is the result of a run for one feed, and how far the feed is.
type Project struct {
	ProjectID   string `json:"project_id"`
	Environment string `json:"environment"`
	// Status is succeeded, partial (parts failed, or conversations were rejected
	// that no earlier run had rejected), failed, or not_run.
	Status        string        `json:"status"`
	Error         *Failure      `json:"error"`     // null: none
	Watermark     *time.Time    `json:"watermark"` // null: not everything since the start is covered yet
	Open          int           `json:"open"`      // conversations in the open-conversation queue
	Holes         int           `json:"holes"`     // seconds that the source cannot answer for
	Conversations Conversations `json:"conversations"`
	Seconds       float64       `json:"seconds"` // that reading it took
	Gaps          []Gap         `json:"gaps"`    // not read yet, from the start of the history to the end of the coverage
}

// NotRun is the status of a feed of which the run asked nothing.
const NotRun = "not_run"

// Gap is a time range that was not read yet.
type Gap struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Gaps are what a coverage lacks between the start of the history, where one is
// set, and its own end.
func Gaps(coverage []load.Range, start time.Time) []Gap {
	gaps, at := []Gap{}, start
	for _, c := range coverage {
		if from := c.From.Time(); from.After(at) && !at.IsZero() {
			gaps = append(gaps, Gap{at, from})
		}
		if until := c.Until.Time(); until.After(at) {
			at = until
		}
	}
	return gaps
}

func newReport(o *Options, kind string) *Report {
	r := &Report{
		RunID: o.Owner.RunID, Kind: kind, StartedAt: o.Clock().UTC(),
		Rows: map[string]int64{}, Projects: []Project{}, Warnings: []string{}, feeds: map[load.Feed]*Project{},
	}
	for _, f := range o.Feeds {
		p := r.feed(f.Feed)
		p.Status = NotRun
	}
	o.Progress.run.Store(&accounted{r, o.Stats, o.Budgets})
	return r
}

// counts is what was counted so far, without the source's side.
func (r *Report) counts() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Report{
		RunID: r.RunID, Kind: r.Kind, StartedAt: r.StartedAt, Conversations: r.Conversations, Rows: maps.Clone(r.Rows),
		NewRejects: r.NewRejects, Missing: r.Missing, Drift: r.Drift,
	}
}

// count takes over what the readers counted.
func (r *Report) count(s *extract.Stats) {
	r.Requests, r.Retries = s.Requests.Load(), s.Retries.Load()
	r.Traffic = Traffic{Bytes: s.Bytes.Load(), Waited: s.Waited(), Responses: s.Responses()}
}

// add counts what came of a stretch.
func (r *Report) add(c load.Counts, st *stretch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(c)
	r.Conversations.Read += st.read
	r.Conversations.Rejected += st.rejected
	of := r.feed(st.feed)
	of.Conversations.add(c)
	of.Conversations.Read += st.read
	of.Conversations.Rejected += st.rejected
	if c.NewRejects > 0 {
		of.Status = worse(of.Status, warehouse.RunPartial)
	}
	r.NewRejects += c.NewRejects
	r.Missing += c.Missing
	r.Drift += st.drifting + c.Elsewhere
}

// addAbandoned counts what came of a stretch that is abandoned. Only what the
// destination kept of it was read to an end; the rest is read again.
func (r *Report) addAbandoned(c load.Counts, st *stretch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(c)
	r.Conversations.Read += c.Inserted + c.Updated + c.Unchanged
	of := r.feed(st.feed)
	of.Conversations.add(c)
	of.Conversations.Read += c.Inserted + c.Updated + c.Unchanged
}

// keep counts what is in the destination.
func (r *Report) keep(c load.Counts) {
	r.Conversations.add(c)
	for table, n := range c.Rows {
		r.Rows[table] += n
	}
}

func (c *Conversations) add(kept load.Counts) {
	c.Inserted += kept.Inserted
	c.Updated += kept.Updated
	c.Unchanged += kept.Unchanged
}

// feed is what is known of a feed; r.mu is held, or the run has not begun.
func (r *Report) feed(f load.Feed) *Project {
	p := r.feeds[f]
	if p == nil {
		if r.feeds == nil {
			r.feeds = map[load.Feed]*Project{}
		}
		p = &Project{ProjectID: f.ProjectID, Environment: f.Environment, Gaps: []Gap{}}
		r.feeds[f] = p
	}
	return p
}

// took measures the work on a feed, from its beginning until it is called.
func (r *Report) took(f load.Feed, began time.Time) func(clock func() time.Time) {
	return func(clock func() time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.feed(f).Seconds = clock().Sub(began).Seconds()
	}
}

// settle gives a feed its status, and where it failed its error.
func (r *Report) settle(f load.Feed, status string, err error) {
	p := r.feed(f)
	p.Status = worse(p.Status, status)
	if err != nil {
		p.Error = FailureOf(err)
	}
}

// worse is the worse of two statuses.
func worse(a, b string) string {
	order := []string{NotRun, warehouse.RunSucceeded, warehouse.RunPartial, warehouse.RunFailed}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// warn records a warning, once.
func (r *Report) warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.Warnings, text) {
		r.Warnings = append(r.Warnings, text)
	}
}

// failFeed records why a feed failed.
func (r *Report) failFeed(err *FeedError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	r.settle(err.Feed, warehouse.RunFailed, err.Err)
	r.Errors = append(r.Errors, err)
}

// feedIncomplete records which parts of a feed could not be read.
func (r *Report) feedIncomplete(err *FeedError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incomplete++
	r.settle(err.Feed, warehouse.RunPartial, err.Err)
	r.Errors = append(r.Errors, err)
}

func (r *Report) feedDone(f load.Feed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.succeeded++
	r.settle(f, warehouse.RunSucceeded, nil)
}

// finish settles the report; err ended the run as a whole.
func (r *Report) finish(o *Options, err error) {
	r.FinishedAt = o.Clock().UTC()
	r.Seconds = r.FinishedAt.Sub(r.StartedAt).Seconds()
	r.count(o.Stats)
	r.listFeeds(o)
	switch {
	case err != nil:
		r.fail(err)
	case r.failed > 0 && r.succeeded+r.incomplete == 0:
		r.Status = warehouse.RunFailed
	case r.failed+r.incomplete > 0 || r.NewRejects > o.MaxRejects:
		r.Status = warehouse.RunPartial
	default:
		r.Status = warehouse.RunSucceeded
	}
}

// fail settles the report of a run that could not go on. One that was told to
// stop has kept what it published: it is partial.
func (r *Report) fail(err error) *Report {
	r.Status = warehouse.RunFailed
	failure := FailureOf(err)
	if errors.Is(err, context.Canceled) {
		r.Status = warehouse.RunPartial
		err = errors.New("the run was told to stop; what was published is kept")
		failure = &Failure{CodeInterrupted, err.Error(), hints[CodeInterrupted]}
	}
	r.Errors = append(r.Errors, err)
	r.Error = failure
	return r
}

// listFeeds lists the feeds also where the run ended before it could ask how
// far they are.
func (r *Report) listFeeds(o *Options) {
	if len(r.Projects) > 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range o.Feeds {
		r.Projects = append(r.Projects, *r.feed(o.Feeds[i].Feed))
	}
}

// Incomplete says why the run is not complete; nil: it is, or nobody knows.
func (r *Report) Incomplete() error {
	if len(r.Errors) > 0 {
		return errors.Join(r.Errors...)
	}
	if r.Status == warehouse.RunPartial {
		return fmt.Errorf("%d conversations could not be read, or were refused by the destination; they are kept in the table rejects, with the reason", r.NewRejects)
	}
	return nil
}

// row is the run's row in sync_runs.
func (r *Report) row(o *Options) *warehouse.SyncRun {
	row := &warehouse.SyncRun{
		RunID: r.RunID, Actor: warehouse.Text(o.Owner.Actor), Host: warehouse.Text(o.Owner.Host),
		Version: warehouse.Text(o.Owner.Version), ConfigHash: warehouse.Text(o.ConfigHash),
		Kind: r.Kind, Status: r.Status,
		StartedAt: warehouse.TimestampOf(r.StartedAt), FinishedAt: warehouse.Some(warehouse.TimestampOf(r.FinishedAt)),
		Requests: r.Requests, Retries: r.Retries, WaitedSeconds: warehouse.Some(r.Traffic.Waited.Seconds()), Bytes: r.Traffic.Bytes,
		Read: r.Conversations.Read, Inserted: r.Conversations.Inserted, Updated: r.Conversations.Updated,
		Unchanged: r.Conversations.Unchanged, Rejected: r.Conversations.Rejected, Drifting: r.Drift,
	}
	if err := r.Incomplete(); err != nil {
		row.Error = warehouse.Text(err.Error())
	}
	row.SourceAt = r.sourceAt()
	row.Warnings = warehouse.Text(strings.Join(r.Warnings, "\n"))
	if b := o.Backfill; !b.Empty() {
		row.WindowFrom = warehouse.Some(warehouse.TimestampOf(b.From.Time()))
		row.WindowUntil = warehouse.Some(warehouse.TimestampOf(b.Until.Time()))
	}
	return row
}
