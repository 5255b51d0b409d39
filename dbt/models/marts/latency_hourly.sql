{# Generated from internal/warehouse by `make docs`; do not edit. #}
WITH contact AS (
    SELECT project_id, environment, channel_family, variant_id, variant_name, day, hour, min(started_at) AS started_at, count(*) AS conversations,
        count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS facts
    GROUP BY project_id, environment, channel_family, variant_id, variant_name, day, hour
), talk AS (
    SELECT project_id, environment, channel_family, variant_id, variant_name, day, hour, count(latency_seconds) AS turns,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50_seconds,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY latency_seconds) AS p90_seconds,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95_seconds,
        percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_seconds) AS p99_seconds,
        max(latency_seconds) AS max_seconds
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour,
        x.latency_seconds, x.is_silence, x.is_ood, (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL) AS by_user
    FROM {{ ref('stg_turns') }} AS x
    JOIN {{ ref('stg_conversations') }} AS c ON c.project_id = x.project_id AND c.conversation_id = x.conversation_id AND c.started_at = x.started_at
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS talk
    GROUP BY project_id, environment, channel_family, variant_id, variant_name, day, hour
)
SELECT a.project_id, a.environment, a.channel_family, nullif(a.variant_id, '') AS variant_id, nullif(a.variant_name, '') AS variant_name, a.started_at,
    CAST(CAST(DATE '1970-01-01' + CAST(a.day AS integer) AS date) AS timestamp) + a.hour * interval '1 hour' AS local_hour,
    a.conversations, a.handoffs, a.handoff_known, coalesce(t.turns, 0) AS turns,
    t.p50_seconds, t.p90_seconds, t.p95_seconds, t.p99_seconds, t.max_seconds
FROM contact AS a
LEFT JOIN talk AS t ON t.project_id = a.project_id AND t.environment = a.environment AND t.channel_family = a.channel_family
    AND t.variant_id = a.variant_id AND t.variant_name = a.variant_name AND t.day = a.day AND t.hour = a.hour
