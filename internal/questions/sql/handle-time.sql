-- Handle time by day
--
-- PolyAI's handle time, the minutes that the agent handled, and turns per conversation, of each local day.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT day, bool_and(is_complete) AS is_complete, CAST(sum(conversations) AS bigint) AS conversations,
    floor(CAST(sum(CAST(total_seconds AS decimal(20, 6))) AS double precision)
        / nullif(sum(duration_known), 0) * 10 + 0.5) / 10 AS average_seconds,
    CAST(floor(CAST(sum(CAST(agent_seconds AS decimal(20, 6))) AS double precision) / 60 + 0.5) AS bigint)
        AS automated_minutes,
    floor(CAST(sum(turns) AS double precision) / sum(conversations) * 10 + 0.5) / 10 AS turns_per_conversation
FROM daily_kpis
WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
GROUP BY day
ORDER BY day
