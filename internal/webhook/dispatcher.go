package webhook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Wanted lists the conversations of a project that a sync reads.
type Wanted struct {
	ProjectID string      // as stored
	Around    []time.Time // start times of conversations
	Recent    bool        // recent and open conversations
}

// DispatchOptions configure a dispatcher.
type DispatchOptions struct {
	Inbox load.Inbox
	// Sync reads what is wanted, and returns the id of its run. It is called for
	// several projects at the same time, but only once at a time for each, and again
	// later if it fails.
	Sync func(ctx context.Context, want Wanted) (runID string, err error)
	// Projects are the stored ids of the configured projects.
	Projects []string
	// Every is the minimum time between the starts of two syncs of a project; 30 s
	// unless set.
	Every time.Duration
	// MostHeld is the maximum number of events per project in memory; others are
	// fetched from the inbox later. 10,000 unless set.
	MostHeld int
	Log      *slog.Logger // discarded unless set
}

// longestWait is the maximum delay before a failed sync is retried.
const longestWait = 10 * time.Minute

// Dispatcher starts a sync of a project after events about its calls: one sync for
// many events, and with a minimum interval per project. Events are settled when a
// sync that started after they were stored has succeeded.
type Dispatcher struct {
	o    DispatchOptions
	wake chan struct{}

	mu     sync.Mutex
	queues map[string]*queue // by project
	unread bool              // the inbox may have events that are not in memory
}

// queue contains the waiting events of a project.
type queue struct {
	events   map[string]warehouse.Null[warehouse.Timestamp] // start times, by event id
	due      time.Time                                      // not before
	failures int                                            // in a row
	syncing  bool                                           // a sync of the project waits or is in progress
}

// NewDispatcher creates a dispatcher. Run starts it.
func NewDispatcher(o DispatchOptions) *Dispatcher {
	o.Every = cmp.Or(o.Every, 30*time.Second)
	o.MostHeld = cmp.Or(o.MostHeld, 10_000)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatcher{o: o, wake: make(chan struct{}, 1), queues: map[string]*queue{}, unread: true}
}

// Add queues a stored event.
func (d *Dispatcher) Add(e *warehouse.WebhookEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(e)
	d.trigger()
}

func (d *Dispatcher) trigger() {
	select {
	case d.wake <- struct{}{}:
	default: // already triggered
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

// Run handles events until ctx ends, starting with those that an earlier process
// left. hard is the context of syncs: syncs in progress when ctx ends can continue
// until hard ends. Run returns after them.
func (d *Dispatcher) Run(ctx, hard context.Context) {
	var syncs sync.WaitGroup
	defer syncs.Wait()
	for ctx.Err() == nil {
		wait := d.read(hard)
		project, q, due := d.next()
		switch {
		case q != nil && due <= 0:
			want, ids := d.take(project, q)
			syncs.Go(func() { d.handle(hard, q, want, ids) })
			continue
		case q != nil && (wait == 0 || due < wait):
			wait = due
		case wait == 0:
			wait = time.Hour // nothing is queued: any long time
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

// read fetches the waiting events of the inbox if some may not be in memory. It
// returns the delay before a retry; 0: none is needed.
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

// full reports whether a project has the maximum number of events in memory.
func (d *Dispatcher) full() bool {
	for _, q := range d.queues {
		if len(q.events) >= d.o.MostHeld {
			return true
		}
	}
	return false
}

// next returns the project that is due first, and the time until then. Projects
// whose sync has not ended are left out.
func (d *Dispatcher) next() (project string, first *queue, due time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.queues)) {
		q := d.queues[id]
		if len(q.events) > 0 && !q.syncing && (first == nil || q.due.Before(first.due)) {
			project, first = id, q
		}
	}
	if first == nil {
		return "", nil, 0
	}
	return project, first, time.Until(first.due)
}

// handle syncs a project for events that were taken.
func (d *Dispatcher) handle(ctx context.Context, q *queue, want Wanted, ids []string) {
	project := want.ProjectID
	settled := load.Settled{State: warehouse.EventHandled}
	var err error
	if slices.Contains(d.o.Projects, project) {
		d.o.Log.Info("a project is synced for its webhook events, as soon as no other run writes it", "project", project, "events", len(ids))
		settled.RunID, err = d.o.Sync(ctx, want)
	} else {
		settled.State = warehouse.EventIgnored // the project is no longer configured
	}
	if err == nil {
		settled.At = warehouse.TimestampOf(time.Now())
		err = d.o.Inbox.Settle(ctx, ids, settled)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	q.syncing = false
	d.trigger()
	if err == nil {
		q.failures = 0
		for _, id := range ids {
			delete(q.events, id)
		}
		return
	}
	q.failures++
	q.due = time.Now().Add(min(d.o.Every<<min(q.failures, 10), longestWait))
	if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		d.o.Log.Warn("the sync for webhook events failed; retrying, and scheduled runs read the same conversations", "project", project,
			"events", len(ids), "again", q.due, "error", err.Error())
	}
}

// take begins a sync of a project: it returns what to read for the waiting events,
// and their ids.
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
	q.due, q.syncing = time.Now().Add(d.o.Every), true
	return want, ids
}
