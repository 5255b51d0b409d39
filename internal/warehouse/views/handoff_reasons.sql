SELECT f.project_id, f.environment, f.channel_family, nullif(f.variant_id, '') AS variant_id, nullif(f.variant_name, '') AS variant_name,
    min(f.started_at) AS started_at, {{.Date "f.day"}} AS day, f.handoff_reason, f.handoff_destination, count(*) AS handoffs
FROM ({{template "facts" .}}
) AS f
WHERE f.finished AND f.handoff
GROUP BY f.project_id, f.environment, f.channel_family, f.variant_id, f.variant_name, f.day, f.handoff_reason, f.handoff_destination
