{{- /* daily_kpis, and by variant variant_comparison. Durations beyond 10,000,000 s (115 days) are not plausible. */ -}}
{{- $by := "project_id, environment, channel_family, day"}}{{if .ByVariant}}{{$by = "project_id, environment, channel_family, variant_id, variant_name, day"}}{{end -}}
WITH contact AS (
    SELECT {{$by}}, min(started_at) AS started_at, count(*) AS conversations,
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
        coalesce(sum({{.Micros "agent_seconds" "0" "10000000"}}) FILTER (WHERE finished), 0) AS agent_micros
    FROM (
        SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
            c.started_at, {{.Day "c"}} AS day, c.lifecycle = 'final' AS finished, c.handoff, {{.Early "c" "u"}} AS early,
            c.customer_number IS NOT NULL AS has_number, b.back,
            c.total_duration_seconds AS total_seconds, c.polyai_duration_seconds AS agent_seconds
        FROM conversations AS c
        LEFT JOIN projects AS p ON p.project_id = c.project_id
        {{.Back}}
        {{.Turns "c" "u" .CountUser}}
        WHERE c.missing_since IS NULL{{.Started "c"}}
    ) AS facts
    GROUP BY {{$by}}
), talk AS (
    SELECT {{$by}}, count(*) AS turns, count(*) FILTER (WHERE by_user) AS user_turns,
        count(*) FILTER (WHERE is_silence) AS silent_turns, count(is_silence) AS silence_known_turns,
        count(*) FILTER (WHERE is_ood) AS ood_turns, count(is_ood) AS ood_known_turns,
        count(latency_seconds) AS latency_turns,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds) AS latency_p50_seconds,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds) AS latency_p95_seconds,
        count(*) FILTER (WHERE latency_seconds <= 0.5) AS latency_to_500ms,
        count(*) FILTER (WHERE latency_seconds > 0.5 AND latency_seconds <= 1) AS latency_to_1s,
        count(*) FILTER (WHERE latency_seconds > 1 AND latency_seconds <= 1.5) AS latency_to_1500ms,
        count(*) FILTER (WHERE latency_seconds > 1.5 AND latency_seconds <= 2) AS latency_to_2s,
        count(*) FILTER (WHERE latency_seconds > 2 AND latency_seconds <= 3) AS latency_to_3s,
        count(*) FILTER (WHERE latency_seconds > 3 AND latency_seconds <= 5) AS latency_to_5s,
        count(*) FILTER (WHERE latency_seconds > 5) AS latency_over_5s
    FROM ({{template "talk" .}}
    ) AS talk
    GROUP BY {{$by}}
), day AS (
    SELECT a.*, t.turns, t.user_turns, t.silent_turns, t.silence_known_turns, t.ood_turns, t.ood_known_turns,
        t.latency_turns, t.latency_p50_seconds, t.latency_p95_seconds,
        t.latency_to_500ms, t.latency_to_1s, t.latency_to_1500ms, t.latency_to_2s, t.latency_to_3s, t.latency_to_5s, t.latency_over_5s,
        CAST({{.Date "a.day"}} AS timestamp) AT TIME ZONE {{.Zone}} AS begins_at,
        CAST({{.Date "a.day + 1"}} AS timestamp) AT TIME ZONE {{.Zone}} AS ends_at
    FROM contact AS a
    LEFT JOIN talk AS t ON t.project_id = a.project_id AND t.environment = a.environment AND t.channel_family = a.channel_family AND t.day = a.day
        {{- if .ByVariant}} AND t.variant_id = a.variant_id AND t.variant_name = a.variant_name{{end}}
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
    coalesce(d.turns, 0) AS turns, coalesce(d.user_turns, 0) AS user_turns,
    coalesce(d.silent_turns, 0) AS silent_turns, coalesce(d.silence_known_turns, 0) AS silence_known_turns,
    {{.Rate "d.silent_turns" "d.silence_known_turns"}} AS silence_rate,
    coalesce(d.ood_turns, 0) AS ood_turns, coalesce(d.ood_known_turns, 0) AS ood_known_turns, {{.Rate "d.ood_turns" "d.ood_known_turns"}} AS ood_rate,
    coalesce(d.latency_turns, 0) AS latency_turns, d.latency_p50_seconds, d.latency_p95_seconds,
    coalesce(d.latency_to_500ms, 0) AS latency_to_500ms, coalesce(d.latency_to_1s, 0) AS latency_to_1s,
    coalesce(d.latency_to_1500ms, 0) AS latency_to_1500ms, coalesce(d.latency_to_2s, 0) AS latency_to_2s,
    coalesce(d.latency_to_3s, 0) AS latency_to_3s, coalesce(d.latency_to_5s, 0) AS latency_to_5s,
    coalesce(d.latency_over_5s, 0) AS latency_over_5s
FROM day AS d
LEFT JOIN freshness AS l ON l.project_id = d.project_id AND l.environment = d.environment
