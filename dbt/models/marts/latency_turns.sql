{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT t.project_id, c.environment, t.conversation_id, t.started_at, t.turn_index, t.user_input_at, t.agent_response_at,
    t.latency_seconds, t.response_gap_seconds, t.barge_in, c.channel_family, c.variant_id, c.variant_name, c.deployment_id,
    date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
FROM {{ ref('stg_turns') }} AS t
JOIN {{ ref('stg_conversations') }} AS c ON c.project_id = t.project_id AND c.conversation_id = t.conversation_id AND c.started_at = t.started_at
LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
WHERE c.missing_since IS NULL AND t.latency_seconds IS NOT NULL
