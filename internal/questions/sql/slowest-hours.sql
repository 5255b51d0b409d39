-- Slowest hours
--
-- The local hours in which the 95th percentile (nearest rank) of the latency of the turns was highest.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $turns = 20: fewest turns of an hour
-- $rows = 10: number of hours
WITH hours AS (
    SELECT project_id, local_hour, count(DISTINCT conversation_id) AS conversations, count(*) AS turns,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50_seconds,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95_seconds,
        max(latency_seconds) AS max_seconds
    FROM latency_turns
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
        AND local_hour >= CAST($from AS date) AND local_hour < CAST($to AS date)
    GROUP BY project_id, local_hour
)
SELECT project_id, local_hour, conversations, turns, p50_seconds, p95_seconds, max_seconds
FROM hours
WHERE turns >= CAST($turns AS bigint)
ORDER BY p95_seconds DESC, local_hour, project_id
LIMIT CAST($rows AS bigint)
