package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// An Entry is something to run, and when.
type Entry struct {
	// Name identifies the entry, also in the store.
	Name string
	// Cron is an expression for [Parse].
	Cron string
	// Location is the time zone of Cron; UTC unless set.
	Location *time.Location
	// Jitter is the maximum random delay of a run, so that many processes do not
	// start at the same time; 0 for none.
	Jitter time.Duration
	// Run does the work. Its context ends at a hard stop.
	Run func(ctx context.Context) error
	// Overlaps calls Run at each scheduled time, also while an earlier run is in
	// progress: Run decides then what to skip.
	Overlaps bool
}

// Options are the arguments of [New].
type Options struct {
	Entries []Entry
	// Store records scheduled times across restarts. Without one, nothing is caught
	// up after downtime.
	Store Store
	// Log receives skipped and caught-up scheduled times, and failed runs; discarded
	// unless set.
	Log *slog.Logger
}

// Errors of [Scheduler.RunNow].
var (
	ErrUnknown = errors.New("there is no such schedule")
	ErrRunning = errors.New("its last run is still in progress")
	ErrStopped = errors.New("the scheduler is not running")
)

// A Scheduler runs entries at their scheduled times, from Start to Stop. Its
// methods are safe for concurrent use.
type Scheduler struct {
	entries []*entry
	store   Store
	log     *slog.Logger
	wall    func() time.Time // the time of day; tests set it

	mu       sync.Mutex
	started  bool
	stopping chan struct{} // closed by a soft stop
	ctx      context.Context
	cancel   context.CancelFunc
	loops    sync.WaitGroup
	runs     sync.WaitGroup
}

// New validates the options, and returns all errors at once.
func New(options Options) (*Scheduler, error) {
	s := &Scheduler{
		store:    options.Store,
		log:      cmp.Or(options.Log, slog.New(slog.DiscardHandler)),
		wall:     wallClock,
		stopping: make(chan struct{}),
	}
	if s.store == nil {
		s.store = nopStore{}
	}
	var wrong []error
	for _, given := range options.Entries {
		e, err := newEntry(given)
		if err == nil && s.find(given.Name) != nil {
			err = errors.New("another schedule has that name")
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("schedule %q: %w", given.Name, err))
			continue
		}
		s.entries = append(s.entries, e)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return s, nil
}

// Start loads the store and starts the entries. Missed runs are caught up at once.
// The end of ctx is a hard stop; Stop must still be called, to wait for it. A
// Scheduler can be started only once.
func (s *Scheduler) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.isStopping() {
		return errors.New("a scheduler can be started only once")
	}
	for _, e := range s.entries {
		if err := s.recall(ctx, e); err != nil {
			return fmt.Errorf("schedule %q: %w", e.name, err)
		}
	}
	s.started = true
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.loops.Go(s.watchClock)
	for _, e := range s.entries {
		s.loops.Go(func() { s.follow(e) })
	}
	return nil
}

// Stop starts no more runs and waits for runs in progress. If ctx ends first, Stop
// cancels their contexts, waits until they return, and returns an error that names
// them.
func (s *Scheduler) Stop(ctx context.Context) error {
	s.mu.Lock()
	if !s.isStopping() {
		close(s.stopping)
	}
	started := s.started
	s.mu.Unlock()
	if !started {
		return nil
	}
	defer s.cancel()
	done := make(chan struct{})
	go func() {
		s.loops.Wait()
		s.runs.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	broken := s.running()
	s.cancel()
	<-done
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("runs were interrupted: %s: %w", strings.Join(broken, ", "), context.Cause(ctx))
}

// Next returns the next scheduled time of an entry, without jitter. It is not ok if
// there is no such entry, or no next time.
func (s *Scheduler) Next(name string) (due time.Time, ok bool) {
	e := s.find(name)
	if e == nil {
		return time.Time{}, false
	}
	now := s.wall()
	if last := e.lastTime(); last.After(now) && !ahead(last, now) {
		now = last // the clock was set back a little: that time has run already
	}
	due = e.timetable.Next(now)
	return due, !due.IsZero()
}

// RunNow starts an unscheduled run, and does not wait for it. The error is
// [ErrUnknown], [ErrRunning] or [ErrStopped].
func (s *Scheduler) RunNow(name string) error {
	e := s.find(name)
	if e == nil {
		return ErrUnknown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.started || s.isStopping() || s.ctx.Err() != nil:
		return ErrStopped
	case !e.begin():
		return ErrRunning
	}
	s.runs.Go(func() { s.run(e) })
	return nil
}

func (s *Scheduler) find(name string) *entry {
	for _, e := range s.entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

func (s *Scheduler) running() (names []string) {
	for _, e := range s.entries {
		if e.isRunning() {
			names = append(names, e.name)
		}
	}
	return names
}

func (s *Scheduler) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
