{# Generated from internal/warehouse by `make docs`; do not edit. #}
WITH metric AS (
    SELECT f.project_id, f.environment, f.channel_family, f.day, m.name, min(f.started_at) AS started_at,
        count(*) FILTER (WHERE m.ordinal = 0) AS conversations, count(*) AS entries, count(m.value) AS given,
        count(*) FILTER (WHERE m.value_boolean) AS true_values, count(m.value_boolean) AS boolean_values,
        count(*) FILTER (WHERE m.value_number BETWEEN -1000000000 AND 1000000000) AS numeric_values,
        sum(CASE WHEN m.value_number BETWEEN -1000000000 AND 1000000000 THEN CAST(floor(m.value_number * 1000000 + 0.5) AS bigint) END) AS numeric_micros
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
    JOIN {{ ref('stg_conversation_metrics') }} AS m ON m.project_id = f.project_id AND m.conversation_id = f.conversation_id AND m.started_at = f.started_at
    GROUP BY f.project_id, f.environment, f.channel_family, f.day, m.name
)
{% if target.type == 'postgres' %}
SELECT s.project_id, s.environment, s.channel_family, s.started_at, CAST(DATE '1970-01-01' + CAST(s.day AS integer) AS date) AS day, s.name,
{% else %}
SELECT s.project_id, s.environment, s.channel_family, s.started_at, s.day AS day, s.name,
{% endif %}
    s.conversations, s.entries, s.given, s.true_values, s.boolean_values, CAST(s.true_values AS double precision) / nullif(s.boolean_values, 0) AS true_rate,
    s.numeric_values, CAST(s.numeric_micros AS double precision) / 1000000 / nullif(s.numeric_values, 0) AS numeric_average
FROM metric AS s
