package report

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"convsync/internal/answer"
	"convsync/internal/coverage"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

// Options say what a report is about.
type Options struct {
	// Period; the last Days complete days unless set.
	Period Period
	// Days is the length of a period that is not set; 28 unless set.
	Days int
	// Compare adds the period of the same length before.
	Compare bool
	// Environment; live unless set.
	Environment string
	// Projects, by their stored ids; all that are stored unless set.
	Projects []string
	// Now is the time of the report.
	Now     time.Time
	Version string
}

// Open opens the tables of a destination, all of one commit, for statements about
// conversations that started in a range. Without one, the tables of conversations and of
// their parts may be empty.
type Open func(ctx context.Context, within warehouse.Range) (answer.Source, error)

// afterwards is how long after a conversation a repeat contact is looked for.
const afterwards = 7 * 24 * time.Hour

// Collect computes a report. It takes two snapshots: a small one, which tells which
// days are complete, and one that has all figures.
func Collect(ctx context.Context, open Open, o Options) (*Report, error) {
	o.Environment = cmp.Or(o.Environment, "live")
	if o.Days < 0 || o.Days > MaxDays {
		return nil, fmt.Errorf("a period of %d days: expected 1 to %d", o.Days, MaxDays)
	}
	if !o.Period.IsZero() {
		if err := o.Period.check(); err != nil {
			return nil, err
		}
	}
	c := &collector{
		options:   o,
		statement: statement{environment: o.Environment, projects: o.Projects},
		report:    &Report{GeneratedAt: o.Now.UTC(), Version: o.Version, Environment: o.Environment},
	}
	if err := c.with(ctx, open, warehouse.Range{}, c.plan); err != nil {
		return nil, err
	}
	if c.nothingRead() {
		c.finish()
		return c.report, nil
	}
	within := c.statement.within
	within.Until = within.Until.Add(afterwards)
	if err := c.with(ctx, open, within, c.collect); err != nil {
		return nil, err
	}
	c.finish()
	return c.report, nil
}

// collector computes a report.
type collector struct {
	options   Options
	statement statement
	report    *Report

	environments []string // that are stored
	days         map[string]*Counts
	dayIsPartial map[string]bool
	dayLatency   map[string]Latency
	metrics      map[string]*Metric
}

// with opens the destination for a function.
func (c *collector) with(ctx context.Context, open Open, within warehouse.Range, do func(context.Context, answer.Source) error) error {
	source, err := open(ctx, within)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // nothing is written
	c.statement.dialect = warehouse.Postgres
	if source.Dialect() == "duckdb" {
		c.statement.dialect = warehouse.DuckDB
	}
	return do(ctx, source)
}

// plan reads which days are complete, and chooses the period.
func (c *collector) plan(ctx context.Context, source answer.Source) error {
	if err := c.readFeeds(ctx, source); err != nil {
		return err
	}
	r := c.report
	if r.Period = c.options.Period; r.Period.IsZero() {
		r.Period = lastDays(r.Feeds, c.options.Now, cmp.Or(c.options.Days, DefaultDays))
	}
	c.statement.period, c.statement.all = r.Period, r.Period
	if c.options.Compare {
		before := r.Period.before()
		r.Previous = &before
		c.statement.all.From = before.From
	}
	c.statement.within = rangeOf(c.statement.all, r.Feeds)
	return nil
}

// collect reads the figures.
func (c *collector) collect(ctx context.Context, source answer.Source) error {
	c.days, c.dayIsPartial, c.dayLatency = map[string]*Counts{}, map[string]bool{}, map[string]Latency{}
	c.metrics = map[string]*Metric{}
	c.report.Current = newSummary()
	if c.report.Previous != nil {
		c.report.Before = newSummary()
	}
	if err := c.readFeeds(ctx, source); err != nil { // as of the commit of the figures
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	latencies := c.readLatencies(ctx, source)
	for _, s := range []struct {
		file string
		add  func(record)
	}{
		{"counts.sql", c.addCounts},
		{"contacts.sql", c.addContacts},
		{"reasons.sql", c.addReason},
		{"metrics.sql", c.addMetric},
		{"quality.sql", c.addQuality},
	} {
		if err := c.statement.ask(ctx, source, s.file, s.add); err != nil {
			stop()
			_, _ = latencies() // its connection is closed
			return err
		}
	}
	rows, err := latencies()
	for _, r := range rows {
		c.addLatency(r)
	}
	return err
}

// sharer opens another source of the same commit, for statements at the same time.
type sharer interface {
	Share(ctx context.Context) (answer.Source, error)
}

// readLatencies starts the statement that takes as long as all others together, next to
// them if the source can do that: Postgres, where most of it runs on one core. The
// function that it returns waits for the rows.
func (c *collector) readLatencies(ctx context.Context, source answer.Source) (wait func() ([]record, error)) {
	read := func(from answer.Source) ([]record, error) { return c.statement.read(ctx, from, "latency.sql") }
	shared, ok := source.(sharer)
	if !ok {
		return func() ([]record, error) { return read(source) }
	}
	other, err := shared.Share(ctx)
	if err != nil { // such as a role that may have one connection
		return func() ([]record, error) { return read(source) }
	}
	var rows []record
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer other.Close() //nolint:errcheck // nothing is written
		defer panics.Recover(&err)
		rows, err = read(other)
	}()
	return func() ([]record, error) {
		<-done
		return rows, err
	}
}

func newSummary() *Summary { return &Summary{Transcripts: map[string]int64{}} }

// readFeeds reads the projects and their coverage.
func (c *collector) readFeeds(ctx context.Context, source answer.Source) error {
	c.report.Feeds, c.environments = nil, nil
	if err := c.statement.ask(ctx, source, "feeds.sql", c.addFeed); err != nil {
		return err
	}
	byID := map[string]*Feed{}
	for i := range c.report.Feeds {
		byID[c.report.Feeds[i].ProjectID] = &c.report.Feeds[i]
	}
	err := c.statement.ask(ctx, source, "coverage.sql", func(r record) {
		from, until := r.moment("covered_from"), r.moment("covered_until")
		if f := byID[r.text("project_id")]; f != nil && from != nil && until != nil {
			f.read.Read = append(f.read.Read, coverage.Range{From: *from, Until: *until})
		}
	})
	sortFeeds(c.report.Feeds)
	return err
}
