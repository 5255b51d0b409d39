-- This week against last week
--
-- The last seven complete days against the seven before, with 95% confidence intervals: Wilson for rates, order
-- statistics for the median over conversations of their median latency. The intervals of a clear difference do
-- not overlap.
--
-- Note: contained_no_callback_rate has only days whose following 24 hours are covered.
--
-- $from = 7 days: first local day of the recent period
-- $to = complete: local day after its last one
-- $earlier = equal: first local day of the period before, which ends where the recent one begins
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH days AS (
    SELECT day >= CAST($from AS date) AS recent, CAST(sum(conversations) AS bigint) AS conversations,
        CAST(sum(handoff_known) AS bigint) AS handoff_known, CAST(sum(contained) AS bigint) AS contained,
        CAST(sum(early_known) AS bigint) AS early_known, CAST(sum(early_abandons) AS bigint) AS early_abandons,
        CAST(sum(callback_known) FILTER (WHERE contained_no_callback IS NOT NULL) AS bigint) AS callback_known,
        CAST(sum(contained_no_callback) AS bigint) AS contained_no_callback
    FROM daily_kpis
    WHERE day >= CAST($earlier AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY 1
), parts (place, figure, recent, part, n) AS (
    SELECT 2, 'containment_rate', recent, contained, nullif(CAST(handoff_known AS double precision), 0) FROM days
    UNION ALL SELECT 3, 'early_abandon_rate', recent, early_abandons,
        nullif(CAST(early_known AS double precision), 0) FROM days
    UNION ALL SELECT 4, 'contained_no_callback_rate', recent, contained_no_callback,
        nullif(CAST(callback_known AS double precision), 0) FROM days
), rates AS (
    SELECT *, part / n AS p FROM parts
), latencies AS (
    SELECT recent, seconds, row_number() OVER (PARTITION BY recent ORDER BY seconds) AS rank,
        count(*) OVER (PARTITION BY recent) AS n
    FROM (
        SELECT c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') >= CAST($from AS date) AS recent,
            c.latency_p50_seconds AS seconds
        FROM conversations AS c
        LEFT JOIN projects AS p ON p.project_id = c.project_id
        WHERE c.missing_since IS NULL AND c.latency_p50_seconds IS NOT NULL
            AND c.started_at >= CAST($earlier AS date) - interval '48 hours'
            AND c.started_at < CAST($to AS date) + interval '48 hours'
            AND c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') >= CAST($earlier AS date)
            AND c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') < CAST($to AS date)
            AND $project IN ('all', c.project_id) AND $environment IN ('all', c.environment)
    ) AS found
), figures AS (
    SELECT 1 AS place, 'conversations' AS figure, recent, conversations AS n,
        CAST(conversations AS double precision) AS value,
        CAST(NULL AS double precision) AS low, CAST(NULL AS double precision) AS high FROM days
    UNION ALL SELECT place, figure, recent, CAST(n AS bigint), p,
        (p + 1.9208 / n - 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n),
        (p + 1.9208 / n + 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) FROM rates
    UNION ALL SELECT 5, 'median_latency_seconds', recent, n,
        max(CASE WHEN rank = floor((n + 1) / 2.0) THEN seconds END),
        max(CASE WHEN rank = floor((n + 1 - 1.96 * sqrt(CAST(n AS double precision))) / 2) THEN seconds END),
        max(CASE WHEN rank = n + 1 - floor((n + 1 - 1.96 * sqrt(CAST(n AS double precision))) / 2)
            THEN seconds END)
    FROM latencies GROUP BY recent, n
), compared AS (
    SELECT place, figure,
        max(n) FILTER (WHERE NOT recent) AS earlier_n, max(value) FILTER (WHERE NOT recent) AS earlier,
        max(low) FILTER (WHERE NOT recent) AS earlier_low, max(high) FILTER (WHERE NOT recent) AS earlier_high,
        max(n) FILTER (WHERE recent) AS recent_n, max(value) FILTER (WHERE recent) AS recent,
        max(low) FILTER (WHERE recent) AS recent_low, max(high) FILTER (WHERE recent) AS recent_high
    FROM figures
    GROUP BY place, figure
)
SELECT figure, earlier_n, floor(earlier * 1000 + 0.5) / 1000 AS earlier,
    floor(earlier_low * 1000 + 0.5) / 1000 AS earlier_low, floor(earlier_high * 1000 + 0.5) / 1000 AS earlier_high,
    recent_n, floor(recent * 1000 + 0.5) / 1000 AS recent,
    floor(recent_low * 1000 + 0.5) / 1000 AS recent_low, floor(recent_high * 1000 + 0.5) / 1000 AS recent_high,
    CASE WHEN recent_low > earlier_high THEN 'higher' WHEN recent_high < earlier_low THEN 'lower'
        WHEN recent_low IS NOT NULL AND earlier_low IS NOT NULL THEN 'no clear difference' END AS difference
FROM compared
ORDER BY place
