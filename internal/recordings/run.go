package recordings

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/ratelimit"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// Run works on the recordings of the projects until none is due, Options.Stop is
// closed, or ctx ends. Errors of a project end the work on that project, and are in
// the report, which is never nil. The error is that of ctx; results until then are
// recorded.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.setDefaults()
	began := o.Clock()
	o.Progress.begin(began)
	defer o.Progress.running.Store(false)
	shared := &stores{open: o.OpenStore, log: o.Log}
	permits := newPermits(&o)
	var all []*worker
	lanes := map[*ratelimit.Lane][]*worker{}
	for i := range o.Projects {
		p := o.Projects[i]
		if p.Policy.Mode == Off && o.OpenStore == nil {
			continue
		}
		p.setDefaults()
		w := &worker{requester: newRequester(&p, &o, permits), stores: shared}
		all = append(all, w)
		lanes[p.Lane] = append(lanes[p.Lane], w)
	}
	estimated := sync.OnceFunc(func() { estimate(ctx, &o, all) })
	for _, w := range all {
		w.estimate = estimated
	}
	limit := max(pageSize/max(len(lanes), 1), minPageSize)
	var group errgroup.Group
	for _, workers := range lanes {
		group.Go(func() error {
			takeTurns(ctx, workers, limit)
			return nil
		})
	}
	_ = group.Wait() // there are no errors
	report := &Report{Projects: []ProjectReport{}, Seconds: o.Clock().Sub(began).Seconds(), StoreErr: shared.err()}
	if report.StoreErr != nil {
		report.StoreError = report.StoreErr.Error()
	}
	for _, w := range all {
		if r := w.report(); r.Mode != Off || r.Counts != (Counts{}) || r.Err != nil {
			report.Projects = append(report.Projects, r)
		}
	}
	return report, ctx.Err()
}

const (
	// pageSize is how many conversations are in memory, over all lanes.
	pageSize    = 500
	minPageSize = 20
	// restartAfter is how long a pass through a backlog lasts at most before it
	// starts again at the newest recordings, which are wanted first.
	restartAfter = 5 * time.Minute
)

// estimate sets how many recordings are due. It counts all of them, which takes long
// for a large archive, so a run without a backlog does not call it.
func estimate(ctx context.Context, o *Options, workers []*worker) {
	kinds := map[string][]load.RecordingKind{}
	for _, w := range workers {
		if w.project.Policy.requests() {
			kinds[w.project.StoredID] = w.project.Policy.Kinds
		}
	}
	counts, err := o.Destination.RecordingCounts(ctx, kinds)
	if err != nil {
		o.Log.Warn("cannot count the recordings: progress has no total", "error", err.Error())
		return
	}
	o.Progress.estimated.Store(true)
	o.Progress.due.Store(o.Progress.done.Load())
	for _, w := range workers {
		c := counts[w.project.StoredID]
		switch w.project.Policy.Mode {
		case Store:
			o.Progress.due.Add(c.Unchecked + c.Unstored)
		case Check:
			o.Progress.due.Add(c.Unchecked)
		}
	}
}

// takeTurns works on projects that share a lane, one page of each in turn.
func takeTurns(ctx context.Context, workers []*worker, limit int) {
	for len(workers) > 0 {
		var unfinished []*worker
		for _, w := range workers {
			if ctx.Err() != nil || w.options.isStopped() {
				return
			}
			if w.turn(ctx, limit) {
				unfinished = append(unfinished, w)
			}
		}
		workers = unfinished
	}
}

func newPermits(o *Options) *semaphore.Weighted { return semaphore.NewWeighted(int64(o.Workers)) }

func newRequester(p *Project, o *Options, permits *semaphore.Weighted) *requester {
	return &requester{
		project:  p,
		options:  o,
		permits:  permits,
		host:     o.Hosts.of(p.BaseURL),
		counters: new(counters),
		log:      o.Log.With("project", p.StoredID),
	}
}

// worker works on the recordings of a project.
type worker struct {
	*requester
	stores *stores
	state  *state // of the current turn
	gate   gate
	begun  bool // the steps that precede the first page are done
	// estimate is called before the work on a full page. nil: not needed.
	estimate func()
	before   load.RecordingPlace
	passed   time.Time // when the pass through the backlog began

	skipped string
	err     error
}

