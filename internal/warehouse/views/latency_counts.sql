{{- /* For reports: the number of turns with each latency, by local day, variant and deployment. */ -}}
SELECT t.project_id, t.environment, {{.Date "t.day"}} AS day, nullif(t.variant_id, '') AS variant_id, nullif(t.variant_name, '') AS variant_name,
    t.deployment_id, t.latency_seconds, count(*) AS turns
FROM ({{template "talk" .}}
) AS t
GROUP BY t.day, t.project_id, t.environment, t.variant_id, t.variant_name, t.deployment_id, t.latency_seconds
