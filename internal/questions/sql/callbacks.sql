-- Who calls back within a day, and why
--
-- Contacts that were followed by another one of the same customer within 24 hours, by how both ended, with the
-- newest example.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
WITH pairs AS (
    SELECT coalesce(b.outcome, 'unknown') AS outcome, c.handoff_reason,
        coalesce(b.next_outcome, 'unknown') AS next_outcome, n.handoff_reason AS next_handoff_reason,
        b.customer_number, b.gap_seconds, b.conversation_id,
        row_number() OVER (PARTITION BY b.outcome, c.handoff_reason, b.next_outcome, n.handoff_reason
            ORDER BY b.started_at DESC, b.conversation_id DESC) AS newest
    FROM callbacks AS b -- LEFT JOIN, because DuckDB would join c with n first, by their project
    LEFT JOIN conversations AS c ON c.project_id = b.project_id AND c.conversation_id = b.conversation_id
        AND c.started_at = b.started_at
    LEFT JOIN conversations AS n ON n.project_id = b.project_id AND n.conversation_id = b.next_conversation_id
        AND n.started_at = b.next_started_at
    LEFT JOIN projects AS p ON p.project_id = b.project_id
    WHERE b.started_at >= CAST($from AS date) - interval '48 hours'
        AND b.started_at < CAST($to AS date) + interval '48 hours'
        AND CAST(b.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS date) >= CAST($from AS date)
        AND CAST(b.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS date) < CAST($to AS date)
        AND b.gap_seconds <= 24 * 60 * 60
        AND $project IN ('all', b.project_id) AND $environment IN ('all', b.environment)
)
SELECT outcome, handoff_reason, next_outcome, next_handoff_reason, count(*) AS callbacks,
    count(DISTINCT customer_number) AS customers,
    floor(percentile_disc(0.5) WITHIN GROUP (ORDER BY gap_seconds) / 360 + 0.5) / 10 AS median_gap_hours,
    max(CASE WHEN newest = 1 THEN conversation_id END) AS newest_example
FROM pairs
GROUP BY outcome, handoff_reason, next_outcome, next_handoff_reason
ORDER BY callbacks DESC, outcome, handoff_reason, next_outcome, next_handoff_reason
