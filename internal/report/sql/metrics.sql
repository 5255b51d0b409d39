SELECT day >= {{.From}} AS is_current, day, project_id, channel_family, name, conversations, entries, true_values, boolean_values, numeric_values, numeric_average
FROM ({{.View "metric_daily"}}) AS v
WHERE {{.Feeds "v"}} AND {{.In "day"}}
