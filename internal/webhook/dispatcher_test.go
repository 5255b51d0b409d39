package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/warehouse"
)

// desk is a dispatcher with what is around it, in a bubble.
type desk struct {
	*Dispatcher
	inbox *inbox
	stop  context.CancelFunc
	start time.Time

	mu    sync.Mutex
	syncs []synced
	fails error
	takes time.Duration
}

type synced struct {
	Wanted
	after time.Duration
}

func newDesk(inbox *inbox, change ...func(*DispatchOptions)) *desk {
	d := &desk{inbox: inbox, start: time.Now()}
	o := DispatchOptions{Inbox: inbox, Projects: []string{"p", "q"}, Sync: d.sync}
	for _, c := range change {
		c(&o)
	}
	d.Dispatcher = NewDispatcher(o)
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	go d.Run(ctx, context.Background())
	return d
}

func (d *desk) sync(_ context.Context, want Wanted) (string, error) {
	d.mu.Lock()
	d.syncs = append(d.syncs, synced{want, time.Since(d.start)})
	id, takes, fails := fmt.Sprint("run-", len(d.syncs)), d.takes, d.fails
	d.mu.Unlock()
	<-time.After(takes)
	return id, fails
}

// bring stores an event, and notifies the dispatcher.
func (d *desk) bring(t *testing.T, id, project string, start ...time.Time) {
	t.Helper()
	e := &warehouse.WebhookEvent{EventID: id, ProjectID: warehouse.Text(project), State: warehouse.EventWaiting}
	for _, at := range start {
		e.ConversationStartedAt = warehouse.Some(warehouse.TimestampOf(at))
	}
	if _, err := d.inbox.TakeIn(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	d.Add(e)
}

// pass lets time pass, and settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// when lists when projects were synced.
func (d *desk) when() (at []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.syncs {
		at = append(at, fmt.Sprint(s.ProjectID, " ", s.after))
	}
	return at
}

func TestManyEventsAreFollowedByFewSyncsAndTheLastByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(newInbox())
		d.takes = 10 * time.Second
		for i := range 100 { // for 50 s
			d.bring(t, fmt.Sprint("e-", i), "p")
			if i == 10 {
				d.bring(t, "other", "q")
			}
			pass(500 * time.Millisecond)
		}
		pass(10 * time.Minute)
		if got, want := d.when(), []string{"p 0s", "q 5s", "p 30s", "p 1m0s"}; !slices.Equal(got, want) {
			t.Errorf("synced at %v, want %v", got, want)
		}
		for id, state := range d.inbox.states() {
			if state != warehouse.EventHandled {
				t.Errorf("%s is %s", id, state)
			}
		}
		d.stop()
	})
}

// TestDispatcher_SlowProject has events of another project while a sync lasts.
func TestDispatcher_SlowProject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(newInbox(), func(o *DispatchOptions) {
			run := o.Sync
			o.Sync = func(ctx context.Context, want Wanted) (string, error) {
				id, err := run(ctx, want)
				if want.ProjectID == "p" {
					<-time.After(time.Hour)
				}
				return id, err
			}
		})
		d.bring(t, "e-1", "p")
		for i := range 3 {
			pass(time.Minute)
			d.bring(t, fmt.Sprint("p-", i), "p")
			d.bring(t, fmt.Sprint("q-", i), "q")
		}
		pass(time.Hour)
		if got, want := d.when(), []string{"p 0s", "q 1m0s", "q 2m0s", "q 3m0s", "p 1h0m0s"}; !slices.Equal(got, want) {
			t.Errorf("synced at %v, want %v", got, want)
		}
		d.stop()
		pass(time.Hour) // for the last sync of p
		if s := d.inbox.states(); s["p-2"] != warehouse.EventHandled {
			t.Errorf("the sync in progress at the stop was not awaited: %v", s)
		}
	})
}

