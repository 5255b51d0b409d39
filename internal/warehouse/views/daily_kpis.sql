{{- /* daily_kpis, and by variant variant_comparison. Durations beyond 10,000,000 s (115 days) are not plausible.
       One union of conversations and percentiles, grouped once, passes a filter by day on to both; a join of both would not. */ -}}
{{- define "daily_figures"}}{{$by := .By}}
    SELECT {{$by}}, min(started_at) AS started_at, count(finished) AS conversations,
        count(*) FILTER (WHERE finished) AS finished,
        count(*) FILTER (WHERE finished AND handoff) AS handoffs,
        count(handoff) FILTER (WHERE finished) AS handoff_known,
        count(*) FILTER (WHERE finished AND early) AS early_abandons,
        count(early) FILTER (WHERE finished) AS early_known,
        count(*) FILTER (WHERE finished AND NOT handoff AND NOT early AND has_number AND NOT back) AS contained_no_callback,
        count(*) FILTER (WHERE finished AND handoff IS NOT NULL AND early IS NOT NULL AND has_number) AS callback_known,
        count(*) FILTER (WHERE finished AND total_seconds BETWEEN 0 AND 10000000) AS duration_known,
        coalesce(sum({{.Micros "total_seconds" "0" "10000000"}}) FILTER (WHERE finished), 0) AS duration_micros,
        count(*) FILTER (WHERE finished AND agent_seconds BETWEEN 0 AND 10000000) AS agent_duration_known,
        coalesce(sum({{.Micros "agent_seconds" "0" "10000000"}}) FILTER (WHERE finished), 0) AS agent_micros,
        max(latency_p50_seconds) AS latency_p50_seconds, max(latency_p95_seconds) AS latency_p95_seconds
        {{- range .TurnCounts}},
        CAST(coalesce(sum({{.Name}}), 0) AS bigint) AS {{.Name}}{{end}}
    FROM (
        SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
            c.started_at, {{.Day "c"}} AS day, c.lifecycle = 'final' AS finished, c.handoff, {{.Early "c" "u"}} AS early,
            c.customer_number IS NOT NULL AS has_number, {{.CameBack "c"}} AS back,
            c.total_duration_seconds AS total_seconds, c.polyai_duration_seconds AS agent_seconds,
            {{range .TurnCounts}}u.{{.Name}}, {{end}}
            CAST(NULL AS double precision) AS latency_p50_seconds, CAST(NULL AS double precision) AS latency_p95_seconds
        FROM {{.Conversations "c"}}
        {{.LocalTimes "c"}}
        {{.Back}}
        {{.CountTurns "c" "u"}}
        WHERE c.missing_since IS NULL{{.Started "c"}}{{.OfStaleDay "c"}}
        {{- if not .OnlySums}}
        UNION ALL
        SELECT project_id, environment, channel_family, {{if .ByVariant}}variant_id, variant_name{{else}}NULL, NULL{{end}},
            NULL, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {{range .TurnCounts}}NULL, {{end}}{{.Percentile 50}}, {{.Percentile 95}}
        FROM ({{.Ranks $by}}) AS ranks
        GROUP BY {{$by}}
        {{- end}}
    ) AS facts
    GROUP BY {{$by}}
{{- end -}}
WITH summed AS (
    {{- if .Stored}}
    SELECT day - DATE '1970-01-01' AS day, project_id, environment, channel_family{{if .ByVariant}}, variant_id, variant_name{{end}},
    {{template "daily_figure_columns" .}}
    FROM daily_figures AS f WHERE {{if not .ByVariant}}NOT {{end}}by_variant
        AND NOT EXISTS (SELECT FROM stale_days AS s WHERE s.project_id = f.project_id AND s.day = f.day)
    UNION ALL
    {{- end}}
    {{- template "daily_figures" .}}
), day AS (
    SELECT a.*,
        CAST({{.Date "a.day"}} AS timestamp) AT TIME ZONE {{.Zone}} AS begins_at,
        CAST({{.Date "a.day + 1"}} AS timestamp) AT TIME ZONE {{.Zone}} AS ends_at
    FROM summed AS a
    LEFT JOIN projects AS p ON p.project_id = a.project_id
)
SELECT d.project_id, d.environment, d.channel_family,
    {{- if .ByVariant}} nullif(d.variant_id, '') AS variant_id, nullif(d.variant_name, '') AS variant_name,{{end}}
    d.started_at, {{.Date "d.day"}} AS day,
    coalesce((SELECT sum({{.Epoch "least(r.covered_until, d.ends_at)"}} - {{.Epoch "greatest(r.covered_from, d.begins_at)"}}) FROM sync_coverage AS r
            WHERE r.project_id = d.project_id AND r.environment = d.environment AND r.covered_from < d.ends_at AND r.covered_until > d.begins_at)
        >= {{.Epoch "d.ends_at"}} - {{.Epoch "d.begins_at"}}
        AND {{.Epoch "l.covered_until"}} - {{.Epoch "d.ends_at"}} >= coalesce(l.arrival_p99_seconds, 0), false) AS is_complete,
    d.conversations, d.finished,
    d.handoffs, d.handoff_known, {{.Rate "d.handoffs" "d.handoff_known"}} AS handoff_rate,
    d.handoff_known - d.handoffs AS contained, {{.Rate "d.handoff_known - d.handoffs" "d.handoff_known"}} AS containment_rate,
    d.early_abandons, d.early_known, {{.Rate "d.early_abandons" "d.early_known"}} AS early_abandon_rate,
    CASE WHEN d.ends_at + interval '24 hours' <= l.covered_until THEN d.contained_no_callback END AS contained_no_callback,
    d.callback_known,
    CASE WHEN d.ends_at + interval '24 hours' <= l.covered_until THEN {{.Rate "d.contained_no_callback" "d.callback_known"}} END AS contained_no_callback_rate,
    d.duration_known, CAST(d.duration_micros AS double precision) / 1000000 AS total_seconds,
    CAST(d.duration_micros AS double precision) / 1000000 / nullif(d.duration_known, 0) AS avg_total_seconds,
    d.agent_duration_known, CAST(d.agent_micros AS double precision) / 1000000 AS agent_seconds,
    CAST(d.agent_micros AS double precision) / 1000000 / nullif(d.agent_duration_known, 0) AS avg_agent_seconds,
    d.turns, d.user_turns,
    d.silent_turns, d.silence_known_turns, {{.Rate "d.silent_turns" "d.silence_known_turns"}} AS silence_rate,
    d.ood_turns, d.ood_known_turns, {{.Rate "d.ood_turns" "d.ood_known_turns"}} AS ood_rate,
    d.latency_turns, d.latency_p50_seconds, d.latency_p95_seconds,
    d.latency_to_500ms, d.latency_to_1s, d.latency_to_1500ms, d.latency_to_2s, d.latency_to_3s, d.latency_to_5s, d.latency_over_5s
FROM day AS d
LEFT JOIN freshness AS l ON l.project_id = d.project_id AND l.environment = d.environment
