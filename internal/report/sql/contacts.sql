{{- /* Conversations by day and hour, by outcome and number of turns, and by repeat contact. */ -}}
SELECT is_current, CASE WHEN grouping(hour) = 0 THEN 'hour' WHEN grouping(transcript_status) = 0 THEN 'turns' ELSE 'repeat' END AS part,
    day, hour, outcome, transcript_status, turns, repeat_within_24h, repeat_within_7d, count(*) AS conversations
FROM (SELECT day, hour, coalesce(outcome, 'unknown') AS outcome, transcript_status,
        CASE WHEN transcript_status IN ('complete', 'none') THEN least(turns, {{.LastStep}}) END AS turns,
        repeat_within_24h, repeat_within_7d, day >= {{.From}} AS is_current
    FROM ({{.View "contacts"}}) AS v WHERE {{.Feeds "v"}} AND {{.In "day"}}) AS k
GROUP BY GROUPING SETS ((is_current, day, hour), (is_current, outcome, transcript_status, turns), (is_current, outcome, repeat_within_24h, repeat_within_7d))
