package loadtest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func (r *reference) TakeIn(_ context.Context, e *warehouse.WebhookEvent, a *warehouse.ActiveAlert) (fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored := slices.ContainsFunc(r.data.Events, func(s warehouse.WebhookEvent) bool { return s.EventID == e.EventID })
	if !stored || r.fault == doublesEvents {
		r.data.Events = append(r.data.Events, *e)
	}
	if a != nil && (!stored || r.fault == alertsOfDoubled) {
		alert := *a
		same := func(s warehouse.ActiveAlert) bool { return s.AlertID == a.AlertID }
		if i := slices.IndexFunc(r.data.Alerts, same); i >= 0 && r.fault != lastAlert {
			alert = load.MergeAlert(r.data.Alerts[i], alert)
		}
		r.data.Alerts = upsert(r.data.Alerts, alert, same)
	}
	r.saved()
	return !stored, nil
}

func (r *reference) Waiting(_ context.Context, limit int) ([]warehouse.WebhookEvent, error) {
	waiting := slices.DeleteFunc(r.Dump(nil).Events, func(e warehouse.WebhookEvent) bool { return e.State != warehouse.EventWaiting })
	slices.SortFunc(waiting, func(a, b warehouse.WebhookEvent) int {
		if r.fault == waitsUnordered {
			return strings.Compare(a.EventID, b.EventID)
		}
		return cmp.Compare(a.ReceivedAt, b.ReceivedAt)
	})
	return waiting[:min(limit, len(waiting))], nil
}

func (r *reference) Recent(_ context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	return slices.DeleteFunc(r.Dump(nil).Events, func(e warehouse.WebhookEvent) bool {
		return e.ReceivedAt < since || r.fault == recentWaiting && e.State != warehouse.EventWaiting
	}), nil
}

func (r *reference) Settle(_ context.Context, ids []string, settled load.Settled) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data.Events = slices.Clone(r.data.Events)
	for i := range r.data.Events {
		e := &r.data.Events[i]
		if !slices.Contains(ids, e.EventID) {
			continue
		}
		if r.fault == settlesAgain {
			e.State = warehouse.EventWaiting
		}
		settled.Apply(e)
	}
	r.saved()
	return nil
}

func (r *reference) Alerts(context.Context) ([]warehouse.ActiveAlert, error) {
	alerts := r.Dump(nil).Alerts
	slices.SortFunc(alerts, func(a, b warehouse.ActiveAlert) int { return strings.Compare(a.AlertID, b.AlertID) })
	return alerts, nil
}
