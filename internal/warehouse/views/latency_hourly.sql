{{- define "hourly_figures"}}{{$by := "project_id, environment, channel_family, variant_id, variant_name, day, hour"}}
SELECT project_id, environment, channel_family, variant_id, variant_name,
    min(started_at) AS started_at, CAST({{.Date "day"}} AS timestamp) + hour * interval '1 hour' AS local_hour,
    count(finished) AS conversations, count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known,
    coalesce(max(turns), 0) AS turns,
    max(p50_seconds) AS p50_seconds, max(p90_seconds) AS p90_seconds, max(p95_seconds) AS p95_seconds, max(p99_seconds) AS p99_seconds,
    max(max_seconds) AS max_seconds
FROM (
    SELECT {{$by}}, started_at, finished, handoff,
        NULL AS turns, NULL AS p50_seconds, NULL AS p90_seconds, NULL AS p95_seconds, NULL AS p99_seconds, NULL AS max_seconds
    FROM ({{template "facts" .}}
    ) AS facts
    UNION ALL
    SELECT {{$by}}, NULL, NULL, NULL, max(turns), {{.Percentile 50}}, {{.Percentile 90}}, {{.Percentile 95}}, {{.Percentile 99}}, max(latency_seconds)
    FROM ({{.Ranks $by}}) AS ranks
    GROUP BY {{$by}}
) AS parts
GROUP BY {{$by}}
{{- end -}}
{{- if .InDuckDB}}{{template "latency_hourly_duckdb" .}}{{else -}}
SELECT project_id, environment, channel_family, nullif(variant_id, '') AS variant_id, nullif(variant_name, '') AS variant_name,
    {{template "hourly_figure_columns"}}
FROM (
    {{- if .Stored}}
SELECT project_id, environment, channel_family, variant_id, variant_name, {{template "hourly_figure_columns"}}
FROM hourly_figures AS f
WHERE NOT EXISTS (SELECT FROM stale_days AS s WHERE s.project_id = f.project_id AND s.day = CAST(f.local_hour AS date))
UNION ALL
    {{- end}}
    {{- template "hourly_figures" .}}
) AS hours
{{- end}}
{{- /* By local_hour, because DuckDB passes no condition for the result of a computation on to the turns. */ -}}
{{- define "latency_hourly_duckdb"}}
WITH facts AS ({{template "facts" .}}
)
SELECT project_id, environment, channel_family, nullif(variant_id, '') AS variant_id, nullif(variant_name, '') AS variant_name,
    min(started_at) AS started_at, local_hour,
    count(finished) AS conversations, count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known,
    coalesce(max(turns), 0) AS turns,
    max(percentiles[1]) AS p50_seconds, max(percentiles[2]) AS p90_seconds, max(percentiles[3]) AS p95_seconds, max(percentiles[4]) AS p99_seconds,
    max(max_seconds) AS max_seconds
FROM (
    SELECT local_hour, project_id, environment, channel_family, variant_id, variant_name, started_at, finished, handoff,
        NULL AS turns, NULL AS percentiles, NULL AS max_seconds
    FROM facts
    UNION ALL
    SELECT c.local_hour, c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, NULL, NULL, NULL,
        count(*), quantile_disc(x.latency_seconds, [0.5, 0.9, 0.95, 0.99]), max(x.latency_seconds)
    FROM facts AS c
    {{.Latencies "c"}}
    GROUP BY c.local_hour, c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name
) AS parts
GROUP BY local_hour, project_id, environment, channel_family, variant_id, variant_name
{{- end}}
