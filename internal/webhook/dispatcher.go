package webhook

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Wanted is what a sync is to read of a project.
type Wanted struct {
	ProjectID string      // as stored
	Around    []time.Time // starts of conversations
	Recent    bool        // what started lately, and what is open
}

// DispatchOptions configure a dispatcher.
type DispatchOptions struct {
	Inbox load.Inbox
	// Sync reads what is wanted, and tells by which run. It is called by one
	// goroutine, and again later when it fails.
	Sync func(ctx context.Context, want Wanted) (runID string, err error)
	// Projects that there are, by the ids that are stored.
	Projects []string
	// Every is how long lies between the starts of two syncs of a project at
	// least; 30 s unless set.
	Every time.Duration
	// MostHeld is how many events of a project are held in memory; the others
	// are fetched from the inbox in their turn. 10,000 unless set.
	MostHeld int
	Log      *slog.Logger // nowhere unless set
}

// longestWait is how long a sync that failed waits to be tried again at most.
const longestWait = 10 * time.Minute

// Dispatcher has a project synced when events on its calls came in: many events
// by one sync, and none of a project too soon after the one before. Events are
// settled once a sync has succeeded that began after they were stored.
type Dispatcher struct {
	o    DispatchOptions
	wake chan struct{}

	mu     sync.Mutex
	queues map[string]*queue // by project
	unread bool              // there may be events in the inbox that are held nowhere
}

// queue is what waits of a project.
type queue struct {
	events   map[string]warehouse.Null[warehouse.Timestamp] // starts, by event id
	due      time.Time                                      // not before
	failures int                                            // in a row
}

// NewDispatcher makes a dispatcher, which does nothing before Run.
func NewDispatcher(o DispatchOptions) *Dispatcher {
	o.Every = cmp.Or(o.Every, 30*time.Second)
	o.MostHeld = cmp.Or(o.MostHeld, 10_000)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{o: o, wake: make(chan struct{}, 1), queues: map[string]*queue{}, unread: true}
}

// Add has an event handled that is stored and waits.
func (d *Dispatcher) Add(e *warehouse.WebhookEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(e)
	select {
	case d.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (d *Dispatcher) add(e *warehouse.WebhookEvent) {
	q := d.queues[string(e.ProjectID)]
	if q == nil {
		q = &queue{events: map[string]warehouse.Null[warehouse.Timestamp]{}}
		d.queues[string(e.ProjectID)] = q
	}
	if len(q.events) >= d.o.MostHeld {
		d.unread = true
		return
	}
	q.events[e.EventID] = e.ConversationStartedAt
}

// Run works until ctx ends, beginning with what was left by a process before.
// hard is the context of syncs: one that goes when ctx ends may go on until hard
// ends.
func (d *Dispatcher) Run(ctx, hard context.Context) {
	for ctx.Err() == nil {
		wait := d.read(hard)
		project, q, due := d.next()
		switch {
		case q != nil && due <= 0:
			d.handle(hard, project, q)
			continue
		case q != nil && (wait == 0 || due < wait):
			wait = due
		case wait == 0:
			wait = time.Hour // for no reason but to be sure
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// read fetches what waits in the inbox, where some of it may be held nowhere. It
// returns when to try again; 0: it need not be.
func (d *Dispatcher) read(ctx context.Context) time.Duration {
	d.mu.Lock()
	unread := d.unread && !d.full()
	d.mu.Unlock()
	if !unread {
		return 0
	}
	events, err := d.o.Inbox.Waiting(ctx, d.o.MostHeld)
	if err != nil {
		if ctx.Err() == nil {
			d.o.Log.Warn("cannot read the waiting webhook events; retrying", "error", err.Error())
		}
		return d.o.Every
	}
	d.mu.Lock()
	d.unread = len(events) == d.o.MostHeld
	for i := range events {
		d.add(&events[i])
	}
	d.mu.Unlock()
	return 0
}

// full reports whether some project has as many events in memory as it may.
func (d *Dispatcher) full() bool {
	for _, q := range d.queues {
		if len(q.events) >= d.o.MostHeld {
			return true
		}
	}
	return false
}

// next is the project whose turn comes first, and how long it is until then.
func (d *Dispatcher) next() (project string, first *queue, due time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.queues)) {
		q := d.queues[id]
		if len(q.events) > 0 && (first == nil || q.due.Before(first.due)) {
			project, first = id, q
		}
	}
	if first == nil {
		return "", nil, 0
	}
	return project, first, time.Until(first.due)
}

// handle syncs a project for what waits of it now.
func (d *Dispatcher) handle(ctx context.Context, project string, q *queue) {
	want, ids := d.take(project, q)
	settled := load.Settled{State: warehouse.EventHandled}
	var err error
	if slices.Contains(d.o.Projects, project) {
		d.o.Log.Info("starting a sync of a project for its webhook events", "project", project, "events", len(ids))
		settled.RunID, err = d.o.Sync(ctx, want)
	} else {
		settled.State = warehouse.EventIgnored // it was configured when they came in
	}
	if err == nil {
		settled.At = warehouse.TimestampOf(time.Now())
		err = d.o.Inbox.Settle(ctx, ids, settled)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		q.failures = 0
		for _, id := range ids {
			delete(q.events, id)
		}
		return
	}
	q.failures++
	q.due = time.Now().Add(min(d.o.Every<<min(q.failures, 10), longestWait))
	if ctx.Err() == nil {
		d.o.Log.Warn("the sync for webhook events failed; retrying, and scheduled runs read the same conversations", "project", project,
			"events", len(ids), "again", q.due, "error", err.Error())
	}
}

// take is what is wanted for the events that wait of a project now, and their ids.
func (d *Dispatcher) take(project string, q *queue) (want Wanted, ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	want.ProjectID = project
	for id, start := range q.events {
		ids = append(ids, id)
		if start.Valid {
			want.Around = append(want.Around, start.V.Time())
		} else {
			want.Recent = true
		}
	}
	slices.SortFunc(want.Around, time.Time.Compare)
	q.due = time.Now().Add(d.o.Every)
	return want, ids
}
