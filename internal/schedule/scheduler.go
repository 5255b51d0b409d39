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
	// Name tells entries apart, in the store too.
	Name string
	// Cron is an expression as [Parse] reads it.
	Cron string
	// Location is the zone that Cron is meant in; UTC unless set.
	Location *time.Location
	// Jitter is how much later than its slot a run may start, by chance, so that
	// many processes do not start as one; 0 for none.
	Jitter time.Duration
	// Run does the work. Its context ends at a hard stop.
	Run func(ctx context.Context) error
}

// Options are what [New] needs.
type Options struct {
	Entries []Entry
	// Store remembers slots over restarts. Without one, nothing that was missed
	// while the process was down is caught up.
	Store Store
	// Log is told of slots that are skipped or caught up, and of runs that fail;
	// nobody is unless set.
	Log *slog.Logger
}

// Answers of [Scheduler.RunNow].
var (
	ErrUnknown = errors.New("there is no such schedule")
	ErrRunning = errors.New("its last run is still in progress")
	ErrStopped = errors.New("the scheduler is not running")
)

// A Scheduler runs entries by the clock, between one Start and one Stop. Its
// methods may be called at any time, by any goroutine.
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

// New checks the options, and names all that is wrong with them.
func New(options Options) (*Scheduler, error) {
	s := &Scheduler{
		store:    options.Store,
		log:      cmp.Or(options.Log, slog.New(slog.DiscardHandler)),
		wall:     wallClock,
		stopping: make(chan struct{}),
	}
	if s.store == nil {
		s.store = forgetful{}
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

// Start reads from the store what has had its turn, and begins: what was missed
// is caught up at once. The end of ctx is a hard stop; Stop still has to be
// called, to wait for it. A Scheduler starts once.
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

// Stop starts no more runs and waits for those that go. When ctx ends first,
// their contexts are cancelled, and Stop waits for them to give in; it then
// returns an error that names them.
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

// Next returns when an entry's next slot comes, before any jitter; it is not ok
// when there is no such entry, or no such slot.
func (s *Scheduler) Next(name string) (slot time.Time, ok bool) {
	e := s.find(name)
	if e == nil {
		return time.Time{}, false
	}
	now := s.wall()
	if last := e.lastSlot(); last.After(now) && !ahead(last, now) {
		now = last // the clock was put back a little: that slot has had its turn
	}
	slot = e.timetable.Next(now)
	return slot, !slot.IsZero()
}

// RunNow starts a run beside the timetable, and does not wait for it. The error
// is [ErrUnknown], [ErrRunning] or [ErrStopped].
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
