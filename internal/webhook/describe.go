package webhook

import (
	"cmp"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// describe converts a body to rows.
func (r *Receiver) describe(p *parsed, id string, sentAt time.Time) (*warehouse.WebhookEvent, *warehouse.ActiveAlert) {
	e := &warehouse.WebhookEvent{
		EventID:               id,
		EventType:             warehouse.Text(p.typ),
		ProjectID:             warehouse.Text(r.storedID(p)),
		ConversationID:        warehouse.Text(p.conversation),
		ConversationStartedAt: p.startedAt,
		OccurredAt:            p.occurredAt,
		SentAt:                warehouse.TimestampOf(sentAt),
		ReceivedAt:            warehouse.TimestampOf(r.o.now()),
		State:                 warehouse.EventIgnored,
	}
	e.Payload = r.o.Rules(string(e.ProjectID), p.body)
	switch {
	case p.topic == topicCall && e.ProjectID != "":
		e.State = warehouse.EventWaiting
	case p.topic == topicAlert && p.alert.AlertID != "":
		alert := p.describeAlert(e)
		e.AlertID, e.State, e.HandledAt = warehouse.Text(alert.AlertID), warehouse.EventHandled, warehouse.Some(e.ReceivedAt)
		return e, alert
	}
	return e, nil
}

// storedID returns the stored id of the event's project; "" if it is not
// configured. A call event without a project belongs to the configured project if
// there is exactly one.
func (r *Receiver) storedID(p *parsed) string {
	if p.project == "" && p.topic == topicCall && len(r.o.Projects) == 1 {
		return r.o.Projects[0].StoredID
	}
	found := ""
	for _, known := range r.o.Projects {
		switch {
		case p.project == "" || p.project != known.ID && p.project != known.StoredID:
		case p.account == known.AccountID && p.project == known.ID:
			return known.StoredID // two accounts can have projects with the same id
		default:
			found = cmp.Or(found, known.StoredID)
		}
	}
	return found
}

// describeAlert converts an alert event. The sending time replaces missing times.
func (p *parsed) describeAlert(e *warehouse.WebhookEvent) *warehouse.ActiveAlert {
	a := p.alert
	a.ProjectID = cmp.Or(e.ProjectID, warehouse.Text(p.project))
	a.EventID = e.EventID
	at := e.SentAt
	if e.OccurredAt.Valid {
		at = e.OccurredAt.V
	}
	if p.resolved {
		if !a.ResolvedAt.Valid {
			a.ResolvedAt = warehouse.Some(at)
		}
		a.ResolvedAt.V = max(a.ResolvedAt.V, a.TriggeredAt.V) // the event says that it is resolved
		a.UpdatedAt = a.ResolvedAt.V
	} else {
		if !a.TriggeredAt.Valid {
			a.TriggeredAt = warehouse.Some(at)
		}
		if a.ResolvedAt.Valid && a.ResolvedAt.V >= a.TriggeredAt.V {
			a.ResolvedAt = warehouse.Null[warehouse.Timestamp]{}
		}
		a.UpdatedAt = a.TriggeredAt.V
	}
	a.Status = load.AlertStatus(a.TriggeredAt, a.ResolvedAt)
	return &a
}
