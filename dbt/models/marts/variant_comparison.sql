{# Generated from internal/warehouse by `make docs`; do not edit. #}
WITH summed AS (
    SELECT day, project_id, environment, channel_family, variant_id, variant_name, min(started_at) AS started_at, count(finished) AS conversations,
        count(*) FILTER (WHERE finished) AS finished,
        count(*) FILTER (WHERE finished AND handoff) AS handoffs,
        count(handoff) FILTER (WHERE finished) AS handoff_known,
        count(*) FILTER (WHERE finished AND early) AS early_abandons,
        count(early) FILTER (WHERE finished) AS early_known,
        count(*) FILTER (WHERE finished AND NOT handoff AND NOT early AND has_number AND NOT back) AS contained_no_callback,
        count(*) FILTER (WHERE finished AND handoff IS NOT NULL AND early IS NOT NULL AND has_number) AS callback_known,
        count(*) FILTER (WHERE finished AND total_seconds BETWEEN 0 AND 10000000) AS duration_known,
        coalesce(sum(CASE WHEN total_seconds BETWEEN 0 AND 10000000 THEN CAST(floor(total_seconds * 1000000 + 0.5) AS bigint) END) FILTER (WHERE finished), 0) AS duration_micros,
        count(*) FILTER (WHERE finished AND agent_seconds BETWEEN 0 AND 10000000) AS agent_duration_known,
        coalesce(sum(CASE WHEN agent_seconds BETWEEN 0 AND 10000000 THEN CAST(floor(agent_seconds * 1000000 + 0.5) AS bigint) END) FILTER (WHERE finished), 0) AS agent_micros,
        max(latency_p50_seconds) AS latency_p50_seconds, max(latency_p95_seconds) AS latency_p95_seconds,
        CAST(coalesce(sum(turns), 0) AS bigint) AS turns,
        CAST(coalesce(sum(user_turns), 0) AS bigint) AS user_turns,
        CAST(coalesce(sum(silent_turns), 0) AS bigint) AS silent_turns,
        CAST(coalesce(sum(silence_known_turns), 0) AS bigint) AS silence_known_turns,
        CAST(coalesce(sum(ood_turns), 0) AS bigint) AS ood_turns,
        CAST(coalesce(sum(ood_known_turns), 0) AS bigint) AS ood_known_turns,
        CAST(coalesce(sum(latency_turns), 0) AS bigint) AS latency_turns,
        CAST(coalesce(sum(latency_to_500ms), 0) AS bigint) AS latency_to_500ms,
        CAST(coalesce(sum(latency_to_1s), 0) AS bigint) AS latency_to_1s,
        CAST(coalesce(sum(latency_to_1500ms), 0) AS bigint) AS latency_to_1500ms,
        CAST(coalesce(sum(latency_to_2s), 0) AS bigint) AS latency_to_2s,
        CAST(coalesce(sum(latency_to_3s), 0) AS bigint) AS latency_to_3s,
        CAST(coalesce(sum(latency_to_5s), 0) AS bigint) AS latency_to_5s,
        CAST(coalesce(sum(latency_over_5s), 0) AS bigint) AS latency_over_5s
    FROM (
        SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
            c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, c.lifecycle = 'final' AS finished, c.handoff, (NOT c.handoff AND (c.total_duration_seconds < 10 OR (CASE WHEN c.transcript_status IN ('complete', 'hidden_kept', 'none') OR u.user_turns >= 2 THEN coalesce(u.user_turns, 0) END) < 2)) AS early,
            c.customer_number IS NOT NULL AS has_number, b.back AS back,
{% else %}
            c.started_at, q.day AS day, c.lifecycle = 'final' AS finished, c.handoff, (NOT c.handoff AND (c.total_duration_seconds < 10 OR (CASE WHEN c.transcript_status IN ('complete', 'hidden_kept', 'none') OR u.user_turns >= 2 THEN coalesce(u.user_turns, 0) END) < 2)) AS early,
            c.customer_number IS NOT NULL AS has_number, coalesce(b.last_at > c.started_at OR n.first_at <= c.started_at + interval '24 hours', false) AS back,
{% endif %}
            c.total_duration_seconds AS total_seconds, c.polyai_duration_seconds AS agent_seconds,
            u.turns, u.user_turns, u.silent_turns, u.silence_known_turns, u.ood_turns, u.ood_known_turns, u.latency_turns, u.latency_to_500ms, u.latency_to_1s, u.latency_to_1500ms, u.latency_to_2s, u.latency_to_3s, u.latency_to_5s, u.latency_over_5s, 
            CAST(NULL AS double precision) AS latency_p50_seconds, CAST(NULL AS double precision) AS latency_p95_seconds
        FROM {{ ref('stg_conversations') }} AS c
{% if target.type == 'postgres' %}
        LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
        CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM {{ ref('stg_conversations') }} AS f
    WHERE f.project_id = c.project_id AND f.environment = c.environment AND f.customer_number = c.customer_number AND f.missing_since IS NULL
        AND f.started_at > c.started_at AND f.started_at <= c.started_at + interval '24 hours') AS back) AS b
        CROSS JOIN LATERAL (SELECT count(*) AS turns, count(*) FILTER (WHERE (x.user_input IS NOT NULL OR x.user_input_dtmf IS NOT NULL)) AS user_turns, count(*) FILTER (WHERE x.is_silence) AS silent_turns, count(x.is_silence) AS silence_known_turns, count(*) FILTER (WHERE x.is_ood) AS ood_turns, count(x.is_ood) AS ood_known_turns, count(x.latency_seconds) AS latency_turns, count(*) FILTER (WHERE x.latency_seconds <= 0.5) AS latency_to_500ms, count(*) FILTER (WHERE x.latency_seconds > 0.5 AND x.latency_seconds <= 1) AS latency_to_1s, count(*) FILTER (WHERE x.latency_seconds > 1 AND x.latency_seconds <= 1.5) AS latency_to_1500ms, count(*) FILTER (WHERE x.latency_seconds > 1.5 AND x.latency_seconds <= 2) AS latency_to_2s, count(*) FILTER (WHERE x.latency_seconds > 2 AND x.latency_seconds <= 3) AS latency_to_3s, count(*) FILTER (WHERE x.latency_seconds > 3 AND x.latency_seconds <= 5) AS latency_to_5s, count(*) FILTER (WHERE x.latency_seconds > 5) AS latency_over_5s
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS u
{% else %}
        LEFT JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = c.project_id AND q.quarter = CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AND c.started_at BETWEEN q.first_at AND q.last_at
        LEFT JOIN (SELECT project_id, environment, customer_number, time_bucket(interval '24 hours', f.started_at) AS day, min(f.started_at) AS first_at, max(f.started_at) AS last_at
    FROM {{ ref('stg_conversations') }} AS f WHERE f.missing_since IS NULL AND f.customer_number IS NOT NULL
    GROUP BY ALL) AS b ON b.project_id = c.project_id AND b.environment = c.environment AND b.customer_number = c.customer_number
    AND b.day = time_bucket(interval '24 hours', c.started_at)
LEFT JOIN (SELECT project_id, environment, customer_number, time_bucket(interval '24 hours', f.started_at) AS day, min(f.started_at) AS first_at, max(f.started_at) AS last_at
    FROM {{ ref('stg_conversations') }} AS f WHERE f.missing_since IS NULL AND f.customer_number IS NOT NULL
    GROUP BY ALL) AS n ON n.project_id = c.project_id AND n.environment = c.environment AND n.customer_number = c.customer_number
    AND n.day = time_bucket(interval '24 hours', c.started_at) + interval '24 hours'
        LEFT JOIN (SELECT q.day, x.project_id, x.conversation_id, x.started_at, count(*) AS turns, count(*) FILTER (WHERE x.by_user) AS user_turns, count(*) FILTER (WHERE x.is_silence) AS silent_turns, count(x.is_silence) AS silence_known_turns, count(*) FILTER (WHERE x.is_ood) AS ood_turns, count(x.is_ood) AS ood_known_turns, count(x.latency_seconds) AS latency_turns, count(*) FILTER (WHERE x.latency_seconds <= 0.5) AS latency_to_500ms, count(*) FILTER (WHERE x.latency_seconds > 0.5 AND x.latency_seconds <= 1) AS latency_to_1s, count(*) FILTER (WHERE x.latency_seconds > 1 AND x.latency_seconds <= 1.5) AS latency_to_1500ms, count(*) FILTER (WHERE x.latency_seconds > 1.5 AND x.latency_seconds <= 2) AS latency_to_2s, count(*) FILTER (WHERE x.latency_seconds > 2 AND x.latency_seconds <= 3) AS latency_to_3s, count(*) FILTER (WHERE x.latency_seconds > 3 AND x.latency_seconds <= 5) AS latency_to_5s, count(*) FILTER (WHERE x.latency_seconds > 5) AS latency_over_5s
    FROM (SELECT t.project_id, t.conversation_id, t.started_at, (t.user_input IS NOT NULL OR t.user_input_dtmf IS NOT NULL) AS by_user, t.is_silence, t.is_ood, t.latency_seconds FROM {{ ref('stg_turns') }} AS t) AS x
    JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = x.project_id AND q.quarter = CASE WHEN x.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(x.started_at) // 900000000 ELSE epoch_us(x.started_at) - 1672531200000000 END AND x.started_at BETWEEN q.first_at AND q.last_at
    GROUP BY ALL) AS u ON u.day = q.day AND u.project_id = c.project_id AND u.conversation_id = c.conversation_id AND u.started_at = c.started_at
{% endif %}
        WHERE c.missing_since IS NULL
        UNION ALL
        SELECT project_id, environment, channel_family, variant_id, variant_name,
{% if target.type == 'postgres' %}
            NULL, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 50), min(latency_seconds) FILTER (WHERE reached * 100 >= turns * 95)
        FROM (SELECT day, project_id, environment, channel_family, variant_id, variant_name, latency_seconds, sum(CAST(count(*) AS integer)) OVER (PARTITION BY day, project_id, environment, channel_family, variant_id, variant_name ORDER BY latency_seconds ROWS UNBOUNDED PRECEDING) AS reached, sum(CAST(count(*) AS integer)) OVER (PARTITION BY day, project_id, environment, channel_family, variant_id, variant_name) AS turns
    FROM (SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, unnest(u.latencies) AS latency_seconds
{% else %}
            NULL, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, quantile_disc(latency_seconds, 0.5), quantile_disc(latency_seconds, 0.95)
        FROM (SELECT c.project_id, c.environment, c.channel_family, c.variant_id, c.variant_name, c.deployment_id, c.day, c.hour, x.latency_seconds AS latency_seconds
{% endif %}
    FROM (
    SELECT c.project_id, c.environment, c.channel_family, coalesce(c.variant_id, '') AS variant_id, coalesce(c.variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
        c.conversation_id, c.started_at, (CAST((c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) - DATE '1970-01-01') AS day, CAST(extract(hour FROM date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')))) AS bigint) AS hour, date_trunc('hour', (c.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour, c.deployment_id,
{% else %}
        c.conversation_id, c.started_at, q.day AS day, CAST(extract(hour FROM q.local_hour) AS bigint) AS hour, q.local_hour AS local_hour, c.deployment_id,
{% endif %}
        c.lifecycle = 'final' AS finished, c.handoff, c.handoff_reason, c.handoff_destination
    FROM {{ ref('stg_conversations') }} AS c
{% if target.type == 'postgres' %}
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = c.project_id
{% else %}
    LEFT JOIN (SELECT q.project_id, q.quarter, q.first_at, q.last_at, CAST((q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC')) AS date) AS day, date_trunc('hour', (q.started_at AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC'))) AS local_hour
    FROM (SELECT c.project_id, CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AS quarter, min(c.started_at) AS first_at, max(c.started_at) AS last_at, first_at AS started_at
        FROM {{ ref('stg_conversations') }} AS c WHERE c.missing_since IS NULL GROUP BY 1, 2) AS q
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = q.project_id) AS q ON q.project_id = c.project_id AND q.quarter = CASE WHEN c.started_at >= TIMESTAMPTZ '2023-01-01 00:00:00+00' THEN epoch_us(c.started_at) // 900000000 ELSE epoch_us(c.started_at) - 1672531200000000 END AND c.started_at BETWEEN q.first_at AND q.last_at
{% endif %}
    WHERE c.missing_since IS NULL
    ) AS c
{% if target.type == 'postgres' %}
    CROSS JOIN LATERAL (SELECT array_agg(x.latency_seconds) FILTER (WHERE x.latency_seconds IS NOT NULL) AS latencies
    FROM {{ ref('stg_turns') }} AS x WHERE x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at) AS u) AS talk
    GROUP BY day, project_id, environment, channel_family, variant_id, variant_name, latency_seconds) AS ranks
{% else %}
    JOIN {{ ref('stg_turns') }} AS x ON x.project_id = c.project_id AND x.conversation_id = c.conversation_id AND x.started_at = c.started_at AND x.latency_seconds IS NOT NULL) AS ranks
{% endif %}
        GROUP BY day, project_id, environment, channel_family, variant_id, variant_name
    ) AS facts
    GROUP BY day, project_id, environment, channel_family, variant_id, variant_name
), day AS (
    SELECT a.*,
{% if target.type == 'postgres' %}
        CAST(CAST(DATE '1970-01-01' + CAST(a.day AS integer) AS date) AS timestamp) AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS begins_at,
        CAST(CAST(DATE '1970-01-01' + CAST(a.day + 1 AS integer) AS date) AS timestamp) AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS ends_at
{% else %}
        CAST(a.day AS timestamp) AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS begins_at,
        CAST(a.day + 1 AS timestamp) AT TIME ZONE coalesce(nullif(p.time_zone, ''), 'UTC') AS ends_at
{% endif %}
    FROM summed AS a
    LEFT JOIN {{ ref('stg_projects') }} AS p ON p.project_id = a.project_id
)
SELECT d.project_id, d.environment, d.channel_family, nullif(d.variant_id, '') AS variant_id, nullif(d.variant_name, '') AS variant_name,
{% if target.type == 'postgres' %}
    d.started_at, CAST(DATE '1970-01-01' + CAST(d.day AS integer) AS date) AS day,
{% else %}
    d.started_at, d.day AS day,
{% endif %}
    coalesce((SELECT sum(CAST(extract(epoch FROM least(r.covered_until, d.ends_at)) AS double precision) - CAST(extract(epoch FROM greatest(r.covered_from, d.begins_at)) AS double precision)) FROM {{ ref('stg_sync_coverage') }} AS r
            WHERE r.project_id = d.project_id AND r.environment = d.environment AND r.covered_from < d.ends_at AND r.covered_until > d.begins_at)
        >= CAST(extract(epoch FROM d.ends_at) AS double precision) - CAST(extract(epoch FROM d.begins_at) AS double precision)
        AND CAST(extract(epoch FROM l.covered_until) AS double precision) - CAST(extract(epoch FROM d.ends_at) AS double precision) >= coalesce(l.arrival_p99_seconds, 0), false) AS is_complete,
    d.conversations, d.finished,
    d.handoffs, d.handoff_known, CAST(d.handoffs AS double precision) / nullif(d.handoff_known, 0) AS handoff_rate,
    d.handoff_known - d.handoffs AS contained, CAST(d.handoff_known - d.handoffs AS double precision) / nullif(d.handoff_known, 0) AS containment_rate,
    d.early_abandons, d.early_known, CAST(d.early_abandons AS double precision) / nullif(d.early_known, 0) AS early_abandon_rate,
    CASE WHEN d.ends_at + interval '24 hours' <= l.covered_until THEN d.contained_no_callback END AS contained_no_callback,
    d.callback_known,
    CASE WHEN d.ends_at + interval '24 hours' <= l.covered_until THEN CAST(d.contained_no_callback AS double precision) / nullif(d.callback_known, 0) END AS contained_no_callback_rate,
    d.duration_known, CAST(d.duration_micros AS double precision) / 1000000 AS total_seconds,
    CAST(d.duration_micros AS double precision) / 1000000 / nullif(d.duration_known, 0) AS avg_total_seconds,
    d.agent_duration_known, CAST(d.agent_micros AS double precision) / 1000000 AS agent_seconds,
    CAST(d.agent_micros AS double precision) / 1000000 / nullif(d.agent_duration_known, 0) AS avg_agent_seconds,
    d.turns, d.user_turns,
    d.silent_turns, d.silence_known_turns, CAST(d.silent_turns AS double precision) / nullif(d.silence_known_turns, 0) AS silence_rate,
    d.ood_turns, d.ood_known_turns, CAST(d.ood_turns AS double precision) / nullif(d.ood_known_turns, 0) AS ood_rate,
    d.latency_turns, d.latency_p50_seconds, d.latency_p95_seconds,
    d.latency_to_500ms, d.latency_to_1s, d.latency_to_1500ms, d.latency_to_2s, d.latency_to_3s, d.latency_to_5s, d.latency_over_5s
FROM day AS d
LEFT JOIN {{ ref('freshness') }} AS l ON l.project_id = d.project_id AND l.environment = d.environment
