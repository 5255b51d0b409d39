-- Worst conversations
--
-- The conversations with most signs of a bad experience, then by their highest latency, with the command that
-- shows the transcript.
--
-- Note: only conversations with a stored transcript. On a narrow terminal, -x shows the whole commands.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $rows = 5: number of conversations
WITH signs AS (
    SELECT k.conversation_id, k.started_at, k.day, coalesce(k.outcome, 'unknown') AS outcome,
        c.latency_max_seconds, k.poly_score,
        concat_ws(', ', CASE WHEN k.outcome = 'abandoned_early' THEN 'abandoned early' END,
            CASE WHEN k.outcome = 'handed_off' THEN 'handed off' END,
            CASE WHEN k.next_started_at <= k.started_at + interval '24 hours' THEN 'called back' END,
            CASE WHEN c.latency_max_seconds > 5 THEN 'slow' END,
            CASE WHEN k.silent_turns_at_end > 0 THEN 'silent at the end' END,
            CASE WHEN c.num_ood > 1 THEN 'not understood' END,
            CASE WHEN k.poly_score <= 2 THEN 'low score' END) AS signs
    FROM contacts AS k
    JOIN conversations AS c ON c.project_id = k.project_id AND c.conversation_id = k.conversation_id
        AND c.started_at = k.started_at
    WHERE k.started_at >= CAST($from AS date) - interval '48 hours'
        AND k.started_at < CAST($to AS date) + interval '48 hours'
        AND c.started_at >= CAST($from AS date) - interval '48 hours'
        AND c.started_at < CAST($to AS date) + interval '48 hours'
        AND k.day >= CAST($from AS date) AND k.day < CAST($to AS date)
        AND $project IN ('all', k.project_id) AND $environment IN ('all', k.environment)
        AND k.turns > 0
)
SELECT day, outcome, signs, latency_max_seconds, poly_score,
    'convsync transcript ' || conversation_id AS transcript
FROM signs
ORDER BY length(signs) - length(replace(signs, ',', '')) DESC, signs = '', latency_max_seconds DESC NULLS LAST,
    started_at, conversation_id
LIMIT CAST($rows AS bigint)
