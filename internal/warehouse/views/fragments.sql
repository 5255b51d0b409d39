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
{{- define "join_contacts"}}
LEFT JOIN ({{template "contact_days" .}}) AS b ON b.project_id = c.project_id AND b.environment = c.environment AND b.customer_number = c.customer_number
    AND b.day = time_bucket(interval '24 hours', c.started_at)
LEFT JOIN ({{template "contact_days" .}}) AS n ON n.project_id = c.project_id AND n.environment = c.environment AND n.customer_number = c.customer_number
    AND n.day = time_bucket(interval '24 hours', c.started_at) + interval '24 hours'
{{- end}}
{{- define "contact_days"}}SELECT project_id, environment, customer_number, time_bucket(interval '24 hours', f.started_at) AS day, min(f.started_at) AS first_at, max(f.started_at) AS last_at
    FROM conversations AS f WHERE f.missing_since IS NULL AND f.customer_number IS NOT NULL{{.StartedOrBack "f"}}
    GROUP BY ALL
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
        c.conversation_id, c.started_at, {{.Day "c"}} AS day, {{.Hour "c"}} AS hour, {{.LocalHour "c"}} AS local_hour, c.deployment_id,
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{.Conversations "c"}}
    {{.LocalTimes "c"}}
    WHERE c.missing_since IS NULL{{.Started "c"}}{{.OfStaleDay "c"}}
{{- end}}

{{- /* The quarters of an hour in which conversations started, with their local time. */ -}}
{{- define "quarters"}}
    SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST({{.Local "q"}} AS date) AS day, date_trunc('hour', {{.Local "q"}}) AS local_hour
    FROM (SELECT c.project_id, {{.Quarter "c"}} AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM conversations AS c WHERE c.missing_since IS NULL{{.Started "c"}} GROUP BY 1, 2) AS q
    LEFT JOIN projects AS p ON p.project_id = q.project_id
{{- end}}

{{- /* A row per latency of a turn. The local time is computed by conversation, before the join: it takes longer than the join. */ -}}
{{- define "talk"}}
    SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, {{.Latency}} AS latency_seconds
    FROM ({{template "facts" .}}
    ) AS c
    {{.Latencies "c"}}
{{- end}}

{{- /* The counts of turns of the conversations c in DuckDB. A condition for the day passes on to the turns by the quarters. */ -}}
{{- define "join_talk"}}
LEFT JOIN (SELECT q.day, x.project_id, x.conversation_id, x.started_at
        {{- range .TurnCounts}}, {{.SQL}} AS {{.Name}}{{end}}
    FROM (SELECT t.project_id, t.conversation_id, t.started_at, {{.ByUser "t"}} AS by_user, t.is_silence, t.is_ood, t.latency_seconds FROM turns AS t) AS x
    {{.Quarters "x"}}
    GROUP BY ALL) AS u ON u.day = q.day AND {{.Same "u" "c"}}
{{- end}}
