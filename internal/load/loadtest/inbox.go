package loadtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// inboxChecks are about the events of webhooks, which are stored concurrently
// with a writer.
var inboxChecks = []check{
	{"inbox/event stored once", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		full, plain := Event("e-1"), warehouse.WebhookEvent{EventID: "e-2", SentAt: 1, ReceivedAt: eventTime, State: warehouse.EventIgnored}
		box := inbox(t, s.Open(t, nil)) // the run closes its own destination
		take(t, box, true, &full, nil)
		take(t, box, true, &plain, nil)
		take(t, box, false, &full, nil)
		other := Event("e-1", func(e *warehouse.WebhookEvent) { e.EventType, e.State = "other", warehouse.EventHandled })
		take(t, inbox(t, s.Open(t, nil)), false, &other, nil)
		events(t, s, full, plain)
		b.end()
		events(t, s, full, plain)
		take(t, box, false, &plain, nil)
		take(t, inbox(t, s.Open(t, nil)), false, &plain, nil)
		events(t, s, full, plain)
		next := begin(t, s, 2, "p")
		next.end()
		events(t, s, full, plain)
		take(t, inbox(t, s.Open(t, nil)), false, &full, nil)
	}},
	{"inbox/waiting in order", func(t testing.TB, s Subject) {
		dest := open(t, s)
		box := inbox(t, dest)
		var all []warehouse.WebhookEvent
		for i := range 5 {
			e := Event(fmt.Sprint("e-", 9-i), func(e *warehouse.WebhookEvent) { e.ReceivedAt += warehouse.Timestamp(i) * 1e6 })
			take(t, box, true, &e, nil)
			all = append(all, e)
		}
		done := Event("done", func(e *warehouse.WebhookEvent) { e.State = warehouse.EventIgnored })
		take(t, box, true, &done, nil)
		waiting(t, box, 3, all[:3]...)
		waiting(t, inbox(t, s.Open(t, nil)), 100, all...)
		for i, state := range []string{warehouse.EventHandled, warehouse.EventIgnored} {
			settled := load.Settled{State: state, At: warehouse.TimestampOf(Noon.Add(time.Hour)), RunID: strings.Repeat("run-7", 1-i)}
			settle(t, box, settled, all[i].EventID, "unknown", "done")
			settle(t, box, load.Settled{State: warehouse.EventIgnored, At: 3}, all[i].EventID) // too late
			settled.Apply(&all[i])
		}
		waiting(t, box, 100, all[2:]...)
		events(t, s, append(slices.Clone(all), done)...)
		b := begin(t, s, 1, "p")
		b.end()
		waiting(t, box, 100, all[2:]...)
		settle(t, box, load.Settled{State: warehouse.EventHandled, At: 5}, all[2].EventID)
		(&load.Settled{State: warehouse.EventHandled, At: 5}).Apply(&all[2])
		take(t, box, false, &all[2], nil)
		events(t, s, append(slices.Clone(all), done)...)
		c := begin(t, s, 2, "p")
		c.end()
		waiting(t, inbox(t, s.Open(t, nil)), 100, all[3:]...)
		events(t, s, append(all, done)...)
	}},
	{"inbox/alerts in any order", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		box := inbox(t, s.Open(t, nil))
		noon := warehouse.TimestampOf(Noon)
		first, second := Alert("al-1", noon, 0), Alert("al-1", 0, noon+60e6)
		late, early := Alert("al-2", 0, noon+60e6), Alert("al-2", noon, 0)
		again, bare := Alert("al-1", noon+120e6, 0), warehouse.ActiveAlert{AlertID: "al-3", Status: warehouse.AlertTriggered, UpdatedAt: noon, EventID: "x"}
		for i, a := range []warehouse.ActiveAlert{first, late, second, bare} {
			e := Event(fmt.Sprint("e-", i))
			take(t, box, true, &e, &a)
		}
		alerts(t, s, box, load.MergeAlert(first, second), late, bare)
		b.end()
		alerts(t, s, box, load.MergeAlert(first, second), late, bare)
		for i, a := range []warehouse.ActiveAlert{again, early, again} {
			e := Event(fmt.Sprint("e-", 10+i%2)) // the last one is a duplicate
			take(t, box, i < 2, &e, &a)
		}
		want := []warehouse.ActiveAlert{load.MergeAlert(load.MergeAlert(first, second), again), load.MergeAlert(late, early), bare}
		if want[0].Status != warehouse.AlertTriggered || want[1].Status != warehouse.AlertResolved {
			t.Fatalf("the check is wrong: %+v", want)
		}
		alerts(t, s, box, want...)
		c := begin(t, s, 2, "p")
		c.end()
		alerts(t, s, inbox(t, s.Open(t, nil)), want...)
	}},
	{"inbox/duplicate event", func(t testing.TB, s Subject) {
		dest := open(t, s)
		box := inbox(t, dest)
		e, a, b := Event("e-1"), Alert("al-1", 10, 0), Alert("al-1", 0, 20)
		take(t, box, true, &e, &a)
		take(t, box, false, &e, &b)
		alerts(t, s, box, a)
	}},
	{"inbox/concurrent senders", func(t testing.TB, s Subject) {
		const n = 60
		dest, all := open(t, s), make([]warehouse.WebhookEvent, n)
		first := inbox(t, dest)
		second := inbox(t, s.Open(t, nil))
		var fresh [n]int
		var mu sync.Mutex
		var coming sync.WaitGroup
		for i := range n {
			all[i] = Event(fmt.Sprint("e-", i), func(e *warehouse.WebhookEvent) {
				e.State = []string{warehouse.EventWaiting, warehouse.EventIgnored}[i%2]
			})
			for _, box := range []load.Inbox{first, second} {
				coming.Go(func() {
					a := Alert(fmt.Sprint("al-", i%5), warehouse.TimestampOf(Noon)+warehouse.Timestamp(i), 0)
					ok, err := box.TakeIn(t.Context(), &all[i], &a)
					if err != nil {
						t.Errorf("TakeIn: %v", err)
					}
					mu.Lock()
					defer mu.Unlock()
					if ok {
						fresh[i]++
					}
				})
			}
		}
		for run := range 3 {
			b := begin(t, s, run+1, "p")
			b.end()
		}
		coming.Wait()
		for i, n := range fresh {
			if n != 1 {
				t.Errorf("event %d was fresh %d times", i, n)
			}
		}
		b := begin(t, s, 9, "p")
		b.end()
		events(t, s, all...)
		got, err := first.Alerts(t.Context())
		if err != nil || len(got) != 5 || got[4].TriggeredAt.V != warehouse.TimestampOf(Noon)+n-1 {
			t.Errorf("%d alerts, %v: %+v", len(got), err, got)
		}
	}},
	{"inbox/recent events", func(t testing.TB, s Subject) {
		box := inbox(t, open(t, s))
		at := func(minutes int, state string) func(*warehouse.WebhookEvent) {
			return func(e *warehouse.WebhookEvent) {
				e.ReceivedAt, e.State = eventTime+warehouse.Timestamp(minutes)*60e6, state
			}
		}
		old, first, second := Event("old", at(-11, warehouse.EventIgnored)), Event("e-1", at(-10, warehouse.EventIgnored)), Event("e-2", at(0, warehouse.EventWaiting))
		for _, e := range []warehouse.WebhookEvent{old, first, second} {
			take(t, box, true, &e, nil)
		}
		for run := range 3 {
			got, err := inbox(t, s.Open(t, nil)).Recent(t.Context(), eventTime-600e6)
			slices.SortFunc(got, func(a, b warehouse.WebhookEvent) int { return strings.Compare(a.EventID, b.EventID) })
			if err != nil || !slices.EqualFunc(got, []warehouse.WebhookEvent{first, second}, sameEvent) {
				t.Errorf("after %d runs the recent events are %+v, %v; want %+v and %+v", run, got, err, first, second)
			}
			b := begin(t, s, run+1, "p")
			b.end()
		}
	}},
	{"inbox/old events expire", func(t testing.TB, s Subject) {
		dest := open(t, s)
		box := inbox(t, dest)
		ago := func(e *warehouse.WebhookEvent) { e.ReceivedAt = warehouse.TimestampOf(Noon.AddDate(-10, 0, 0)) }
		done := func(e *warehouse.WebhookEvent) { e.State = warehouse.EventIgnored }
		young, wait, old := Event("young", done), Event("waiting", ago), Event("old", ago, done)
		for _, e := range []warehouse.WebhookEvent{young, wait, old} {
			take(t, box, true, &e, nil)
		}
		for run := range 2 {
			b := begin(t, s, run+1, "p")
			b.end()
		}
		events(t, s, young, wait)
	}},
}

