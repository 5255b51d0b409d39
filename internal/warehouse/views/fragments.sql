{{- define "next_postgres"}}
LEFT JOIN LATERAL (SELECT f.project_id, f.conversation_id, f.started_at, f.lifecycle, f.handoff, f.total_duration_seconds, f.transcript_status
    FROM conversations AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '720 hours'
    ORDER BY f.started_at, f.conversation_id COLLATE "C" LIMIT 1) AS n ON true
{{- end}}
{{- define "next_duckdb"}}
ASOF LEFT JOIN (SELECT project_id, environment, customer_number, started_at, min(conversation_id) AS conversation_id
    FROM conversations WHERE missing_since IS NULL AND customer_number IS NOT NULL
    GROUP BY project_id, environment, customer_number, started_at) AS m
    ON m.project_id = c.project_id AND m.environment = c.environment AND m.customer_number = c.customer_number AND m.started_at > c.started_at
LEFT JOIN conversations AS n ON {{.Same "n" "m"}}
{{- end}}
