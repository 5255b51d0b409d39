package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// The kinds of run.
const (
	KindIncremental = "incremental"
	KindBackfill    = "backfill"
	KindRepair      = "repair"
	KindEvent       = "event" // a short run for an event of a webhook
	KindAudio       = "audio" // checks and copies of recordings, which package recordings does
)

// Report is the result of a run. Its JSON is the output of `convsync run --output json`.
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
	// Warnings has problems that need attention although nothing failed.
	Warnings []string `json:"warnings"`
	// Error is the reason why the run as a whole is not complete; null if there is
	// none. Errors of single projects are in Projects.
	Error *Failure `json:"error"`
	// Seconds is the duration of the run.
	Seconds float64 `json:"seconds"`

	// Errors has the errors of single feeds, and of the run.
	Errors []error `json:"-"`
	// NewRejects counts conversations that no earlier run had rejected.
	NewRejects int64 `json:"-"`
	// Missing counts conversations that were marked as missing or deleted.
	Missing int64 `json:"-"`
	// StateKnown says that Watermark, Open, Holes and Gaps of the Projects were
	// read from the destination. Otherwise they are zero.
	StateKnown bool `json:"-"`
	// FirstLoad says that no feed had coverage before the run.
	FirstLoad bool `json:"-"`
	// Drift counts occurrences of unknown fields, types and values.
	Drift int64 `json:"-"`

	// Traffic has further figures of the requests.
	Traffic Traffic `json:"-"`

	mu         sync.Mutex
	feeds      map[load.Feed]*Project // results so far
	failed     int                    // feeds
	incomplete int                    // feeds with parts that failed
	succeeded  int                    // feeds
	server     serverTime
}

// serverTime is the first server time of a source, with the local time then.
type serverTime struct{ source, local time.Time }

// noteSource records server time. If there are several sources, the one whose
// clock is behind the others counts.
func (r *Report) noteSource(source, local time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server.local.IsZero() || source.Sub(local) < r.server.source.Sub(r.server.local) {
		r.server = serverTime{source, local}
	}
}

// sourceAt returns server time at the end of the run; NULL if no source responded.
func (r *Report) sourceAt() warehouse.Null[warehouse.Timestamp] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server.local.IsZero() {
		return warehouse.Null[warehouse.Timestamp]{}
	}
	took := max(0, r.FinishedAt.Sub(r.server.local)) // monotonic if the clock is
	return warehouse.Some(warehouse.TimestampOf(r.server.source.Add(took)))
}

// Traffic has figures of the requests of a run.
type Traffic struct {
	Bytes     int64         // received
	Waited    time.Duration // before retries
	Responses map[int]int64 // by HTTP status; 0: no response
}

