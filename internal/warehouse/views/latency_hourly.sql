{{- $by := "day, hour, project_id, environment, channel_family, variant_id, variant_name" -}}
SELECT project_id, environment, channel_family, nullif(variant_id, '') AS variant_id, nullif(variant_name, '') AS variant_name,
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
    SELECT {{$by}}, NULL, NULL, NULL, {{.RankedTurns}}, {{.Percentile 50}}, {{.Percentile 90}}, {{.Percentile 95}}, {{.Percentile 99}}, max(latency_seconds)
    FROM ({{.Ranks $by}}) AS ranks
    GROUP BY {{$by}}
) AS parts
GROUP BY {{$by}}
