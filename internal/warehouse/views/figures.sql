{{- /* Store the figures of the days $2 to $3, since 1970, of the project $1. The range of the fragments contains them. */ -}}
{{- define "store_daily"}}
INSERT INTO daily_figures (by_variant, day, project_id, environment, channel_family, variant_id, variant_name, {{template "daily_figure_columns" .}})
SELECT {{.ByVariant}}, {{.Date "day"}}, project_id, environment, channel_family, {{if .ByVariant}}variant_id, variant_name{{else}}'', ''{{end}},
    {{template "daily_figure_columns" .}}
FROM (
    {{- template "daily_figures" .}}
) AS figures
WHERE project_id = $1 AND day BETWEEN $2 AND $3
{{- end}}
{{- define "store_hourly"}}
INSERT INTO hourly_figures (project_id, environment, channel_family, variant_id, variant_name, {{template "hourly_figure_columns"}})
SELECT project_id, environment, channel_family, variant_id, variant_name, {{template "hourly_figure_columns"}}
FROM (
    {{- template "hourly_figures" .}}
) AS figures
WHERE project_id = $1 AND CAST(local_hour AS date) - DATE '1970-01-01' BETWEEN $2 AND $3
{{- end}}

{{- define "daily_figure_columns" -}}
started_at, conversations, finished, handoffs, handoff_known, early_abandons, early_known, contained_no_callback, callback_known,
    duration_known, duration_micros, agent_duration_known, agent_micros, latency_p50_seconds, latency_p95_seconds
    {{- range .TurnCounts}}, {{.Name}}{{end}}
{{- end}}
{{- define "hourly_figure_columns" -}}
started_at, local_hour, conversations, handoffs, handoff_known, turns, p50_seconds, p90_seconds, p95_seconds, p99_seconds, max_seconds
{{- end}}
