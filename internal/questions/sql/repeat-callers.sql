-- Repeat callers within 24 hours
--
-- How many contacts of each local day were followed by another one of the same customer within 24 hours, with
-- the 95% confidence interval (Wilson) of that rate.
--
-- Note: known are contacts with a customer number whose following 24 hours were read.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH days AS (
    SELECT c.day, count(*) AS contacts,
        count(c.repeat_within_24h) AS known, count(*) FILTER (WHERE c.repeat_within_24h) AS repeats
    FROM contacts AS c
    WHERE c.started_at >= CAST($from AS date) - interval '48 hours'
        AND c.started_at < CAST($to AS date) + interval '48 hours'
        AND c.day >= CAST($from AS date) AND c.day < CAST($to AS date)
        AND $project IN ('all', c.project_id) AND $environment IN ('all', c.environment)
    GROUP BY c.day
), rates AS (
    SELECT *, CAST(repeats AS double precision) / nullif(known, 0) AS p,
        nullif(CAST(known AS double precision), 0) AS n
    FROM days
), intervals AS (
    SELECT *,
        (p + 1.9208 / n - 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS low,
        (p + 1.9208 / n + 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS high
    FROM rates
)
SELECT day, contacts, known, repeats, floor(p * 1000 + 0.5) / 1000 AS repeat_rate,
    floor(low * 1000 + 0.5) / 1000 AS low, floor(high * 1000 + 0.5) / 1000 AS high
FROM intervals
ORDER BY day
