-- Grants the dashboards read access to counts, times, latencies and outcomes, but
-- not to transcripts, phone numbers (also as the destination of a handoff),
-- summaries or payloads. A user who can open a dashboard can send any query to its
-- data source, so access is limited here. Run this as the owner of the tables
-- after each `convsync migrate`. It also revokes what an earlier version granted.
REVOKE ALL ON ALL TABLES IN SCHEMA polyai FROM grafana;
GRANT USAGE ON SCHEMA polyai TO grafana;

GRANT SELECT (
    project_id, conversation_id, environment, channel_family, direction, variant_id, variant_name, language, deployment_id,
    started_at, finished_at, lifecycle, total_duration_seconds, polyai_duration_seconds,
    num_turns, turns_loaded, transcript_status, handoff, handoff_reason,
    num_silences, num_ood, latency_turns, latency_avg_seconds, latency_p50_seconds, latency_p95_seconds, latency_max_seconds,
    poly_score, missing_since, first_seen_at, updated_at
) ON polyai.conversations TO grafana;

GRANT SELECT (
    project_id, conversation_id, turn_index, started_at, user_input_at, agent_response_at,
    latency_seconds, response_gap_seconds, is_ood, is_silence, barge_in
) ON polyai.turns TO grafana;

GRANT SELECT ON polyai.projects, polyai.sync_coverage, polyai.sync_watermarks, polyai.sync_lateness,
    polyai.freshness TO grafana;

-- Views. Of those with texts or numbers, only the other columns; utterances is not granted.
GRANT SELECT ON polyai.daily_kpis, polyai.variant_comparison, polyai.latency_hourly,
    polyai.latency_turns, polyai.transcript_gaps TO grafana;

-- The average of a day with one conversation is the value of a metric.
GRANT SELECT (
    project_id, environment, channel_family, started_at, day, name, conversations, entries, given,
    true_values, boolean_values, true_rate, numeric_values
) ON polyai.metric_daily TO grafana;

GRANT SELECT (
    project_id, environment, channel_family, variant_id, variant_name, started_at, day, handoff_reason, handoffs
) ON polyai.handoff_reasons TO grafana;

GRANT SELECT (
    project_id, environment, conversation_id, started_at, local_started_at, day, hour, weekday,
    channel_family, direction, variant_id, variant_name, deployment_id, language, total_duration_seconds,
    turns, user_turns, transcript_status, handoff_reason, poly_score, outcome, last_speaker, silent_turns_at_end,
    next_started_at, repeat_within_24h, repeat_within_7d
) ON polyai.contacts TO grafana;

GRANT SELECT (
    project_id, environment, conversation_id, started_at, next_conversation_id, next_started_at, gap_seconds, outcome, next_outcome
) ON polyai.callbacks TO grafana;
