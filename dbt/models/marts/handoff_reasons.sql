{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT f.project_id, f.environment, f.channel_family, nullif(f.variant_id, '') AS variant_id, nullif(f.variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
    min(f.started_at) AS started_at, CAST(DATE '1970-01-01' + CAST(f.day AS integer) AS date) AS day, f.handoff_reason, f.handoff_destination, count(*) AS handoffs
{% else %}
    min(f.started_at) AS started_at, f.day AS day, f.handoff_reason, f.handoff_destination, count(*) AS handoffs
{% endif %}
FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')))) AS bigint) AS hour, date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour, c.deployment_id,
{% else %}
        c.conversation_id, c.started_at, q.day AS day, CAST(extract(hour FROM q.local_hour) AS bigint) AS hour, q.local_hour AS local_hour, c.deployment_id,
{% endif %}
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
{% if target.type == 'postgres' %}
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
{% else %}
    LEFT JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = c.project_id AND q.quarter = CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AND c.started_at BETWEEN q.first_at AND q.last_at
{% endif %}
    WHERE c.missing_since IS NULL
) AS f
WHERE f.finished AND f.handoff
GROUP BY f.project_id, f.environment, f.channel_family, f.variant_id, f.variant_name, f.day, f.handoff_reason, f.handoff_destination
