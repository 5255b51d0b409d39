-- Outcomes by language
--
-- How conversations ended, by the language that the source reports.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT coalesce(language, '(unknown)') AS language, count(*) AS conversations,
    count(*) FILTER (WHERE outcome = 'contained') AS contained,
    count(*) FILTER (WHERE outcome = 'handed_off') AS handed_off,
    count(*) FILTER (WHERE outcome = 'abandoned_early') AS abandoned_early,
    count(*) FILTER (WHERE outcome = 'open') AS open,
    count(*) FILTER (WHERE outcome IS NULL) AS unknown,
    floor(CAST(count(*) FILTER (WHERE outcome = 'contained') AS double precision)
        / nullif(count(*) FILTER (WHERE outcome IN ('contained', 'handed_off', 'abandoned_early')), 0)
        * 1000 + 0.5) / 1000 AS contained_share
FROM contacts
WHERE started_at >= CAST($from AS date) - interval '48 hours'
    AND started_at < CAST($to AS date) + interval '48 hours'
    AND day >= CAST($from AS date) AND day < CAST($to AS date)
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
GROUP BY 1
ORDER BY conversations DESC, 1
