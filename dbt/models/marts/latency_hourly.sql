{# Generated from internal/warehouse by `make docs`; do not edit. #}
{% if target.type == 'duckdb' %}
WITH facts AS (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, q.day AS day, CAST(extract(hour FROM q.local_hour) AS bigint) AS hour, q.local_hour AS local_hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = c.project_id AND q.quarter = CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AND c.started_at BETWEEN q.first_at AND q.last_at
    WHERE c.missing_since IS NULL
)
{% endif %}
SELECT project_id, environment, channel_family, nullif(variant_id, '') AS variant_id, nullif(variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
    started_at, local_hour, conversations, handoffs, handoff_known, turns, p50_seconds, p90_seconds, p95_seconds, p99_seconds, max_seconds
FROM (
SELECT project_id, environment, channel_family, variant_id, variant_name,
    min(started_at) AS started_at, CAST(CAST(DATE '1970-01-01' + CAST(day AS integer) AS date) AS timestamp) + hour * interval '1 hour' AS local_hour,
{% else %}
    min(started_at) AS started_at, local_hour,
{% endif %}
    count(finished) AS conversations, count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known,
    coalesce(max(turns), 0) AS turns,
{% if target.type == 'postgres' %}
    max(p50_seconds) AS p50_seconds, max(p90_seconds) AS p90_seconds, max(p95_seconds) AS p95_seconds, max(p99_seconds) AS p99_seconds,
{% else %}
    max(percentiles[1]) AS p50_seconds, max(percentiles[2]) AS p90_seconds, max(percentiles[3]) AS p95_seconds, max(percentiles[4]) AS p99_seconds,
{% endif %}
    max(max_seconds) AS max_seconds
FROM (
{% if target.type == 'postgres' %}
    SELECT project_id, environment, channel_family, variant_id, variant_name, day, hour, started_at, finished, handoff,
        NULL AS turns, NULL AS p50_seconds, NULL AS p90_seconds, NULL AS p95_seconds, NULL AS p99_seconds, NULL AS max_seconds
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')))) AS bigint) AS hour, date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS facts
{% else %}
    SELECT local_hour, project_id, environment, channel_family, variant_id, variant_name, started_at, finished, handoff,
        NULL AS turns, NULL AS percentiles, NULL AS max_seconds
    FROM facts
{% endif %}
    UNION ALL
{% if target.type == 'postgres' %}
    SELECT project_id, environment, channel_family, variant_id, variant_name, day, hour, NULL, NULL, NULL, max(turns), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 50), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 90), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 95), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 99), max(latency_seconds)
    FROM (SELECT project_id, environment, channel_family, variant_id, variant_name, day, hour, latency_seconds, sum(CAST(count(*) AS integer)) OVER (PARTITION BY project_id, environment, channel_family, variant_id, variant_name, day, hour ORDER BY latency_seconds ROWS UNBOUNDED PRECEDING) AS reached, sum(CAST(count(*) AS integer)) OVER (PARTITION BY project_id, environment, channel_family, variant_id, variant_name, day, hour) AS turns
    FROM (SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, unnest(u.latencies) AS latency_seconds
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')))) AS bigint) AS hour, date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS c
    CROSS JOIN LATERAL (SELECT array_agg(x.latency_seconds) FILTER (WHERE x.latency_seconds IS NOT NULL) AS latencies
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS u) AS talk
    GROUP BY project_id, environment, channel_family, variant_id, variant_name, day, hour, latency_seconds) AS ranks
    GROUP BY project_id, environment, channel_family, variant_id, variant_name, day, hour
{% else %}
    SELECT c.local_hour, c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, NULL, NULL, NULL,
        count(*), quantile_disc(x.latency_seconds, [0.5, 0.9, 0.95, 0.99]), max(x.latency_seconds)
    FROM facts AS c
    JOIN {{ ref('stg_turns') }} AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at AND x.latency_seconds IS NOT NULL
    GROUP BY c.local_hour, c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name
{% endif %}
) AS parts
{% if target.type == 'postgres' %}
GROUP BY project_id, environment, channel_family, variant_id, variant_name, day, hour
) AS hours
{% else %}
GROUP BY local_hour, project_id, environment, channel_family, variant_id, variant_name
{% endif %}
