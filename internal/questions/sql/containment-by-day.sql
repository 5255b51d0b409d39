-- Containment by day
--
-- PolyAI's containment rate of each local day (ended conversations without a handoff / those of which that is
-- known), with its 95% confidence interval (Wilson). An open conversation is never contained.
--
-- Note: a day that is not complete may lack conversations that arrive late; a day without a row has none, or is
-- not loaded: the question completeness says which.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH days AS (
    SELECT day, bool_and(is_complete) AS is_complete, CAST(sum(conversations) AS bigint) AS conversations,
        CAST(sum(conversations - finished) AS bigint) AS not_ended,
        CAST(sum(handoff_known) AS bigint) AS handoff_known, CAST(sum(contained) AS bigint) AS contained
    FROM daily_kpis
    WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY day
), rates AS (
    SELECT *, CAST(contained AS double precision) / nullif(handoff_known, 0) AS p,
        nullif(CAST(handoff_known AS double precision), 0) AS n
    FROM days
), intervals AS (
    SELECT *,
        (p + 1.9208 / n - 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS low,
        (p + 1.9208 / n + 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS high
    FROM rates
)
SELECT day, is_complete, conversations, not_ended, handoff_known, contained,
    floor(p * 1000 + 0.5) / 1000 AS containment_rate,
    floor(low * 1000 + 0.5) / 1000 AS low, floor(high * 1000 + 0.5) / 1000 AS high
FROM intervals
ORDER BY day