func TestASyncReadsAroundStartsOrWhatIsRecent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inbox := newInbox()
		early, late := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 6, 2, 0, 0, 0, 0, time.UTC)
		d := newDesk(inbox)
		pass(0)
		d.takes = time.Second
		d.bring(t, "e-1", "p", late)
		pass(0)
		d.bring(t, "e-2", "p", late)
		d.bring(t, "e-3", "p", early)
		d.bring(t, "e-4", "q")
		pass(time.Hour)
		want := []Wanted{{ProjectID: "p", Around: []time.Time{late}}, {ProjectID: "q", Recent: true}, {ProjectID: "p", Around: []time.Time{early, late}}}
		if len(d.syncs) != len(want) {
			t.Fatalf("%+v", d.syncs)
		}
		for i, s := range d.syncs {
			if s.ProjectID != want[i].ProjectID || s.Recent != want[i].Recent || !slices.Equal(s.Around, want[i].Around) {
				t.Errorf("%+v, want %+v", s.Wanted, want[i])
			}
		}
		if e := inbox.events()[0]; e.RunID != "run-1" || !e.HandledAt.Valid {
			t.Errorf("%+v", e)
		}
		d.stop()
	})
}

func TestASyncThatFailsIsTriedAgainLessAndLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(newInbox())
		d.fails = errors.New("made up")
		d.bring(t, "e-1", "p")
		pass(40 * time.Minute)
		got, want := d.when(), []string{"p 0s", "p 1m0s", "p 3m0s", "p 7m0s", "p 15m0s", "p 25m0s", "p 35m0s"}
		if !slices.Equal(got, want) || d.inbox.states()["e-1"] != warehouse.EventWaiting {
			t.Errorf("synced at %v, want %v; %v", got, want, d.inbox.states())
		}
		d.mu.Lock()
		d.fails = nil
		d.mu.Unlock()
		pass(10 * time.Minute)
		if d.inbox.states()["e-1"] != warehouse.EventHandled {
			t.Errorf("%v", d.inbox.states())
		}
		d.bring(t, "e-2", "p")
		pass(30 * time.Second)
		if n := len(d.when()); n != 9 || d.inbox.states()["e-2"] != warehouse.EventHandled {
			t.Errorf("after it went well the next waits for %v; %v", d.when(), d.inbox.states())
		}
		d.stop()
	})
}

func TestWhatALastProcessLeftIsHandledOnceTheDestinationAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inbox := newInbox(
			warehouse.WebhookEvent{EventID: "left", ProjectID: "p", State: warehouse.EventWaiting},
			warehouse.WebhookEvent{EventID: "gone", ProjectID: "no longer configured", State: warehouse.EventWaiting},
			warehouse.WebhookEvent{EventID: "done", ProjectID: "q", State: warehouse.EventHandled},
		)
		inbox.goAway(errAway)
		d := newDesk(inbox)
		pass(45 * time.Second)
		inbox.goAway(nil)
		pass(time.Minute)
		if got, want := d.when(), []string{"p 1m0s"}; !slices.Equal(got, want) {
			t.Errorf("synced at %v, want %v", got, want)
		}
		if s := inbox.states(); s["left"] != warehouse.EventHandled || s["gone"] != warehouse.EventIgnored {
			t.Errorf("%v", s)
		}
		d.stop()
	})
}

func TestMoreEventsThanAreHeldAreAllHandled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(newInbox(), func(o *DispatchOptions) { o.MostHeld = 10 })
		d.takes = time.Second
		for i := range 95 {
			d.bring(t, fmt.Sprint("e-", i), []string{"p", "q"}[i%2])
		}
		pass(time.Hour)
		for id, state := range d.inbox.states() {
			if state != warehouse.EventHandled {
				t.Errorf("%s is %s", id, state)
			}
		}
		d.stop()
	})
}

func TestAStopLetsTheLastSyncEndAndBeginsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(newInbox())
		d.takes = 10 * time.Second
		d.bring(t, "e-1", "p")
		pass(time.Second)
		d.bring(t, "e-2", "p")
		d.stop()
		pass(time.Hour)
		if s := d.inbox.states(); len(d.when()) != 1 || s["e-1"] != warehouse.EventHandled || s["e-2"] != warehouse.EventWaiting {
			t.Errorf("synced at %v; %v", d.when(), s)
		}
	})
}
