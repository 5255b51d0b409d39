{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT c.project_id, c.environment, c.conversation_id, c.started_at,
    (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS local_started_at,
    CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day,
    CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour,
    CAST(extract(isodow FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS weekday,
    c.channel_family, c.direction, c.variant_id, c.variant_name, c.deployment_id, c.language, c.customer_number,
    c.total_duration_seconds, c.turns_loaded AS turns,
    (CASE WHEN c.transcript_status IN ('complete', 'hidden_kept', 'none') OR u.user_turns >= 2 THEN coalesce(u.user_turns, 0) END) AS user_turns,
    c.transcript_status, c.handoff_reason, c.handoff_destination, c.poly_score,
    CASE WHEN c.lifecycle <> 'final' THEN 'open' WHEN c.handoff THEN 'handed_off'
        WHEN NOT c.handoff THEN CASE (NOT c.handoff AND (c.total_duration_seconds < 10 OR (CASE WHEN c.transcript_status IN ('complete', 'hidden_kept', 'none') OR u.user_turns >= 2 THEN coalesce(u.user_turns, 0) END) < 2)) WHEN true THEN 'abandoned_early' WHEN false THEN 'contained' END END AS outcome,
    CASE WHEN u.last_agent >= coalesce(u.last_user, 0) THEN 'agent' WHEN u.last_user >= 0 THEN 'user' END AS last_speaker,
    u.last_user_input AS last_user_utterance, u.last_agent_response AS last_agent_utterance,
    coalesce(u.last_turn - coalesce(u.last_not_silent, -1), 0) AS silent_turns_at_end,
    CASE WHEN n.started_at <= c.started_at + interval '720 hours' THEN n.started_at END AS next_started_at,
    CASE WHEN c.customer_number IS NOT NULL AND c.started_at + interval '24 hours' <= w.watermark
        THEN coalesce(n.started_at <= c.started_at + interval '24 hours', false) END AS repeat_within_24h,
    CASE WHEN c.customer_number IS NOT NULL AND c.started_at + interval '168 hours' <= w.watermark
        THEN coalesce(n.started_at <= c.started_at + interval '168 hours', false) END AS repeat_within_7d
FROM {{ ref('stg_conversations') }} AS c
{% if target.type == 'postgres' %}
LEFT JOIN LATERAL (SELECT f.project_id, f.conversation_id, f.started_at, f.lifecycle, f.handoff, f.total_duration_seconds, f.transcript_status
    FROM {{ ref('stg_conversations') }} AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '720 hours'
    ORDER BY f.started_at, f.conversation_id COLLATE "C" LIMIT 1) AS n ON true
{% else %}
ASOF LEFT JOIN (SELECT project_id, environment, customer_number, started_at, min(conversation_id) AS conversation_id
    FROM {{ ref('stg_conversations') }} WHERE missing_since IS NULL AND customer_number IS NOT NULL
    GROUP BY project_id, environment, customer_number, started_at) AS m
    ON m.project_id = c.project_id AND m.environment = c.environment AND m.customer_number = c.customer_number AND m.started_at > c.started_at
LEFT JOIN {{ ref('stg_conversations') }} AS n ON n.project_id = m.project_id AND n.conversation_id = m.conversation_id AND n.started_at = m.started_at
{% endif %}
LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
LEFT JOIN {{ ref('stg_sync_watermarks') }} AS w ON w.project_id = c.project_id AND w.environment = c.environment
{% if target.type == 'postgres' %}
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns, (array_agg(x.user_input ORDER BY x.turn_index DESC) FILTER (WHERE x.user_input IS NOT NULL))[1] AS last_user_input, (array_agg(x.agent_response ORDER BY x.turn_index DESC) FILTER (WHERE x.agent_response IS NOT NULL))[1] AS last_agent_response, max(x.turn_index) AS last_turn, max(x.turn_index) FILTER (WHERE x.user_input IS NOT NULL) AS last_user, max(x.turn_index) FILTER (WHERE x.agent_response IS NOT NULL) AS last_agent, max(x.turn_index) FILTER (WHERE x.is_silence IS NOT TRUE) AS last_not_silent
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS u
{% else %}
LEFT JOIN (SELECT x.project_id, x.conversation_id, x.started_at, count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns, arg_max(x.user_input, x.turn_index) AS last_user_input, arg_max(x.agent_response, x.turn_index) AS last_agent_response, max(x.turn_index) AS last_turn, max(x.turn_index) FILTER (WHERE x.user_input IS NOT NULL) AS last_user, max(x.turn_index) FILTER (WHERE x.agent_response IS NOT NULL) AS last_agent, max(x.turn_index) FILTER (WHERE x.is_silence IS NOT TRUE) AS last_not_silent
    FROM {{ ref('stg_turns') }} AS x GROUP BY x.project_id, x.conversation_id, x.started_at) AS u ON u.project_id = c.project_id AND u.conversation_id = c.conversation_id AND u.started_at = c.started_at
{% endif %}
WHERE c.missing_since IS NULL
