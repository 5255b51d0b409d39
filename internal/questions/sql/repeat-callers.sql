-- Repeat callers within 24 hours
--
-- How many contacts of each local day were followed by another one of the same customer within 24 hours, with
-- the 95% confidence interval (Wilson) of that rate.
--
-- Note: known are contacts with a customer number whose following 24 hours were read, or that were followed by
-- another one.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH days AS (
    SELECT day, count(*) AS contacts, count(repeat_within_24h) AS known,
        count(*) FILTER (WHERE repeat_within_24h) AS repeats
    FROM contacts
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY day
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
