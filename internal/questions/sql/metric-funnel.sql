-- Funnel by metric
--
-- How many conversations have each metric, with a value that is not false; how many of them also have all
-- metrics of the rows before; and how those ended.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $steps = : names of metrics in their order, such as authenticated,order_value; empty for all, the most frequent first
WITH period AS (
    SELECT project_id, conversation_id, started_at, outcome
    FROM contacts
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
), metrics AS (
    SELECT DISTINCT c.project_id, c.conversation_id, c.outcome, m.name
    FROM period AS c
    JOIN conversation_metrics AS m ON m.project_id = c.project_id AND m.conversation_id = c.conversation_id
        AND m.started_at = c.started_at
    WHERE m.value_boolean IS NOT FALSE AND ($steps = '' OR strpos(',' || $steps || ',', ',' || m.name || ',') > 0)
), steps AS (
    SELECT name, count(*) AS conversations,
        row_number() OVER (ORDER BY strpos(',' || $steps || ',', ',' || name || ','), count(*) DESC, name) AS step
    FROM metrics
    GROUP BY name
), reached AS (
    SELECT m.outcome, s.step,
        row_number() OVER (PARTITION BY m.project_id, m.conversation_id ORDER BY s.step) AS had
    FROM metrics AS m
    JOIN steps AS s ON s.name = m.name
)
SELECT s.step, s.name, s.conversations,
    floor(CAST(s.conversations AS double precision) / (SELECT count(*) FROM period) * 1000 + 0.5) / 1000 AS share,
    count(*) FILTER (WHERE r.had = r.step) AS also_all_before,
    count(*) FILTER (WHERE r.had = r.step AND r.outcome = 'contained') AS contained,
    count(*) FILTER (WHERE r.had = r.step AND r.outcome = 'handed_off') AS handed_off
FROM steps AS s
JOIN reached AS r ON r.step = s.step
GROUP BY s.step, s.name, s.conversations
ORDER BY s.step