// Conversations counts conversations. One that was read twice counts twice.
// Each one that was read was inserted, updated, unchanged or rejected.
type Conversations struct {
	Read      int64 `json:"read"`
	Inserted  int64 `json:"inserted"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
}

// Project is the result of a run for one feed, with the state of the feed.
type Project struct {
	ProjectID   string `json:"project_id"`
	Environment string `json:"environment"`
	// Status is succeeded, partial (parts failed, or there are new rejects), failed
	// or not_run.
	Status        string        `json:"status"`
	Error         *Failure      `json:"error"`     // null: none
	Watermark     *time.Time    `json:"watermark"` // null: not everything since the start is covered yet
	Open          int           `json:"open"`      // conversations in the open-conversation queue
	Holes         int           `json:"holes"`     // seconds that the source fails to return
	Conversations Conversations `json:"conversations"`
	Seconds       float64       `json:"seconds"` // duration of reading it
	Gaps          []Gap         `json:"gaps"`    // not read yet, from the start of the history to the end of the coverage
}

// NotRun is the status of a feed that the run did not start to read.
const NotRun = "not_run"

// Gap is a time range that was not read yet.
type Gap struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Gaps returns the gaps in a coverage from start to its end. If start is zero, it
// begins at the first covered range.
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
		RunID:     o.Owner.RunID,
		Kind:      kind,
		StartedAt: o.Clock().UTC(),
		Rows:      map[string]int64{},
		Projects:  []Project{},
		Warnings:  []string{},
		feeds:     map[load.Feed]*Project{},
	}
	for _, f := range o.Feeds {
		p := r.feed(f.Feed)
		p.Status = NotRun
	}
	o.Progress.run.Store(&runCounters{r, o.Stats, o.Budgets, o.projectIDs()})
	return r
}

// feed returns the result of a feed. The caller holds r.mu unless the run has not
// begun.
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

// settle sets the status of a feed, and its error unless err is nil.
func (r *Report) settle(f load.Feed, status string, err error) {
	p := r.feed(f)
	p.Status = worse(p.Status, status)
	if err != nil {
		p.Error = FailureOf(err)
	}
}

// worse returns the worse of two statuses.
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

// failFeed records the error of a feed that failed.
func (r *Report) failFeed(err *FeedError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	r.settle(err.Feed, warehouse.RunFailed, err.Err)
	r.Errors = append(r.Errors, err)
}

// feedIncomplete records the error of a feed with parts that could not be read.
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

// finish completes the report. err is the error of the run as a whole, or nil.
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

// fail completes the report of a run that was aborted by an error. A run that was
// stopped is partial, since what it committed remains stored.
func (r *Report) fail(err error) *Report {
	r.Status = warehouse.RunFailed
	failure := FailureOf(err)
	if errors.Is(err, context.Canceled) {
		r.Status = warehouse.RunPartial
		err = errors.New("the run was stopped; what was committed remains stored")
		failure = &Failure{CodeInterrupted, err.Error(), hints[CodeInterrupted]}
	}
	r.Errors = append(r.Errors, err)
	r.Error = failure
	return r
}

// listFeeds adds the feeds to the report if the run ended before it could read
// their state.
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

// Incomplete returns the reason why the run is not complete; nil if it is, or if
// the reason is unknown.
func (r *Report) Incomplete() error {
	if len(r.Errors) > 0 {
		return errors.Join(r.Errors...)
	}
	if r.Status == warehouse.RunPartial {
		return fmt.Errorf("new rejects: %d; each is a conversation that could not be read or was refused by the destination, and is stored in the table rejects with the reason", r.NewRejects)
	}
	return nil
}

// row returns the row of the run in sync_runs.
func (r *Report) row(o *Options) *warehouse.SyncRun {
	row := &warehouse.SyncRun{
		RunID:         r.RunID,
		Actor:         warehouse.Text(o.Owner.Actor),
		Host:          warehouse.Text(o.Owner.Host),
		Version:       warehouse.Text(o.Owner.Version),
		ConfigHash:    warehouse.Text(o.ConfigHash),
		Kind:          r.Kind,
		Status:        r.Status,
		StartedAt:     warehouse.TimestampOf(r.StartedAt),
		FinishedAt:    warehouse.Some(warehouse.TimestampOf(r.FinishedAt)),
		Requests:      r.Requests,
		Retries:       r.Retries,
		WaitedSeconds: warehouse.Some(r.Traffic.Waited.Seconds()),
		Bytes:         r.Traffic.Bytes,
		Read:          r.Conversations.Read,
		Inserted:      r.Conversations.Inserted,
		Updated:       r.Conversations.Updated,
		Unchanged:     r.Conversations.Unchanged,
		Rejected:      r.Conversations.Rejected,
		Drifting:      r.Drift,
	}
	if err := r.Incomplete(); err != nil {
		row.Error = warehouse.Text(err.Error())
	}
	row.SourceAt = r.sourceAt()
	row.Warnings = warehouse.Text(strings.Join(r.Warnings, "\n"))
	if b := o.Backfill; !b.Empty() {
		row.WindowFrom = warehouse.Some(timestamp(b.From))
		row.WindowUntil = warehouse.Some(timestamp(b.Until))
	}
	return row
}
