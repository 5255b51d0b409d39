SELECT t.project_id, c.environment, t.conversation_id, t.started_at, t.turn_index, t.user_input_at, t.agent_response_at,
    t.latency_seconds, t.response_gap_seconds, t.barge_in, c.channel_family, c.variant_id, c.variant_name, c.deployment_id,
    {{.LocalHour "c"}} AS local_hour
FROM turns AS t
JOIN conversations AS c ON {{.Same "c" "t"}}
{{.LocalTimes "c"}}
WHERE c.missing_since IS NULL AND t.latency_seconds IS NOT NULL{{.Started "c"}}{{.Started "t"}}
