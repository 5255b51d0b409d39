package loadtest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// crashEvents returns the events of the crash test in their state at its end: two
// that are stored before the crash, of which one waits, and one that is received.
func crashEvents() (done, waited, taken warehouse.WebhookEvent, settled load.Settled) {
	done = Event("done", func(e *warehouse.WebhookEvent) { e.State = warehouse.EventIgnored })
	taken = Event("taken", func(e *warehouse.WebhookEvent) { e.State = warehouse.EventHandled })
	waited = Event("waited")
	settled = load.Settled{State: warehouse.EventHandled, RunID: "run-of-event", At: eventTime + 1e6}
	settled.Apply(&waited)
	return done, waited, taken, settled
}

// crashAlerts returns the updates of one alert by two of them.
func crashAlerts() (first, second warehouse.ActiveAlert) {
	return Alert("al-1", eventTime, 0), Alert("al-1", 0, eventTime+1000)
}

// takeBase stores the events that precede the crashing writer.
func takeBase(t testing.TB, box load.Inbox) {
	t.Helper()
	done, _, _, _ := crashEvents()
	waits := Event("waited")
	first, _ := crashAlerts()
	take(t, box, true, &done, &first)
	take(t, box, true, &waits, nil)
}

// crashInbox changes the inbox in the process of the crashing writer.
func crashInbox(ctx context.Context, dest load.Destination) error {
	box, ok := dest.(load.Inbox)
	if !ok {
		return fmt.Errorf("%T is not a load.Inbox", dest)
	}
	_, waited, taken, settled := crashEvents()
	_, second := crashAlerts()
	if _, err := box.TakeIn(ctx, &taken, &second); err != nil {
		return fmt.Errorf("TakeIn: %w", err)
	}
	if err := box.Settle(ctx, []string{waited.EventID}, settled); err != nil {
		return fmt.Errorf("Settle: %w", err)
	}
	return nil
}

// crashedInbox checks that no event is lost, incomplete or stored twice; with all
// set, also that each is in its final state.
func crashedInbox(t testing.TB, d *Dump, all bool) {
	t.Helper()
	done, waited, taken, _ := crashEvents()
	first, second := crashAlerts()
	merged := load.MergeAlert(first, second)
	states := map[string][]warehouse.WebhookEvent{"done": {done}, "waited": {waited, Event("waited")}, "taken": {taken}}
	if all {
		states["waited"] = states["waited"][:1]
	}
	for _, e := range d.Events {
		if !slices.ContainsFunc(states[e.EventID], func(want warehouse.WebhookEvent) bool { return sameEvent(e, want) }) {
			t.Errorf("event %+v is stored, want one of %+v", e, states[e.EventID])
		}
		delete(states, e.EventID)
	}
	_, missing := states["taken"]
	if len(states) > 1 || len(states) == 1 && (all || !missing) {
		t.Errorf("events are not stored: %+v", states)
	}
	want := []warehouse.ActiveAlert{merged}
	if missing && !all {
		want[0] = first
	}
	sameSet(t, "alerts", d.Alerts, want)
}
