-- Latency by variant and local hour
--
-- Percentiles (nearest rank) of the latency of the turns, by variant and by the local hour of the start of the
-- conversation.
--
-- Note: variants are often sites or lines: a difference need not come from the agent.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT coalesce(variant_name, variant_id, '(none)') AS variant,
    CAST(extract(hour FROM local_hour) AS bigint) AS hour, count(*) AS turns,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50_seconds,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95_seconds,
    max(latency_seconds) AS max_seconds
FROM latency_turns
WHERE started_at >= CAST($from AS date) - interval '48 hours'
    AND started_at < CAST($to AS date) + interval '48 hours'
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    AND local_hour >= CAST($from AS date) AND local_hour < CAST($to AS date)
GROUP BY 1, 2
ORDER BY 1, 2
