-- New metrics
--
-- Metrics whose first value is of a conversation in the period.
--
-- Note: on_the_first_day says that nothing older is stored: such a metric need not be new.
--
-- $from = 7 days: first local day
-- $to = newest: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT name, min(day) AS first_day, CAST(sum(conversations) AS bigint) AS conversations,
    CAST(sum(entries) AS bigint) AS entries,
    CAST(sum(boolean_values) AS bigint) AS boolean_values, CAST(sum(numeric_values) AS bigint) AS numeric_values,
    min(day) = (SELECT min(day) FROM metric_daily
        WHERE $project IN ('all', project_id) AND $environment IN ('all', environment)) AS on_the_first_day
FROM metric_daily
WHERE day < CAST($to AS date)
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
GROUP BY name
HAVING min(day) >= CAST($from AS date)
ORDER BY first_day, conversations DESC, name
