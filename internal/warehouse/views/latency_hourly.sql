{{- $by := "project_id, environment, channel_family, variant_id, variant_name, day, hour" -}}
WITH contact AS (
    SELECT {{$by}}, min(started_at) AS started_at, count(*) AS conversations,
        count(*) FILTER (WHERE finished AND handoff) AS handoffs, count(handoff) FILTER (WHERE finished) AS handoff_known
    FROM ({{template "facts" .}}
    ) AS facts
    GROUP BY {{$by}}
), talk AS (
    SELECT {{$by}}, count(latency_seconds) AS turns,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50_seconds,
        percentile_disc(0.9) WITHIN GROUP (ORDER BY latency_seconds) AS p90_seconds,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95_seconds,
        percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_seconds) AS p99_seconds,
        max(latency_seconds) AS max_seconds
    FROM ({{template "talk" .}}
    ) AS talk
    GROUP BY {{$by}}
)
SELECT a.project_id, a.environment, a.channel_family, nullif(a.variant_id, '') AS variant_id, nullif(a.variant_name, '') AS variant_name, a.started_at,
    CAST({{.Date "a.day"}} AS timestamp) + a.hour * interval '1 hour' AS local_hour,
    a.conversations, a.handoffs, a.handoff_known, coalesce(t.turns, 0) AS turns,
    t.p50_seconds, t.p90_seconds, t.p95_seconds, t.p99_seconds, t.max_seconds
FROM contact AS a
LEFT JOIN talk AS t ON t.project_id = a.project_id AND t.environment = a.environment AND t.channel_family = a.channel_family
    AND t.variant_id = a.variant_id AND t.variant_name = a.variant_name AND t.day = a.day AND t.hour = a.hour