// eventTime is when made-up events were received: in this month, since old ones
// expire. A child of [Crash] gets it as an argument, since a month may end meanwhile.
var eventTime = warehouse.TimestampOf(Noon.AddDate(0, 1, 0))

// Event makes an event that waits.
func Event(id string, change ...func(*warehouse.WebhookEvent)) warehouse.WebhookEvent {
	noon := warehouse.TimestampOf(Noon)
	e := warehouse.WebhookEvent{
		EventID:               id,
		EventType:             "call.completed",
		ProjectID:             "p",
		ConversationID:        "c-1",
		AlertID:               "al-1",
		ConversationStartedAt: warehouse.Some(noon - 90e6),
		OccurredAt:            warehouse.Some(noon - 1),
		SentAt:                noon,
		ReceivedAt:            eventTime,
		State:                 warehouse.EventWaiting,
		Payload:               `{"data":{"ünïcode":[1.50,null,"` + warehouse.JSON(id) + `"]}}`,
	}
	e.Payload, _ = warehouse.Canonical(string(e.Payload))
	for _, c := range change {
		c(&e)
	}
	return e
}

// Alert makes an update of an alert that was triggered or resolved at these times;
// 0: not known.
func Alert(id string, triggered, resolved warehouse.Timestamp) warehouse.ActiveAlert {
	a := warehouse.ActiveAlert{
		AlertID:        id,
		RuleID:         "ar_1",
		Name:           "Slow turns",
		ProjectID:      "p",
		Severity:       "high",
		Metric:         "turn_latency_p95",
		Operator:       ">=",
		ThresholdValue: warehouse.Some(1500.0),
		WindowDuration: "5m",
		CurrentValue:   warehouse.Some(float64(triggered + resolved)),
		TriggeredAt:    warehouse.Null[warehouse.Timestamp]{V: triggered, Valid: triggered != 0},
		ResolvedAt:     warehouse.Null[warehouse.Timestamp]{V: resolved, Valid: resolved != 0},
		UpdatedAt:      max(triggered, resolved),
		EventID:        fmt.Sprint("of ", id, " at ", max(triggered, resolved)),
	}
	a.Status = load.AlertStatus(a.TriggeredAt, a.ResolvedAt)
	return a
}

