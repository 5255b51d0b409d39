-- Variants side by side
--
-- Figures of each variant, with 95% confidence intervals: Wilson for the containment rate, order statistics for
-- the median over conversations of their median latency.
--
-- Note: variants are often sites or lines: a difference need not come from the agent. The intervals of a clear
-- difference do not overlap.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH counts AS (
    SELECT variant_id, variant_name, CAST(sum(conversations) AS bigint) AS conversations,
        CAST(sum(handoff_known) AS bigint) AS handoff_known, CAST(sum(contained) AS bigint) AS contained,
        CAST(sum(early_known) AS bigint) AS early_known, CAST(sum(early_abandons) AS bigint) AS early_abandons
    FROM variant_comparison
    WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY variant_id, variant_name
), rates AS (
    SELECT *, CAST(contained AS double precision) / nullif(handoff_known, 0) AS p,
        nullif(CAST(handoff_known AS double precision), 0) AS n
    FROM counts
), latencies AS (
    SELECT c.variant_id, c.variant_name, c.latency_p50_seconds AS seconds,
        row_number() OVER (PARTITION BY c.variant_id, c.variant_name ORDER BY c.latency_p50_seconds) AS rank,
        count(*) OVER (PARTITION BY c.variant_id, c.variant_name) AS n
    FROM conversations AS c
    LEFT JOIN projects AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL AND c.latency_p50_seconds IS NOT NULL
        AND c.started_at >= CAST($from AS date) - interval '48 hours'
        AND c.started_at < CAST($to AS date) + interval '48 hours'
        AND c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') >= CAST($from AS date)
        AND c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') < CAST($to AS date)
        AND $project IN ('all', c.project_id) AND $environment IN ('all', c.environment)
), medians AS (
    SELECT variant_id, variant_name,
        max(CASE WHEN rank = floor((n + 1) / 2.0) THEN seconds END) AS median,
        max(CASE WHEN rank = floor((n + 1 - 1.96 * sqrt(CAST(n AS double precision))) / 2) THEN seconds END) AS low,
        max(CASE WHEN rank = n + 1 - floor((n + 1 - 1.96 * sqrt(CAST(n AS double precision))) / 2)
            THEN seconds END) AS high
    FROM latencies
    GROUP BY variant_id, variant_name, n
), intervals AS (
    SELECT *,
        (p + 1.9208 / n - 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS low,
        (p + 1.9208 / n + 1.96 * sqrt(p * (1 - p) / n + 0.9604 / (n * n))) / (1 + 3.8416 / n) AS high
    FROM rates
)
SELECT coalesce(i.variant_name, '(none)') AS variant, i.variant_id, i.conversations,
    floor(i.p * 1000 + 0.5) / 1000 AS containment_rate,
    floor(i.low * 1000 + 0.5) / 1000 AS containment_low, floor(i.high * 1000 + 0.5) / 1000 AS containment_high,
    floor(CAST(i.early_abandons AS double precision) / nullif(i.early_known, 0) * 1000 + 0.5) / 1000 AS early_abandon_rate,
    m.median AS median_latency_seconds, m.low AS latency_low, m.high AS latency_high
FROM intervals AS i
LEFT JOIN medians AS m ON m.variant_id IS NOT DISTINCT FROM i.variant_id
    AND m.variant_name IS NOT DISTINCT FROM i.variant_name
ORDER BY i.conversations DESC, variant, i.variant_id
