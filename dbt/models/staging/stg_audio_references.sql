{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    conversation_id,
    direction,
    redacted,
    started_at,
    url,
    availability,
    checked_at,
    size_bytes,
    duration_seconds,
    sample_rate_hz,
    channels,
    sha256,
    stored_uri,
    stored_at,
    codec,
    redaction_evidence,
    reason,
    checks,
    next_check_at
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'audio_references') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS conversation_id,
        NULL::VARCHAR AS direction,
        NULL::BOOLEAN AS redacted,
        NULL::TIMESTAMP WITH TIME ZONE AS started_at,
        NULL::VARCHAR AS url,
        NULL::VARCHAR AS availability,
        NULL::TIMESTAMP WITH TIME ZONE AS checked_at,
        NULL::BIGINT AS size_bytes,
        NULL::DOUBLE AS duration_seconds,
        NULL::BIGINT AS sample_rate_hz,
        NULL::BIGINT AS channels,
        NULL::VARCHAR AS sha256,
        NULL::VARCHAR AS stored_uri,
        NULL::TIMESTAMP WITH TIME ZONE AS stored_at,
        NULL::VARCHAR AS codec,
        NULL::VARCHAR AS redaction_evidence,
        NULL::VARCHAR AS reason,
        NULL::BIGINT AS checks,
        NULL::TIMESTAMP WITH TIME ZONE AS next_check_at
    WHERE false
    {% if lake_has('audio_references') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'audio_references') }}
    {% endif %}
)
{% endif %}
