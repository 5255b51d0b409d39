-- Transcripts that are not complete
--
-- Conversations that ended and whose transcript lacks turns, by channel and reason.
--
-- Note: the days of this question are UTC.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
SELECT channel_family, reason, count(*) AS conversations, CAST(sum(num_turns) AS bigint) AS turns_at_the_source,
    CAST(sum(turns_loaded) AS bigint) AS turns_stored,
    min(started_at) AS first_started_at, max(started_at) AS last_started_at
FROM transcript_gaps
WHERE started_at >= CAST($from AS date) AND started_at < CAST($to AS date)
    AND $project IN ('all', project_id) AND $environment IN ('all', environment)
GROUP BY channel_family, reason
ORDER BY conversations DESC, channel_family, reason
