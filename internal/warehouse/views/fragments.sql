{{- define "look_up_next"}}
LEFT JOIN LATERAL (SELECT f.project_id, f.conversation_id, f.started_at, f.lifecycle, f.handoff, f.total_duration_seconds, f.transcript_status
    FROM conversations AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '720 hours'
    ORDER BY f.started_at, f.conversation_id COLLATE "C" LIMIT 1) AS n ON true
{{- end}}
{{- define "join_next"}}
ASOF LEFT JOIN (SELECT project_id, environment, customer_number, started_at, min(conversation_id) AS conversation_id
    FROM conversations WHERE missing_since IS NULL AND customer_number IS NOT NULL
    GROUP BY project_id, environment, customer_number, started_at) AS m
    ON m.project_id = c.project_id AND m.environment = c.environment AND m.customer_number = c.customer_number AND m.started_at > c.started_at
LEFT JOIN conversations AS n ON {{.Same "n" "m"}}
{{- end}}
{{- define "join_next_start"}}
LEFT JOIN (SELECT project_id, conversation_id,
        first_value(f.started_at) OVER (PARTITION BY project_id, environment, customer_number ORDER BY f.started_at
            RANGE BETWEEN interval '1 microsecond' FOLLOWING AND interval '720 hours' FOLLOWING) AS started_at
    FROM conversations AS f WHERE f.missing_since IS NULL AND f.customer_number IS NOT NULL{{.StartedOrNext "f"}}) AS n ON {{.Same "n" "c"}}
{{- end}}
{{- define "look_up_back"}}
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM conversations AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '24 hours') AS back) AS b
{{- end}}
{{- define "join_back"}}
LEFT JOIN (SELECT project_id, conversation_id, started_at,
        count(*) OVER (PARTITION BY project_id, environment, customer_number ORDER BY started_at
            RANGE BETWEEN interval '1 microsecond' FOLLOWING AND interval '24 hours' FOLLOWING) > 0 AS back
    FROM conversations AS f WHERE f.missing_since IS NULL AND f.customer_number IS NOT NULL{{.StartedOrBack "f"}}) AS b ON {{.Same "b" "c"}}
{{- end}}

{{- /* A row per conversation, with its local day and hour and what is known about its end. */ -}}
{{- define "facts"}}
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
        c.conversation_id, c.started_at, {{.Day "c"}} AS day, {{.Hour "c"}} AS hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{.Conversations "c"}}
    LEFT JOIN projects AS p ON p.project_id = c.project_id
    WHERE c.missing_since IS NULL{{.Started "c"}}{{.OfStaleDay "c"}}
{{- end}}

{{- /* A row per latency of a turn. The local time is computed by conversation, before the join: it takes longer than the join. */ -}}
{{- define "talk"}}
    SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, {{.Latency}} AS latency_seconds
    FROM ({{template "facts" .}}
    ) AS c
    {{.Latencies "c"}}
{{- end}}
