{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT c.project_id, c.environment, c.conversation_id, c.started_at, c.customer_number,
    n.conversation_id AS next_conversation_id, n.started_at AS next_started_at,
    (floor((CAST(extract(epoch FROM n.started_at) AS double precision) - CAST(extract(epoch FROM c.started_at) AS double precision)) * 1000000 + 0.5) / 1000000) AS gap_seconds,
    CASE WHEN c.lifecycle <> 'final' THEN 'open' WHEN c.handoff THEN 'handed_off'
        WHEN NOT c.handoff THEN CASE (NOT c.handoff AND (c.total_duration_seconds < 10 OR (CASE WHEN c.transcript_status IN ('complete', 'hidden_kept', 'none') OR cu.user_turns >= 2 THEN coalesce(cu.user_turns, 0) END) < 2)) WHEN true THEN 'abandoned_early' WHEN false THEN 'contained' END END AS outcome,
    CASE WHEN n.lifecycle <> 'final' THEN 'open' WHEN n.handoff THEN 'handed_off'
        WHEN NOT n.handoff THEN CASE (NOT n.handoff AND (n.total_duration_seconds < 10 OR (CASE WHEN n.transcript_status IN ('complete', 'hidden_kept', 'none') OR nu.user_turns >= 2 THEN coalesce(nu.user_turns, 0) END) < 2)) WHEN true THEN 'abandoned_early' WHEN false THEN 'contained' END END AS next_outcome
FROM {{ ref('stg_conversations') }} AS c
{% if target.type == 'postgres' %}
LEFT JOIN LATERAL (SELECT f.project_id, f.conversation_id, f.started_at, f.lifecycle, f.handoff, f.total_duration_seconds, f.transcript_status
    FROM {{ ref('stg_conversations') }} AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '720 hours'
    ORDER BY f.started_at, f.conversation_id COLLATE "C" LIMIT 1) AS n ON true
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS cu
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = n.project_id AND x.conversation_id = n.conversation_id AND x.started_at = n.started_at) AS nu
{% else %}
ASOF LEFT JOIN (SELECT project_id, environment, customer_number, started_at, min(conversation_id) AS conversation_id
    FROM {{ ref('stg_conversations') }} WHERE missing_since IS NULL AND customer_number IS NOT NULL
    GROUP BY project_id, environment, customer_number, started_at) AS m
    ON m.project_id = c.project_id AND m.environment = c.environment AND m.customer_number = c.customer_number AND m.started_at > c.started_at
LEFT JOIN {{ ref('stg_conversations') }} AS n ON n.project_id = m.project_id AND n.conversation_id = m.conversation_id AND n.started_at = m.started_at
LEFT JOIN (SELECT x.project_id, x.conversation_id, x.started_at, count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns
    FROM {{ ref('stg_turns') }} AS x GROUP BY x.project_id, x.conversation_id, x.started_at) AS cu ON cu.project_id = c.project_id AND cu.conversation_id = c.conversation_id AND cu.started_at = c.started_at
LEFT JOIN (SELECT x.project_id, x.conversation_id, x.started_at, count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns
    FROM {{ ref('stg_turns') }} AS x GROUP BY x.project_id, x.conversation_id, x.started_at) AS nu ON nu.project_id = n.project_id AND nu.conversation_id = n.conversation_id AND nu.started_at = n.started_at
{% endif %}
WHERE c.missing_since IS NULL AND n.started_at <= c.started_at + interval '720 hours'
