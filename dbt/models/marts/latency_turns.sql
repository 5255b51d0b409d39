{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT t.project_id, c.environment, t.conversation_id, t.started_at, t.turn_index, t.user_input_at, t.agent_response_at,
    t.latency_seconds, t.response_gap_seconds, t.barge_in, c.channel_family, c.variant_id, c.variant_name, c.deployment_id,
{% if target.type == 'postgres' %}
    date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
{% else %}
    q.local_hour AS local_hour
{% endif %}
FROM {{ ref('stg_turns') }} AS t
JOIN {{ ref('stg_conversations') }} AS c ON c.project_id = t.project_id AND c.conversation_id = t.conversation_id AND c.started_at = t.started_at
{% if target.type == 'postgres' %}
LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
{% else %}
LEFT JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = c.project_id AND q.quarter = CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AND c.started_at BETWEEN q.first_at AND q.last_at
{% endif %}
WHERE c.missing_since IS NULL AND t.latency_seconds IS NOT NULL
