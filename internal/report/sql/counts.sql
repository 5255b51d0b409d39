{{- /* One row for the period, each day, project, channel and variant. Sums are over integers: see viewtext.go. */ -}}
SELECT is_current,
    CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(project_id) = 0 THEN 'project' WHEN grouping(channel_family) = 0 THEN 'channel'
        WHEN grouping(variant_id) = 0 THEN 'variant' ELSE 'period' END AS part,
    day, project_id, channel_family, variant_id, variant_name, bool_and(is_complete) AS is_complete,
    {{range .Summed}}CAST(coalesce(sum({{.}}), 0) AS bigint) AS {{.}},
    {{end}}CAST(coalesce(sum(callback_known) FILTER (WHERE contained_no_callback IS NOT NULL), 0) AS bigint) AS callback_known,
    CAST(coalesce(sum(CAST(floor(total_seconds * 1000000 + 0.5) AS bigint)), 0) AS bigint) AS total_micros,
    CAST(coalesce(sum(CAST(floor(agent_seconds * 1000000 + 0.5) AS bigint)), 0) AS bigint) AS agent_micros
FROM (SELECT v.*, day >= {{.From}} AS is_current FROM ({{.Sums "variant_comparison"}}) AS v
    WHERE {{.Feeds "v"}} AND {{.In "day"}}) AS k
GROUP BY GROUPING SETS ((is_current), (is_current, day), (is_current, project_id), (is_current, channel_family), (is_current, variant_id, variant_name))
