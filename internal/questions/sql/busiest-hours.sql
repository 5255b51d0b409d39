-- Busiest local hours
--
-- Conversations by local hour of the day, the busiest hour first. The average is that of the days with
-- conversations.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH hours AS (
    SELECT day, hour, count(*) AS conversations, count(*) FILTER (WHERE outcome = 'handed_off') AS handed_off
    FROM contacts
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY day, hour
), totals AS (
    SELECT hour, CAST(sum(conversations) AS bigint) AS conversations, max(conversations) AS most_on_a_day,
        CAST(sum(handed_off) AS bigint) AS handed_off
    FROM hours
    GROUP BY hour
)
SELECT hour, conversations,
    floor(CAST(conversations AS double precision) / sum(conversations) OVER () * 1000 + 0.5) / 1000 AS share,
    floor(CAST(conversations AS double precision) / (SELECT count(DISTINCT day) FROM hours) * 10 + 0.5) / 10
        AS average_per_day, most_on_a_day, handed_off
FROM totals
ORDER BY conversations DESC, hour
