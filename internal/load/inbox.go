package load

import (
	"context"

	"convsync/internal/warehouse"
)

// Inbox stores the events of webhooks, concurrently with any writer, since a
// sender does not wait for the end of a run. Its methods do not take the
// writer's lock, and are safe for concurrent use by any number of goroutines and
// processes. They need a destination that is prepared.
type Inbox interface {
	// TakeIn stores an event and its update of an alert (nil: none) atomically. The
	// update is merged by [MergeAlert]. Both are durable when TakeIn returns. An
	// event with a stored id changes nothing and is not fresh, even after a
	// restart. In the tables, an event may appear only after the next run; the
	// methods below return it at once.
	TakeIn(ctx context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error)
	// Waiting lists up to limit events that wait to be handled, in the order in
	// which they were received.
	Waiting(ctx context.Context, limit int) ([]warehouse.WebhookEvent, error)
	// Settle marks those of the events that wait as handled or ignored, durably.
	Settle(ctx context.Context, ids []string, settled Settled) error
	// Recent lists the events that were received at since or later, in any order.
	Recent(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error)
	// Alerts lists all alerts in the order of their ids.
	Alerts(ctx context.Context) ([]warehouse.ActiveAlert, error)
}

// Settled is the result of handling events.
type Settled struct {
	State string // warehouse.EventHandled or warehouse.EventIgnored
	RunID string // the run that they caused; "": none
	At    warehouse.Timestamp
}

// Apply settles a waiting event. It returns false if the event does not wait.
func (s *Settled) Apply(e *warehouse.WebhookEvent) bool {
	if e.State != warehouse.EventWaiting {
		return false
	}
	e.State, e.HandledAt, e.RunID = s.State, warehouse.Some(s.At), warehouse.Text(s.RunID)
	return true
}

// MergeAlert merges two updates of one alert. The result does not depend on the
// order of its arguments: the later update wins, except for values that only the
// earlier one has. The alert is resolved if that was its last change.
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

// AlertStatus returns the status of an alert that was last triggered and last
// resolved at these times.
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
