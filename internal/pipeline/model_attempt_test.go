package pipeline

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/ratelimit"
	"convsync/internal/warehouse"
)

// attempt holds the options of a run, and the faults during it.
type attempt struct {
	backfill extract.Span
	trouble
	ending
	loss
	lookback []extract.Tier // nil: that of the world
	repairs  map[load.Feed]Repair
}

// troubled reports whether the run may end early.
func (a *attempt) troubled() bool {
	return len(a.trouble.at) > 0 || !a.broken.Empty() || a.brokenIn != "" || a.downEnd != 0 || a.stopAt > 0 || a.ending.at > 0 || a.loss.at > 0
}

func (w *world) options(a *attempt) Options {
	stats := &extract.Stats{}
	session, slots := extract.NewSession(ratelimit.NewBudget(ratelimit.BudgetOptions{PerSecond: noLimit})), semaphore.NewWeighted(int64(w.parallel))
	var feeds []Feed
	for _, f := range w.feeds() {
		reader := &extract.Reader{
			Source:      w.client,
			AccountID:   modelTransform.AccountID,
			ProjectID:   f.ProjectID,
			Environment: f.Environment,
			PageSize:    w.pageSize,
			Session:     session,
			Slots:       slots,
			Walks:       semaphore.NewWeighted(int64(w.parallel)),
			Stats:       stats,
			Backoff:     time.Microsecond,
		}
		rules := modelTransform
		rules.Environment = f.Environment
		feeds = append(feeds, Feed{Feed: f, Reader: reader, Transform: rules, Start: w.start})
	}
	if a.lookback == nil {
		a.lookback = w.lookback
	}
	return Options{
		Feeds:            feeds,
		Destination:      w.store,
		Owner:            load.Owner{RunID: fmt.Sprintf("run-%d", w.runs)},
		Stats:            stats,
		Backfill:         a.backfill,
		Lookback:         a.lookback,
		OpenAgeLimit:     w.openAge,
		DeleteMissing:    w.deleteMissing,
		MissingLimit:     w.limit,
		Repairs:          a.repairs,
		TransformWorkers: w.parallel,
		LoadWorkers:      w.parallel,
		windowLimit:      int64(1 + w.runs%3*20), // few, so that windows are cut
		Clock:            func() time.Time { return w.source.now().Time().Add(time.Duration(w.local) * time.Second) },
	}
}

// outcome is the state before and after a run.
type outcome struct {
	attempt
	report *Report
	err    error
	before standing
	began  extract.Second // right time at the start of the run
}

// earliest returns the earlier clock at the start of the run.
func (w *world) earliest(o *outcome) extract.Second {
	return o.began + min(w.clocks.source, w.clocks.local)
}

// standing is the state of the destination before a run.
type standing struct {
	rows  map[string]*warehouse.Rows
	feeds map[load.Feed]feedStanding
}

// feedStanding is the state of a feed before a run.
type feedStanding struct {
	coverage     []extract.Covered
	holes        []warehouse.Hole
	watermark    extract.Second
	open         []load.OpenConversation
	visibleAgain bool
}

func (w *world) standing() standing {
	states, err := w.store.State(context.Background(), w.feeds())
	if err != nil {
		w.t.Fatal(err)
	}
	s := standing{rows: map[string]*warehouse.Rows{}, feeds: map[load.Feed]feedStanding{}}
	for f, state := range states {
		feed := feedStanding{coverage: covered(state.Coverage), open: state.Open, holes: state.Holes, visibleAgain: state.VisibleAgain}
		if at := state.Watermark; at != 0 {
			feed.watermark = extract.SecondOf(at.Time())
		}
		s.feeds[f] = feed
	}
	for id, r := range w.store.rows {
		s.rows[id] = r
	}
	return s
}
