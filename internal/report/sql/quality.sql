{{- /* What is in no other figure: rejected conversations, and those that the source no longer lists. */ -}}
SELECT is_current, reason, count(*) AS conversations
FROM (SELECT day >= {{.From}} AS is_current, reason
    FROM (SELECT r.reason, CAST(coalesce(r.started_at, r.first_seen_at) AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS date) AS day
            FROM rejects AS r LEFT JOIN projects AS p ON p.project_id = r.project_id WHERE {{.Feeds "r"}} AND r.missing_since IS NULL
        UNION ALL SELECT NULL, CAST(c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS date)
            FROM conversations AS c LEFT JOIN projects AS p ON p.project_id = c.project_id
            WHERE {{.Feeds "c"}} AND {{.Started "c"}} AND c.missing_since IS NOT NULL) AS v
    WHERE {{.In "day"}}) AS k
GROUP BY 1, 2
