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
