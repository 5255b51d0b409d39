{# Generated from internal/warehouse by `make docs`; do not edit. #}
WITH feeds AS (
    SELECT project_id, environment FROM {{ ref('stg_sync_coverage') }}
    UNION SELECT project_id, environment FROM {{ ref('stg_sync_watermarks') }}
    UNION SELECT project_id, environment FROM {{ ref('stg_open_conversations') }}
    UNION SELECT project_id, environment FROM {{ ref('stg_sync_lateness') }}
), reached AS (
    SELECT project_id, environment, measure,
        least(CAST(upper_seconds AS double precision), 9223372036.854775807) AS seconds,
        sum(count) OVER (PARTITION BY project_id, environment, measure ORDER BY upper_seconds) AS reached,
        sum(count) OVER (PARTITION BY project_id, environment, measure) AS counted
    FROM {{ ref('stg_sync_lateness') }}
    WHERE count > 0
), late AS (
    SELECT project_id, environment,
        max(counted) FILTER (WHERE measure = 'arrival') AS arrivals,
        min(seconds) FILTER (WHERE measure = 'arrival' AND reached * 100 >= counted * 50) AS arrival_p50,
        min(seconds) FILTER (WHERE measure = 'arrival' AND reached * 100 >= counted * 95) AS arrival_p95,
        min(seconds) FILTER (WHERE measure = 'arrival' AND reached * 100 >= counted * 99) AS arrival_p99,
        max(counted) FILTER (WHERE measure = 'final') AS finals,
        min(seconds) FILTER (WHERE measure = 'final' AND reached * 100 >= counted * 50) AS final_p50,
        min(seconds) FILTER (WHERE measure = 'final' AND reached * 100 >= counted * 95) AS final_p95,
        min(seconds) FILTER (WHERE measure = 'final' AND reached * 100 >= counted * 99) AS final_p99
    FROM reached
    GROUP BY project_id, environment
)
SELECT f.project_id, f.environment,
    (SELECT max(c.started_at) FROM {{ ref('stg_conversations') }} AS c
        WHERE c.project_id = f.project_id AND c.environment = f.environment AND c.missing_since IS NULL) AS newest_started_at,
    w.watermark AS covered_until,
    CAST(coalesce(l.arrivals, 0) AS bigint) AS arrivals,
    l.arrival_p50 AS arrival_p50_seconds,
    l.arrival_p95 AS arrival_p95_seconds,
    l.arrival_p99 AS arrival_p99_seconds,
    CAST(coalesce(l.finals, 0) AS bigint) AS finals,
    l.final_p50 AS final_p50_seconds,
    l.final_p95 AS final_p95_seconds,
    l.final_p99 AS final_p99_seconds,
    (SELECT count(*) FROM {{ ref('stg_open_conversations') }} AS o
        WHERE o.project_id = f.project_id AND o.environment = f.environment) AS open_conversations
FROM feeds AS f
LEFT JOIN {{ ref('stg_sync_watermarks') }} AS w ON w.project_id = f.project_id AND w.environment = f.environment
LEFT JOIN late AS l ON l.project_id = f.project_id AND l.environment = f.environment
