{{- /* Percentiles by nearest rank. Equal latencies are counted first: sorting all turns for each group takes several times as long. */ -}}
{{- $by := "is_current, part, day, variant_id, variant_name, deployment_id" -}}
WITH counted AS (
    SELECT v.*, day >= {{.From}} AS is_current FROM ({{.View "latency_counts"}}) AS v
    WHERE {{.Feeds "v"}} AND {{.In "day"}}
), grouped AS (
    SELECT is_current,
        CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(variant_id) = 0 THEN 'variant' WHEN grouping(deployment_id) = 0 THEN 'deployment' ELSE 'period' END AS part,
        day, variant_id, variant_name, deployment_id, latency_seconds, sum(turns) AS n
    FROM counted
    GROUP BY GROUPING SETS ((is_current, latency_seconds), (is_current, day, latency_seconds),
        (is_current, variant_id, variant_name, latency_seconds), (is_current, deployment_id, latency_seconds))
), ranked AS (
    SELECT {{$by}}, latency_seconds, sum(n) OVER (PARTITION BY {{$by}} ORDER BY latency_seconds ROWS UNBOUNDED PRECEDING) AS reached,
        sum(n) OVER (PARTITION BY {{$by}}) AS turns
    FROM grouped
)
SELECT {{$by}}, CAST(max(turns) AS bigint) AS turns,
    min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 50) AS p50,
    min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 90) AS p90,
    min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 95) AS p95,
    min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 99) AS p99
FROM ranked
GROUP BY {{$by}}
