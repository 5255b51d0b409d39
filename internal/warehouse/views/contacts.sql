SELECT c.project_id, c.environment, c.conversation_id, c.started_at,
    {{.Local "c"}} AS local_started_at,
    CAST({{.Local "c"}} AS date) AS day,
    CAST(extract(hour FROM {{.Local "c"}}) AS bigint) AS hour,
    CAST(extract(isodow FROM {{.Local "c"}}) AS bigint) AS weekday,
    c.channel_family, c.direction, c.variant_id, c.variant_name, c.deployment_id, c.language, c.customer_number,
    c.total_duration_seconds, c.turns_loaded AS turns,
    {{.UserTurns "c" "u"}} AS user_turns,
    c.transcript_status, c.handoff_reason, c.handoff_destination, c.poly_score,
    {{.Outcome "c" "u"}} AS outcome,
    CASE WHEN u.last_agent >= coalesce(u.last_user, 0) THEN 'agent' WHEN u.last_user >= 0 THEN 'user' END AS last_speaker,
    u.last_user_input AS last_user_utterance, u.last_agent_response AS last_agent_utterance,
    coalesce(u.last_turn - coalesce(u.last_not_silent, -1), 0) AS silent_turns_at_end,
    CASE WHEN n.started_at <= c.started_at + interval '720 hours' THEN n.started_at END AS next_started_at,
    CASE WHEN c.customer_number IS NOT NULL AND c.started_at + interval '24 hours' <= w.watermark
        THEN coalesce(n.started_at <= c.started_at + interval '24 hours', false) END AS repeat_within_24h,
    CASE WHEN c.customer_number IS NOT NULL AND c.started_at + interval '168 hours' <= w.watermark
        THEN coalesce(n.started_at <= c.started_at + interval '168 hours', false) END AS repeat_within_7d
FROM conversations AS c
{{.NextStart}}
LEFT JOIN projects AS p ON p.project_id = c.project_id
LEFT JOIN sync_watermarks AS w ON w.project_id = c.project_id AND w.environment = c.environment
{{.Turns "c" "u" .CountUser (.Last "user_input") (.Last "agent_response") "max(x.turn_index) AS last_turn"
    "max(x.turn_index) FILTER (WHERE x.user_input IS NOT NULL) AS last_user"
    "max(x.turn_index) FILTER (WHERE x.agent_response IS NOT NULL) AS last_agent"
    "max(x.turn_index) FILTER (WHERE x.is_silence IS NOT TRUE) AS last_not_silent"}}
WHERE c.missing_since IS NULL{{.Started "c"}}
