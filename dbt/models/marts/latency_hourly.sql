{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT project_id, environment, channel_family, nullif(variant_id, '') AS variant_id, nullif(variant_name, '') AS variant_name,
    min(started_at) AS started_at, CAST(CAST(DATE '1970-01-01' + CAST(day AS integer) AS date) AS timestamp) + hour * interval '1 hour' AS local_hour,
    count(finished) AS conversations, count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known,
    coalesce(max(turns), 0) AS turns,
    max(p50_seconds) AS p50_seconds, max(p90_seconds) AS p90_seconds, max(p95_seconds) AS p95_seconds, max(p99_seconds) AS p99_seconds,
    max(max_seconds) AS max_seconds
FROM (
    SELECT day, hour, project_id, environment, channel_family, variant_id, variant_name, started_at, finished, handoff,
        NULL AS turns, NULL AS p50_seconds, NULL AS p90_seconds, NULL AS p95_seconds, NULL AS p99_seconds, NULL AS max_seconds
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS facts
    UNION ALL
{% if target.type == 'postgres' %}
    SELECT day, hour, project_id, environment, channel_family, variant_id, variant_name, NULL, NULL, NULL, max(turns), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 50), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 90), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 95), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 99), max(latency_seconds)
    FROM (SELECT day, hour, project_id, environment, channel_family, variant_id, variant_name, latency_seconds, sum(CAST(count(*) AS integer)) OVER (PARTITION BY day, hour, project_id, environment, channel_family, variant_id, variant_name ORDER BY latency_seconds ROWS UNBOUNDED PRECEDING) AS reached, sum(CAST(count(*) AS integer)) OVER (PARTITION BY day, hour, project_id, environment, channel_family, variant_id, variant_name) AS turns
    FROM (SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, unnest(u.latencies) AS latency_seconds
{% else %}
    SELECT day, hour, project_id, environment, channel_family, variant_id, variant_name, NULL, NULL, NULL, count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds), percentile_disc(0.9) WITHIN GROUP (ORDER BY latency_seconds), percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds), percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_seconds), max(latency_seconds)
    FROM (SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, x.latency_seconds AS latency_seconds
{% endif %}
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS c
{% if target.type == 'postgres' %}
    CROSS JOIN LATERAL (SELECT array_agg(x.latency_seconds) FILTER (WHERE x.latency_seconds IS NOT NULL) AS latencies
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS u) AS talk
    GROUP BY day, hour, project_id, environment, channel_family, variant_id, variant_name, latency_seconds) AS ranks
{% else %}
    JOIN {{ ref('stg_turns') }} AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at AND x.latency_seconds IS NOT NULL) AS ranks
{% endif %}
    GROUP BY day, hour, project_id, environment, channel_family, variant_id, variant_name
) AS parts
GROUP BY day, hour, project_id, environment, channel_family, variant_id, variant_name
