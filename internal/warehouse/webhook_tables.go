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
	EventWaiting = "waiting" // no sync of its project has read it yet
	EventHandled = "handled"
	EventIgnored = "ignored" // unknown type or project: stored, and not acted on
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

// WebhookEvents declares the table webhook_events.
var WebhookEvents = Table[WebhookEvent]{
	Name: "webhook_events",
	Doc:  "Webhook events: one row per event, with its body. Kept for 90 days, or longer while an event is waiting.",
	For:  ForOperators,
	Key:  []string{"event_id"},
	Columns: []Column[WebhookEvent]{
		{Name: "event_id", Doc: "Id of the event, given by the sender.", Source: "X-PolyAI-Event-ID", Ref: func(r *WebhookEvent) any { return &r.EventID }},
		{Name: "event_type", Doc: "Type of the event.", Source: "type", Ref: func(r *WebhookEvent) any { return &r.EventType }},
		{Name: "project_id", Doc: "Project id under which the data is stored; NULL if the event names no configured project.", Source: "project_id", Ref: func(r *WebhookEvent) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation or call that the event names.", Source: "conversation_id", Ref: func(r *WebhookEvent) any { return &r.ConversationID }},
		{Name: "alert_id", Doc: "The alert that the event is about; see active_alerts.", Source: "alert_id", Ref: func(r *WebhookEvent) any { return &r.AlertID }},
		{Name: "conversation_started_at", Doc: "Start of the conversation, if the event contains it.", Source: "started_at", Ref: func(r *WebhookEvent) any { return &r.ConversationStartedAt }},
		{Name: "occurred_at", Doc: "When the event occurred, if the event contains it.", Source: "created_at", Ref: func(r *WebhookEvent) any { return &r.OccurredAt }},
		{Name: "sent_at", Doc: "When the event was sent, by the sender's clock.", Source: "X-PolyAI-Timestamp", Ref: func(r *WebhookEvent) any { return &r.SentAt }},
		{Name: "received_at", Doc: "When the event was received, by the clock of convsync.", Ref: func(r *WebhookEvent) any { return &r.ReceivedAt }},
		{Name: "state", Doc: "waiting (no sync has handled it yet), handled, or ignored (unknown type or project).", Ref: func(r *WebhookEvent) any { return &r.State }},
		{Name: "handled_at", Doc: "When the event was handled.", Ref: func(r *WebhookEvent) any { return &r.HandledAt }},
		{Name: "run_id", Doc: "The run that the event started.", Ref: func(r *WebhookEvent) any { return &r.RunID }},
		{Name: "payload", Doc: "Body of the event.", Ref: func(r *WebhookEvent) any { return &r.Payload }},
	},
}

// ActiveAlerts declares the table active_alerts.
var ActiveAlerts = Table[ActiveAlert]{
	Name: "active_alerts",
	Doc:  "One row per PolyAI alert that webhook events reported, with its current status. Resolved alerts remain.",
	For:  ForOperators,
	Key:  []string{"alert_id"},
	Columns: []Column[ActiveAlert]{
		{Name: "alert_id", Doc: "Id of the alert; if the event has none, the id of its rule.", Source: "alert_id", Ref: func(r *ActiveAlert) any { return &r.AlertID }},
		{Name: "rule_id", Doc: "Id of the alert rule.", Source: "alert_rule_id", Ref: func(r *ActiveAlert) any { return &r.RuleID }},
		{Name: "name", Doc: "Name of the alert rule.", Source: "name", Ref: func(r *ActiveAlert) any { return &r.Name }},
		{Name: "project_id", Doc: "Project id: the stored one if the project is configured, otherwise the one of the event. NULL if the alert is about the whole account.", Source: "project_id", Ref: func(r *ActiveAlert) any { return &r.ProjectID }},
		{Name: "severity", Doc: "Severity.", Source: "severity", Ref: func(r *ActiveAlert) any { return &r.Severity }},
		{Name: "metric", Doc: "Metric that the rule watches, such as turn_latency_p95.", Source: "metric", Ref: func(r *ActiveAlert) any { return &r.Metric }},
		{Name: "operator", Doc: "How the value is compared: >, <, >= or <=.", Source: "operator", Ref: func(r *ActiveAlert) any { return &r.Operator }},
		{Name: "threshold_value", Doc: "Threshold, in the metric's unit.", Source: "threshold_value", Ref: func(r *ActiveAlert) any { return &r.ThresholdValue }},
		{Name: "window_duration", Doc: "Time window of the rule, such as 5m.", Source: "window_duration", Ref: func(r *ActiveAlert) any { return &r.WindowDuration }},
		{Name: "current_value", Doc: "The value when the event was sent.", Source: "current_value", Ref: func(r *ActiveAlert) any { return &r.CurrentValue }},
		{Name: "status", Doc: "triggered or resolved.", Ref: func(r *ActiveAlert) any { return &r.Status }},
		{Name: "triggered_at", Doc: "When the alert was last triggered.", Source: "since", Ref: func(r *ActiveAlert) any { return &r.TriggeredAt }},
		{Name: "resolved_at", Doc: "When the alert was last resolved.", Source: "resolved_at", Ref: func(r *ActiveAlert) any { return &r.ResolvedAt }},
		{Name: "updated_at", Doc: "When the newest event about the alert occurred.", Ref: func(r *ActiveAlert) any { return &r.UpdatedAt }},
		{Name: "event_id", Doc: "The newest event about the alert.", Ref: func(r *ActiveAlert) any { return &r.EventID }},
	},
}
