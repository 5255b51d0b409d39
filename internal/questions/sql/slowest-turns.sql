-- Slowest turns
--
-- The turns with the highest latency. day_percentile is the percentile rank within the local day: the share of
-- the turns of that day, project and environment whose latency was not higher.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $rows = 10: number of turns
WITH ranked AS (
    SELECT *, cume_dist() OVER (PARTITION BY project_id, environment, CAST(local_hour AS date)
        ORDER BY latency_seconds) AS rank
    FROM latency_turns
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
        AND local_hour >= CAST($from AS date) AND local_hour < CAST($to AS date)
)
SELECT local_hour, latency_seconds, floor(rank * 10000 + 0.5) / 10000 AS day_percentile,
    coalesce(variant_name, variant_id, '(none)') AS variant, deployment_id, conversation_id, turn_index
FROM ranked
ORDER BY latency_seconds DESC, started_at, project_id, conversation_id, turn_index
LIMIT CAST($rows AS bigint)
