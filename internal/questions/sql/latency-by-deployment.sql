-- Latency by deployment
--
-- Percentiles (nearest rank) of the latency of the turns for each deployment, in the order in which they were
-- first used in the period.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT deployment_id, min(local_hour) AS first_hour, max(local_hour) AS last_hour,
    count(DISTINCT conversation_id) AS conversations, count(*) AS turns,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50_seconds,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95_seconds,
    max(latency_seconds) AS max_seconds
FROM latency_turns
WHERE started_at >= CAST($from AS date) - interval '48 hours'
    AND started_at < CAST($to AS date) + interval '48 hours'
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    AND local_hour >= CAST($from AS date) AND local_hour < CAST($to AS date)
GROUP BY deployment_id
ORDER BY first_hour, deployment_id
