package warehouse

// WebhookEvent is a row of [WebhookEvents].
type WebhookEvent struct {
	EventID                 string
	EventType               Text
	ProjectID               Text
	ConversationID, AlertID Text
	ConversationStartedAt   Null[Timestamp]
	OccurredAt              Null[Timestamp]
	SentAt, ReceivedAt      Timestamp
	State                   string
	HandledAt               Null[Timestamp]
	RunID                   Text
	Payload                 JSON
}

// The values of webhook_events.state.
const (
	EventWaiting = "waiting" // a sync of its project is still to come
	EventHandled = "handled"
	EventIgnored = "ignored" // of a type or a project that is not known: kept, and nothing else
)

// ActiveAlert is a row of [ActiveAlerts].
type ActiveAlert struct {
	AlertID                 string
	RuleID, Name            Text
	ProjectID, Severity     Text
	Metric, Operator        Text
	ThresholdValue          Null[float64]
	WindowDuration          Text
	CurrentValue            Null[float64]
	Status                  string
	TriggeredAt, ResolvedAt Null[Timestamp]
	UpdatedAt               Timestamp
	EventID                 string
}

// The values of active_alerts.status.
const (
	AlertTriggered = "triggered"
	AlertResolved  = "resolved"
)

// WebhookEvents is what came in by webhooks.
var WebhookEvents = Table[WebhookEvent]{
	Name: "webhook_events", Doc: "Events that came in by webhooks, each once, as they were sent; kept 90 days.", Key: []string{"event_id"},
	Columns: []Column[WebhookEvent]{
		{Name: "event_id", Doc: "The event, by the sender's id.", Source: "X-PolyAI-Event-ID", Ref: func(r *WebhookEvent) any { return &r.EventID }},
		{Name: "event_type", Doc: "What happened, as given.", Source: "type", Ref: func(r *WebhookEvent) any { return &r.EventType }},
		{Name: "project_id", Doc: "The project as stored; NULL when the event names none that is configured.", Source: "project_id", Ref: func(r *WebhookEvent) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation or call that the event names.", Source: "conversation_id", Ref: func(r *WebhookEvent) any { return &r.ConversationID }},
		{Name: "alert_id", Doc: "The alert that the event is of; see active_alerts.", Source: "alert_id", Ref: func(r *WebhookEvent) any { return &r.AlertID }},
		{Name: "conversation_started_at", Doc: "Start of the conversation, where the event says so.", Source: "started_at", Ref: func(r *WebhookEvent) any { return &r.ConversationStartedAt }},
		{Name: "occurred_at", Doc: "When it happened, where the event says so.", Source: "created_at", Ref: func(r *WebhookEvent) any { return &r.OccurredAt }},
		{Name: "sent_at", Doc: "When it was sent, by the sender's clock.", Source: "X-PolyAI-Timestamp", Ref: func(r *WebhookEvent) any { return &r.SentAt }},
		{Name: "received_at", Doc: "When it was received, by our clock.", Ref: func(r *WebhookEvent) any { return &r.ReceivedAt }},
		{Name: "state", Doc: "waiting: a sync of its project is still to come; handled; ignored: of a type or project that is not known.", Ref: func(r *WebhookEvent) any { return &r.State }},
		{Name: "handled_at", Doc: "When it was handled.", Ref: func(r *WebhookEvent) any { return &r.HandledAt }},
		{Name: "run_id", Doc: "The run that it led to.", Ref: func(r *WebhookEvent) any { return &r.RunID }},
		{Name: "payload", Doc: "The body as given.", Ref: func(r *WebhookEvent) any { return &r.Payload }},
	},
}

// ActiveAlerts is what alert events say.
var ActiveAlerts = Table[ActiveAlert]{
	Name: "active_alerts", Doc: "One row an alert of PolyAI that webhook events told of, with how it stands; a resolved one stays.", Key: []string{"alert_id"},
	Columns: []Column[ActiveAlert]{
		{Name: "alert_id", Doc: "The alert; where the event names none, its rule.", Source: "alert_id", Ref: func(r *ActiveAlert) any { return &r.AlertID }},
		{Name: "rule_id", Doc: "The rule that it is of.", Source: "alert_rule_id", Ref: func(r *ActiveAlert) any { return &r.RuleID }},
		{Name: "name", Doc: "The rule's name.", Source: "name", Ref: func(r *ActiveAlert) any { return &r.Name }},
		{Name: "project_id", Doc: "The project: as stored where it is configured, else as given; NULL: of the whole account.", Source: "project_id", Ref: func(r *ActiveAlert) any { return &r.ProjectID }},
		{Name: "severity", Doc: "How grave it is, as given.", Source: "severity", Ref: func(r *ActiveAlert) any { return &r.Severity }},
		{Name: "metric", Doc: "What is watched, such as turn_latency_p95.", Source: "metric", Ref: func(r *ActiveAlert) any { return &r.Metric }},
		{Name: "operator", Doc: "How the value is compared: >, <, >= or <=.", Source: "operator", Ref: func(r *ActiveAlert) any { return &r.Operator }},
		{Name: "threshold_value", Doc: "What it is compared with, in the metric's unit.", Source: "threshold_value", Ref: func(r *ActiveAlert) any { return &r.ThresholdValue }},
		{Name: "window_duration", Doc: "Over how long, such as 5m.", Source: "window_duration", Ref: func(r *ActiveAlert) any { return &r.WindowDuration }},
		{Name: "current_value", Doc: "The value when the event was sent.", Source: "current_value", Ref: func(r *ActiveAlert) any { return &r.CurrentValue }},
		{Name: "status", Doc: "triggered or resolved.", Ref: func(r *ActiveAlert) any { return &r.Status }},
		{Name: "triggered_at", Doc: "When it was triggered last.", Source: "since", Ref: func(r *ActiveAlert) any { return &r.TriggeredAt }},
		{Name: "resolved_at", Doc: "When it was resolved last.", Source: "resolved_at", Ref: func(r *ActiveAlert) any { return &r.ResolvedAt }},
		{Name: "updated_at", Doc: "When what the newest event tells happened.", Ref: func(r *ActiveAlert) any { return &r.UpdatedAt }},
		{Name: "event_id", Doc: "That event.", Ref: func(r *ActiveAlert) any { return &r.EventID }},
	},
}
