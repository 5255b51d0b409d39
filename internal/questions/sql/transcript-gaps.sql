-- Transcripts that are not complete
--
-- Conversations that ended and whose transcript lacks turns, by channel and reason.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH gaps AS (
    SELECT g.*, CAST(g.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS date) AS day
    FROM transcript_gaps AS g
    LEFT JOIN projects AS p ON p.project_id = g.project_id
    WHERE g.started_at >= CAST($from AS date) - interval '48 hours'
        AND g.started_at < CAST($to AS date) + interval '48 hours'
        AND $project IN ('all', g.project_id) AND $environment IN ('all', g.environment)
)
SELECT channel_family, reason, count(*) AS conversations, CAST(sum(num_turns) AS bigint) AS turns_at_the_source,
    CAST(sum(turns_loaded) AS bigint) AS turns_stored,
    min(started_at) AS first_started_at, max(started_at) AS last_started_at
FROM gaps
WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
GROUP BY channel_family, reason
ORDER BY conversations DESC, channel_family, reason
