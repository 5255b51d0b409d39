{# Generated from internal/warehouse by `make docs`; do not edit. #}
WITH metric AS (
    SELECT f.project_id, f.environment, f.channel_family, f.day, m.name, min(f.started_at) AS started_at,
        count(*) FILTER (WHERE m.ordinal = 0) AS conversations, count(*) AS entries, count(m.value) AS given,
        count(*) FILTER (WHERE m.value_boolean) AS true_values, count(m.value_boolean) AS boolean_values,
        count(*) FILTER (WHERE m.value_number BETWEEN -1000000000 AND 1000000000) AS numeric_values,
        sum(CASE WHEN m.value_number BETWEEN -1000000000 AND 1000000000 THEN CAST(floor(m.value_number * 1000000 + 0.5) AS bigint) END) AS numeric_micros
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
    ) AS f
    JOIN {{ ref('stg_conversation_metrics') }} AS m ON m.project_id = f.project_id AND m.conversation_id = f.conversation_id AND m.started_at = f.started_at
    GROUP BY f.project_id, f.environment, f.channel_family, f.day, m.name
)
SELECT s.project_id, s.environment, s.channel_family, s.started_at, CAST(DATE '1970-01-01' + CAST(s.day AS integer) AS date) AS day, s.name,
    s.conversations, s.entries, s.given, s.true_values, s.boolean_values, CAST(s.true_values AS double precision) / nullif(s.boolean_values, 0) AS true_rate,
    s.numeric_values, CAST(s.numeric_micros AS double precision) / 1000000 / nullif(s.numeric_values, 0) AS numeric_average
FROM metric AS s
