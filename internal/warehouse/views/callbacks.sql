SELECT c.project_id, c.environment, c.conversation_id, c.started_at, c.customer_number,
    n.conversation_id AS next_conversation_id, n.started_at AS next_started_at,
    {{.Seconds "n.started_at" "c.started_at"}} AS gap_seconds,
    {{.Outcome "c" "cu"}} AS outcome,
    {{.Outcome "n" "nu"}} AS next_outcome
FROM conversations AS c
{{.Next}}
{{.Turns "c" "cu" .CountUser}}
{{.Turns "n" "nu" .CountUser}}
WHERE c.missing_since IS NULL AND n.started_at <= c.started_at + interval '720 hours'
