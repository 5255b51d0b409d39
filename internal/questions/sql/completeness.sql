-- Completeness by day
--
-- Whether each local day is loaded. A day without data says whether it was read; conversations are 0 only if the
-- whole day was.
--
-- $from = 14 days: first local day
-- $to = newest: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH days AS (
    SELECT f.project_id, f.environment, CAST(CAST($from AS date) + CAST(n AS integer) AS date) AS day,
        coalesce(nullif(p.time_zone, ''), 'UTC') AS zone
    FROM freshness AS f
    CROSS JOIN generate_series(0, CAST($to AS date) - CAST($from AS date) - 1) AS s (n)
    LEFT JOIN projects AS p ON p.project_id = f.project_id
    WHERE $project IN ('all', f.project_id) AND $environment IN ('all', f.environment)
), bounds AS (
    SELECT *, CAST(day AS timestamp) AT TIME ZONE zone AS begins_at,
        CAST(CAST(day + 1 AS date) AS timestamp) AT TIME ZONE zone AS ends_at
    FROM days
), covered AS (
    SELECT b.*, extract(epoch FROM b.ends_at) - extract(epoch FROM b.begins_at) AS seconds,
        coalesce((
            SELECT sum(extract(epoch FROM least(r.covered_until, b.ends_at))
                - extract(epoch FROM greatest(r.covered_from, b.begins_at)))
            FROM sync_coverage AS r
            WHERE r.project_id = b.project_id AND r.environment = b.environment
                AND r.covered_from < b.ends_at AND r.covered_until > b.begins_at), 0) AS covered_seconds
    FROM bounds AS b
), stored AS (
    SELECT project_id, environment, day, CAST(sum(conversations) AS bigint) AS conversations,
        CAST(sum(conversations - finished) AS bigint) AS not_ended, bool_and(is_complete) AS is_complete
    FROM daily_kpis
    WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY project_id, environment, day
)
SELECT c.project_id, c.environment, c.day,
    CASE WHEN c.covered_seconds <= 0 AND s.day IS NULL THEN 'not loaded'
        WHEN c.covered_seconds + 0.001 < c.seconds THEN 'partly loaded'
        WHEN s.day IS NULL THEN 'loaded: no conversations'
        WHEN s.is_complete THEN 'complete'
        ELSE 'loaded: more may arrive late' END AS status,
    floor(CAST(c.covered_seconds AS double precision) / 360 + 0.5) / 10 AS hours_loaded,
    CASE WHEN c.covered_seconds + 0.001 < c.seconds THEN s.conversations
        ELSE coalesce(s.conversations, 0) END AS conversations,
    CASE WHEN c.covered_seconds + 0.001 < c.seconds THEN s.not_ended ELSE coalesce(s.not_ended, 0) END AS not_ended
FROM covered AS c
LEFT JOIN stored AS s ON s.project_id = c.project_id AND s.environment = c.environment AND s.day = c.day
ORDER BY c.project_id, c.environment, c.day DESC
