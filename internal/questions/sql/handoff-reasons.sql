-- Handoff reasons
--
-- Ended conversations with a handoff, by reason, in the groups of handoff_reason_map in the configuration. The
-- shares are those of all handoffs.
--
-- $from = 28 days: first local day
-- $to = complete: local day after the last one
-- $project = all: a project id
-- $environment = live: an environment, or all
-- $handoff_reason_map = configured: a line "reason => group" for each reason
WITH reason_map AS (
    SELECT split_part(line, ' => ', 1) AS reason, split_part(line, ' => ', 2) AS reason_group
    FROM unnest(string_to_array($handoff_reason_map, chr(10))) AS lines (line)
), reasons AS (
    SELECT handoff_reason, CAST(sum(handoffs) AS bigint) AS handoffs
    FROM handoff_reasons
    WHERE day >= CAST($from AS date) AND day < CAST($to AS date)
        AND $project IN ('all', project_id) AND $environment IN ('all', environment)
    GROUP BY handoff_reason
), mapped AS (
    SELECT coalesce(m.reason_group, CASE WHEN r.handoff_reason IS NULL THEN '(no reason)' ELSE '(not mapped)' END)
        AS reason_group, r.handoff_reason, r.handoffs
    FROM reasons AS r
    LEFT JOIN reason_map AS m ON m.reason = r.handoff_reason
), totals AS (
    SELECT *, CAST(sum(handoffs) OVER (PARTITION BY reason_group) AS bigint) AS of_group,
        sum(handoffs) OVER () AS of_all
    FROM mapped
)
SELECT reason_group, of_group AS group_handoffs,
    floor(CAST(of_group AS double precision) / of_all * 1000 + 0.5) / 1000 AS group_share,
    handoff_reason, handoffs, floor(CAST(handoffs AS double precision) / of_all * 1000 + 0.5) / 1000 AS share
FROM totals
ORDER BY of_group DESC, reason_group, handoffs DESC, handoff_reason
