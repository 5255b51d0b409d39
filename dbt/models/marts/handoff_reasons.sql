{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT f.project_id, f.environment, f.channel_family, nullif(f.variant_id, '') AS variant_id, nullif(f.variant_name, '') AS variant_name,
    min(f.started_at) AS started_at, CAST(DATE '1970-01-01' + CAST(f.day AS integer) AS date) AS day, f.handoff_reason, f.handoff_destination, count(*) AS handoffs
FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS bigint) AS hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL
) AS f
WHERE f.finished AND f.handoff
GROUP BY f.project_id, f.environment, f.channel_family, f.variant_id, f.variant_name, f.day, f.handoff_reason, f.handoff_destination
