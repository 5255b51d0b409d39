package serve

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/warehouse"
)

const (
	// watchEvery is the interval between reads of the destination.
	watchEvery = 30 * time.Second
	// watchAgain is the interval after a failed read.
	watchAgain = 10 * time.Second
	// watchTimeout is the timeout of a read.
	watchTimeout = 20 * time.Second
	// chartsEvery is the interval between updates of the charts while no run finishes.
	chartsEvery = 10 * time.Minute
	// shownRuns is the number of runs in the snapshot: enough to find out since when
	// a feed is failing.
	shownRuns = 50
	// countedRejects is the maximum number of rejects per feed whose reasons are counted.
	countedRejects = 10_000
)

var errEnough = errors.New("counted enough rejects")

// snapshot is the data of the last read. It is immutable.
type snapshot struct {
	at        time.Time // when it was read; zero: not yet
	states    map[load.Feed]load.FeedState
	summaries map[load.Feed]load.FeedSummary
	reasons   map[load.Feed][]reason
	runs      []warehouse.SyncRun // newest first
	alerts    []warehouse.ActiveAlert

	failing time.Time // since when reads fail; zero: they succeed
	err     error     // of the last read

	recorded recorded
	store    storeState

	charts    []Chart
	chartsAt  time.Time
	chartsErr error
}

// reason is a reason of rejects, with their number.
type reason struct {
	text  string
	count int64
}

// watch updates a snapshot in the background.
type watch struct {
	destination Destination
	feeds       []load.Feed
	draw        func(ctx context.Context) ([]Chart, error)
	notify      func(Sight)                                                // may be nil
	alerts      func(ctx context.Context) ([]warehouse.ActiveAlert, error) // nil: none
	recordings  Recordings
	idle        func(s *snapshot, now time.Time) time.Time
	log         *slog.Logger
	latest      atomic.Pointer[snapshot]
	wake        chan struct{}
}

func newWatch(o *Options) *watch {
	w := &watch{
		destination: o.Destination,
		draw:        o.Charts,
		notify:      o.Watched,
		alerts:      o.Alerts,
		recordings:  o.Recordings,
		log:         o.Log,
		wake:        make(chan struct{}, 1),
	}
	w.idle = func(s *snapshot, now time.Time) time.Time { return s.idleSince(o, o.started, now) }
	for i := range o.Feeds {
		w.feeds = append(w.feeds, o.Feeds[i].key())
	}
	w.latest.Store(&snapshot{})
	return w
}

func (w *watch) snapshot() *snapshot { return w.latest.Load() }

// hurry triggers a read of the destination.
func (w *watch) hurry() {
	select {
	case w.wake <- struct{}{}:
	default: // a read is already pending
	}
}

func (w *watch) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.wake:
		}
		w.refresh(ctx)
		if w.snapshot().failing.IsZero() {
			timer.Reset(watchEvery)
		} else {
			timer.Reset(watchAgain)
		}
	}
}

// refresh reads the destination once. If that fails, it keeps the data of the
// last snapshot, and adds the error.
func (w *watch) refresh(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	last := w.snapshot()
	next, err := w.read(limited, last)
	if ctx.Err() != nil {
		return // stopped, which is not an error of the destination
	}
	if err != nil {
		same := *last
		next = &same
		next.err = err
		if next.failing.IsZero() {
			next.failing = time.Now()
			w.log.Warn("cannot read the destination; the status page shows the last data that was read", panics.LogArgs(err)...)
		}
	} else if !last.failing.IsZero() {
		w.log.Info("the destination can be read again", "seconds", time.Since(last.failing).Seconds())
	}
	next.store = last.store.next(&w.recordings, time.Now())
	w.latest.Store(next)
	if w.notify != nil {
		sight := next.sight(w.feeds)
		sight.IdleSince = w.idle(next, time.Now())
		w.notify(sight)
	}
	if err == nil {
		w.redraw(ctx, w.recount(ctx, next))
	}
}

// sight is the snapshot in the form of [Options.Watched].
func (s *snapshot) sight(feeds []load.Feed) Sight {
	sight := Sight{
		Failing:      s.failing,
		Err:          s.err,
		StoreTried:   s.store.tried,
		StoreFailing: s.store.failing,
		StoreErr:     s.store.err,
	}
	if !s.at.IsZero() {
		sight.Watermarks = map[load.Feed]warehouse.Timestamp{}
		for _, f := range feeds {
			sight.Watermarks[f] = s.states[f].Watermark
		}
	}
	return sight
}

// read reads the destination. A panic, such as of a damaged file, is an error of it.
func (w *watch) read(ctx context.Context, last *snapshot) (s *snapshot, err error) {
	defer panics.Recover(&err)
	s = &snapshot{recorded: last.recorded, charts: last.charts, chartsAt: last.chartsAt, chartsErr: last.chartsErr}
	if s.states, err = w.destination.State(ctx, w.feeds); err != nil {
		return nil, err
	}
	if s.summaries, err = w.destination.Summary(ctx, w.feeds); err != nil {
		return nil, err
	}
	if s.runs, err = w.destination.Runs(ctx, shownRuns); err != nil {
		return nil, err
	}
	if w.alerts != nil {
		if s.alerts, err = w.alerts(ctx); err != nil {
			return nil, err
		}
	}
	s.reasons = map[load.Feed][]reason{}
	for _, f := range w.feeds {
		known := last.reasons[f]
		if n := s.summaries[f].Rejects; n == last.summaries[f].Rejects {
			s.reasons[f] = known // rejects have large payloads: read them only if their number changed
			continue
		}
		if s.reasons[f], err = w.countReasons(ctx, f); err != nil {
			return nil, err
		}
	}
	s.at = time.Now()
	return s, nil
}

// countReasons counts rejects by their reason, the most frequent first.
func (w *watch) countReasons(ctx context.Context, f load.Feed) ([]reason, error) {
	counts, seen := map[string]int64{}, 0
	err := w.destination.Rejects(ctx, f, func(r *warehouse.Reject) error {
		counts[r.Reason]++
		if seen++; seen == countedRejects {
			return errEnough
		}
		return nil
	})
	if err != nil && seen < countedRejects {
		return nil, err
	}
	var reasons []reason
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		reasons = append(reasons, reason{text, counts[text]})
	}
	slices.SortStableFunc(reasons, func(a, b reason) int { return int(b.count - a.count) })
	return reasons, nil
}

// redraw updates the charts if a run finished since, or they are old, and stores
// them with s.
func (w *watch) redraw(ctx context.Context, s *snapshot) {
	if w.draw == nil || time.Since(s.chartsAt) < chartsEvery && !s.endedSince(s.chartsAt) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	at := time.Now()
	charts, err := w.drawGuarded(ctx)
	drawn := *s
	drawn.chartsAt, drawn.chartsErr = at, err
	if err == nil {
		drawn.charts = charts
	} else if ctx.Err() == nil {
		w.log.Warn("cannot draw the charts; keeping the previous ones", panics.LogArgs(err)...)
	}
	w.latest.Store(&drawn)
}

func (w *watch) drawGuarded(ctx context.Context) (charts []Chart, err error) {
	defer panics.Recover(&err)
	return w.draw(ctx)
}

// endedSince reports whether a run finished after t.
func (s *snapshot) endedSince(t time.Time) bool {
	return len(s.runs) > 0 && s.runs[0].FinishedAt.Valid && s.runs[0].FinishedAt.V.Time().After(t)
}