// turn does the next page of the work. It returns false if that was the last one, or
// the work has to end.
func (w *worker) turn(ctx context.Context, limit int) (more bool) {
	more, err := w.claim(ctx, limit)
	switch {
	case err == nil:
		return more
	case ctx.Err() == nil:
		w.fail(err)
	}
	return false // the run ends
}

// claim does a turn while it has the claim on the project.
func (w *worker) claim(ctx context.Context, limit int) (more bool, err error) {
	defer panics.Recover(&err)
	claim, err := w.options.Destination.ClaimRecordings(ctx, w.options.Owner, w.project.StoredID)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, claim.Close()) }()
	ctx, release := watched(ctx, claim)
	defer release()
	more, err = w.claimed(ctx, claim, limit)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return more, err
}

// watched returns a context that ends when the claim is lost, with that as the cause.
func watched(ctx context.Context, claim load.RecordingClaim) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case err := <-claim.Lost():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// claimed does a turn under a claim.
func (w *worker) claimed(ctx context.Context, claim load.RecordingClaim, limit int) (more bool, err error) {
	t, err := w.newTurn(ctx, claim)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.end(ctx)) }()
	if w.project.Policy.Mode == Store {
		if err := t.claimFolder(); err != nil {
			return false, err
		}
	}
	if !w.begun {
		if err := t.removeDeleted(ctx); err != nil {
			return false, err
		}
		if err := t.enlist(ctx); err != nil {
			return false, err
		}
		w.begun = true
	}
	if w.project.Policy.requests() {
		more, err = t.next(ctx, limit)
	}
	if !more || t.options.isStopped() {
		t.noteEnd()
	}
	return more, err
}

// next works on the next page of the backlog.
func (t *turn) next(ctx context.Context, limit int) (more bool, err error) {
	now := t.options.Clock()
	if t.passed.IsZero() || now.Sub(t.passed) >= restartAfter && len(t.options.Recheck) == 0 {
		t.before, t.passed = load.RecordingPlace{}, now
	}
	n, last, err := t.page(ctx, load.Backlog{
		Kinds:   t.project.Policy.Kinds,
		Store:   t.isStoring(),
		DueAt:   warehouse.TimestampOf(t.now()),
		Recheck: t.options.Recheck,
		Before:  t.before,
		Limit:   limit,
	})
	if err != nil {
		return false, err
	}
	if n > 0 {
		t.before = last
	}
	return n == limit, t.probeAccess(ctx)
}

// noteEnd sets the last run in the state if the run has done anything.
func (t *turn) noteEnd() {
	c := t.counters.counts()
	if c.Requests == 0 && c.Removed == 0 && c.Enlisted == 0 {
		return
	}
	t.state.change(func(s *warehouse.RecordingState) {
		s.LastRunID = warehouse.Text(t.options.Owner.RunID)
		s.LastRunAt = warehouse.Some(warehouse.TimestampOf(t.options.Clock()))
	})
}

// IsClaimed reports whether err says that another process works on the recordings of a
// project.
func IsClaimed(err error) bool {
	var claimed *store.ClaimedError
	return isLocked(err) || errors.As(err, &claimed)
}

// fail ends the work on the project.
func (w *worker) fail(err error) {
	var locked *load.LockedError
	var claimed *store.ClaimedError
	switch {
	case errors.As(err, &locked):
		w.skipped = locked.Held()
	case errors.As(err, &claimed):
		w.skipped = claimed.Error()
	case load.IsEmpty(err):
		w.skipped = err.Error()
		w.log.Info("there are no recordings yet: no run has loaded conversations", "because", w.skipped)
		return
	case errors.Is(err, errStopped):
		return
	default:
		w.err = err
		w.log.Error("the work on the recordings of a project ended early; the next run continues", "error", err.Error())
		return
	}
	w.log.Info("another process works on the recordings of this project", "holder", w.skipped)
}

func (w *worker) report() ProjectReport {
	r := ProjectReport{
		ProjectID: w.project.StoredID,
		Mode:      w.project.Policy.Mode,
		Counts:    w.counters.counts(),
		Skipped:   w.skipped,
		Err:       w.err,
	}
	if w.state != nil {
		r.PIIAccess = string(w.state.get().PIIAccess)
	}
	if w.err != nil {
		r.Error = w.err.Error()
	}
	return r
}
