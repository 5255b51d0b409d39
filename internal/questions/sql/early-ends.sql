-- Why conversations end early
--
-- Conversations that were abandoned early, by the first of these signs that applies, with the newest example.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH early AS (
    SELECT k.conversation_id, k.started_at, k.total_duration_seconds,
        CASE WHEN k.turns = 0 AND k.transcript_status = 'hidden' THEN '1 the source hides the transcript'
            WHEN k.turns = 0 THEN '2 nothing was said'
            WHEN k.user_turns = 0 AND k.silent_turns_at_end > 0 THEN '3 the caller was silent'
            WHEN k.user_turns = 0 THEN '4 the caller said nothing after the greeting'
            WHEN l.latency_seconds > 3 THEN '5 the last response took more than 3 s'
            WHEN k.silent_turns_at_end > 0 THEN '6 the caller was silent after the first input'
            WHEN k.total_duration_seconds < 10 THEN '7 it took less than 10 s'
            ELSE '8 the caller left after one input' END AS sign
    FROM contacts AS k
    LEFT JOIN latency_turns AS l ON l.project_id = k.project_id AND l.conversation_id = k.conversation_id
        AND l.started_at = k.started_at AND l.turn_index = k.turns - 1
        AND l.started_at >= CAST($from AS date) - interval '48 hours'
        AND l.started_at < CAST($to AS date) + interval '48 hours'
    WHERE k.started_at >= CAST($from AS date) - interval '48 hours'
        AND k.started_at < CAST($to AS date) + interval '48 hours'
        AND k.day >= CAST($from AS date) AND k.day < CAST($to AS date)
        AND $project IN ('all', k.project_id) AND $environment IN ('all', k.environment)
        AND k.outcome = 'abandoned_early'
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY sign ORDER BY started_at DESC, conversation_id DESC) AS newest
    FROM early
)
SELECT substr(sign, 3) AS sign, count(*) AS conversations,
    floor(CAST(count(*) AS double precision) / sum(count(*)) OVER () * 1000 + 0.5) / 1000 AS share,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY total_duration_seconds) AS median_duration_seconds,
    max(CASE WHEN newest = 1 THEN conversation_id END) AS newest_example
FROM ranked
GROUP BY ranked.sign
ORDER BY conversations DESC, ranked.sign
