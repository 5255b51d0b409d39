SELECT f.project_id, coalesce(nullif(p.time_zone, ''), 'UTC') AS time_zone, f.covered_until,
    f.arrivals, f.arrival_p50_seconds, f.arrival_p95_seconds, f.arrival_p99_seconds,
    f.finals, f.final_p50_seconds, f.final_p95_seconds, f.final_p99_seconds, f.open_conversations, f.environment
FROM freshness AS f
LEFT JOIN projects AS p ON p.project_id = f.project_id