func inbox(t testing.TB, dest load.Destination) load.Inbox {
	t.Helper()
	box, ok := dest.(load.Inbox)
	if !ok {
		t.Fatalf("%T is not a load.Inbox", dest)
	}
	return box
}

func take(t testing.TB, box load.Inbox, fresh bool, e *warehouse.WebhookEvent, a *warehouse.ActiveAlert) {
	t.Helper()
	got, err := box.TakeIn(t.Context(), e, a)
	if err != nil {
		t.Fatalf("TakeIn: %v", err)
	}
	if got != fresh {
		t.Errorf("event %q is fresh: %v, want %v", e.EventID, got, fresh)
	}
}

func settle(t testing.TB, box load.Inbox, settled load.Settled, ids ...string) {
	t.Helper()
	if err := box.Settle(t.Context(), ids, settled); err != nil {
		t.Fatalf("Settle: %v", err)
	}
}

// waiting checks which events wait, in order.
func waiting(t testing.TB, box load.Inbox, limit int, want ...warehouse.WebhookEvent) {
	t.Helper()
	got, err := box.Waiting(t.Context(), limit)
	if err != nil {
		t.Fatalf("Waiting: %v", err)
	}
	if !slices.EqualFunc(got, want, sameEvent) {
		t.Errorf("waiting are %+v\nwant %+v", got, want)
	}
}

// sameEvent compares payloads by value, since a destination may change the form
// of JSON.
func sameEvent(a, b warehouse.WebhookEvent) bool {
	if !sameJSON(a.Payload, b.Payload) {
		return false
	}
	a.Payload, b.Payload = "", ""
	return a == b
}

// events checks all events that are stored.
func events(t testing.TB, s Subject, want ...warehouse.WebhookEvent) {
	t.Helper()
	got := dump(t, s).Events
	if len(got) != len(want) {
		t.Errorf("%d events are stored, want %d", len(got), len(want))
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g warehouse.WebhookEvent) bool { return sameEvent(g, w) }) {
			t.Errorf("event %+v is not stored; stored are %+v", w, got)
		}
	}
}

// alerts checks all alerts, as returned by Alerts and as stored.
func alerts(t testing.TB, s Subject, box load.Inbox, want ...warehouse.ActiveAlert) {
	t.Helper()
	got, err := box.Alerts(t.Context())
	if err != nil {
		t.Fatalf("Alerts: %v", err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the alerts are %+v\nwant %+v", got, want)
	}
	sameSet(t, "alerts", dump(t, s).Alerts, want)
}
