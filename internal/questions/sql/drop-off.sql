-- Where conversations end, by turn
--
-- How many conversations reached each turn, how many ended there, and how. Only conversations that ended and
-- have a complete transcript count.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $rows = 30: number of turns
WITH lengths AS (
    SELECT turns, count(*) AS ended,
        count(*) FILTER (WHERE outcome = 'abandoned_early') AS abandoned_early,
        count(*) FILTER (WHERE outcome = 'contained') AS contained,
        count(*) FILTER (WHERE outcome = 'handed_off') AS handed_off,
        count(*) FILTER (WHERE silent_turns_at_end > 0) AS silent_at_the_end
    FROM contacts
    WHERE started_at >= CAST($from AS date) - interval '48 hours'
        AND started_at < CAST($to AS date) + interval '48 hours'
        AND day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
        AND outcome IS DISTINCT FROM 'open' AND transcript_status IN ('complete', 'none')
    GROUP BY turns
), reached AS (
    SELECT *, CAST(sum(ended) OVER (ORDER BY turns DESC) AS bigint) AS reached FROM lengths
)
SELECT turns AS turn, reached, ended,
    floor(CAST(ended AS double precision) / reached * 1000 + 0.5) / 1000 AS ended_share,
    abandoned_early, contained, handed_off, silent_at_the_end
FROM reached
ORDER BY turns
LIMIT CAST($rows AS bigint)
