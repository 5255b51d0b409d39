SELECT is_current,
    CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(variant_id) = 0 THEN 'variant' WHEN grouping(deployment_id) = 0 THEN 'deployment' ELSE 'period' END AS part,
    day, variant_id, variant_name, deployment_id, count(*) AS turns,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS p50,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY latency_seconds) AS p90,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS p95,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY latency_seconds) AS p99
FROM (SELECT v.*, day >= {{.From}} AS is_current
    FROM (SELECT variant_id, variant_name, deployment_id, latency_seconds, CAST(local_hour AS date) AS day
        FROM ({{.View "latency_turns"}}) AS l WHERE {{.Feeds "l"}}) AS v
    WHERE {{.In "day"}}) AS k
GROUP BY GROUPING SETS ((is_current), (is_current, day), (is_current, variant_id, variant_name), (is_current, deployment_id))
