SELECT day >= {{.From}} AS is_current, handoff_reason, handoff_destination, CAST(sum(handoffs) AS bigint) AS handoffs
FROM ({{.View "handoff_reasons"}}) AS v
WHERE {{.Feeds "v"}} AND {{.In "day"}}
GROUP BY 1, 2, 3
