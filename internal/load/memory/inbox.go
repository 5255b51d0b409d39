package memory

import (
	"cmp"
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// TakeIn implements [load.Inbox].
func (d *Destination) TakeIn(_ context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(d.data.Events, func(e warehouse.WebhookEvent) bool { return e.EventID == event.EventID }) {
		return false, nil
	}
	d.data.Events = append(d.data.Events, *event)
	if alert != nil {
		put(&d.data.Alerts, *alert, func(a *warehouse.ActiveAlert) bool { return a.AlertID == alert.AlertID },
			func(stored, update *warehouse.ActiveAlert) { *update = load.MergeAlert(*stored, *update) })
	}
	return true, nil
}

// Waiting implements [load.Inbox].
func (d *Destination) Waiting(_ context.Context, limit int) ([]warehouse.WebhookEvent, error) {
	waiting := d.events(func(e *warehouse.WebhookEvent) bool { return e.State == warehouse.EventWaiting })
	slices.SortStableFunc(waiting, func(a, b warehouse.WebhookEvent) int { return cmp.Compare(a.ReceivedAt, b.ReceivedAt) })
	return waiting[:min(limit, len(waiting))], nil
}

// Recent implements [load.Inbox].
func (d *Destination) Recent(_ context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	return d.events(func(e *warehouse.WebhookEvent) bool { return e.ReceivedAt >= since }), nil
}

func (d *Destination) events(such func(*warehouse.WebhookEvent) bool) []warehouse.WebhookEvent {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := slices.Clone(d.data.Events)
	keep(&found, such)
	return found
}

// Settle implements [load.Inbox].
func (d *Destination) Settle(_ context.Context, ids []string, settled load.Settled) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.data.Events {
		if e := &d.data.Events[i]; slices.Contains(ids, e.EventID) {
			settled.Apply(e)
		}
	}
	return nil
}

// Alerts implements [load.Inbox].
func (d *Destination) Alerts(context.Context) ([]warehouse.ActiveAlert, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	alerts := slices.Clone(d.data.Alerts)
	slices.SortFunc(alerts, func(a, b warehouse.ActiveAlert) int { return cmp.Compare(a.AlertID, b.AlertID) })
	return alerts, nil
}
