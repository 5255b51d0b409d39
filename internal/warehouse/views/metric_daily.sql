WITH metric AS (
    SELECT f.project_id, f.environment, f.channel_family, f.day, m.name, min(f.started_at) AS started_at,
        count(*) FILTER (WHERE m.ordinal = 0) AS conversations, count(*) AS entries, count(m.value) AS given,
        count(*) FILTER (WHERE m.value_boolean) AS true_values, count(m.value_boolean) AS boolean_values,
        count(*) FILTER (WHERE m.value_number BETWEEN -1000000000 AND 1000000000) AS numeric_values,
        sum({{.Micros "m.value_number" "-1000000000" "1000000000"}}) AS numeric_micros
    FROM ({{template "facts" .}}
    ) AS f
    JOIN conversation_metrics AS m ON {{.Same "m" "f"}}{{.Started "m"}}
    GROUP BY f.project_id, f.environment, f.channel_family, f.day, m.name
)
SELECT s.project_id, s.environment, s.channel_family, s.started_at, {{.Date "s.day"}} AS day, s.name,
    s.conversations, s.entries, s.given, s.true_values, s.boolean_values, {{.Rate "s.true_values" "s.boolean_values"}} AS true_rate,
    s.numeric_values, CAST(s.numeric_micros AS double precision) / 1000000 / nullif(s.numeric_values, 0) AS numeric_average
FROM metric AS s
