package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Inbox is how the events of webhooks come into a destination: beside whoever
// writes it, since a sender does not wait for the end of a run. None of its
// methods takes the writer's lock. They may be called from any number of
// goroutines and processes at once. The destination has been prepared.
type Inbox interface {
	// TakeIn stores an event, and with it in one what it tells of an alert (nil:
	// nothing), which is merged by [MergeAlert]. Both are durable when it
	// returns. An event whose id is stored changes nothing, and is not fresh,
	// also after a restart. Readers of the tables may see it only after the next
	// run; the methods below see it at once.
	TakeIn(ctx context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error)
	// Waiting lists events that wait to be handled, the first received first, at
	// most so many.
	Waiting(ctx context.Context, limit int) ([]warehouse.WebhookEvent, error)
	// Settle marks those of the events that wait as handled or ignored, durably.
	Settle(ctx context.Context, ids []string, settled Settled) error
	// Recent lists the events that were received at since or later, in no order.
	Recent(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error)
	// Alerts lists all alerts that were told of, by their ids.
	Alerts(ctx context.Context) ([]warehouse.ActiveAlert, error)
}

// Settled is what became of events that waited.
type Settled struct {
	State string // warehouse.EventHandled or warehouse.EventIgnored
	RunID string // that they led to; "": none
	At    warehouse.Timestamp
}

// Apply settles an event, if it waits.
func (s *Settled) Apply(e *warehouse.WebhookEvent) bool {
	if e.State != warehouse.EventWaiting {
		return false
	}
	e.State, e.HandledAt, e.RunID = s.State, warehouse.Some(s.At), warehouse.Text(s.RunID)
	return true
}

// MergeAlert is what two tellings of one alert come to, in whichever order they
// came: it is resolved when that was its last change. What only one of them
// tells is kept; where both do, the one that happened later counts.
func MergeAlert(a, b warehouse.ActiveAlert) warehouse.ActiveAlert {
	if a.UpdatedAt > b.UpdatedAt || a.UpdatedAt == b.UpdatedAt && a.EventID > b.EventID {
		a, b = b, a
	}
	merged := b
	merged.TriggeredAt, merged.ResolvedAt = later(a.TriggeredAt, b.TriggeredAt), later(a.ResolvedAt, b.ResolvedAt)
	for _, f := range []struct{ into, from *warehouse.Text }{
		{&merged.RuleID, &a.RuleID}, {&merged.Name, &a.Name}, {&merged.ProjectID, &a.ProjectID}, {&merged.Severity, &a.Severity},
		{&merged.Metric, &a.Metric}, {&merged.Operator, &a.Operator}, {&merged.WindowDuration, &a.WindowDuration},
	} {
		if *f.into == "" {
			*f.into = *f.from
		}
	}
	if !merged.ThresholdValue.Valid {
		merged.ThresholdValue = a.ThresholdValue
	}
	if !merged.CurrentValue.Valid {
		merged.CurrentValue = a.CurrentValue
	}
	merged.Status = AlertStatus(merged.TriggeredAt, merged.ResolvedAt)
	return merged
}

// AlertStatus is how an alert stands that was last triggered and last resolved
// then.
func AlertStatus(triggered, resolved warehouse.Null[warehouse.Timestamp]) string {
	if resolved.Valid && (!triggered.Valid || resolved.V >= triggered.V) {
		return warehouse.AlertResolved
	}
	return warehouse.AlertTriggered
}

func later(a, b warehouse.Null[warehouse.Timestamp]) warehouse.Null[warehouse.Timestamp] {
	if !a.Valid || b.Valid && b.V > a.V {
		return b
	}
	return a
}
