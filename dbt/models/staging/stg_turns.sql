{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    conversation_id,
    turn_index,
    started_at,
    turn_id,
    user_input,
    user_input_dtmf,
    user_input_at,
    agent_response,
    agent_response_at,
    latency_seconds,
    latency_label,
    latency_percentile_1d,
    response_gap_seconds,
    translated_user_input,
    english_agent_response,
    user_language,
    agent_language,
    is_ood,
    is_silence,
    barge_in,
    intents,
    user_audio_url,
    extra
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'turns') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS conversation_id,
        NULL::BIGINT AS turn_index,
        NULL::TIMESTAMP WITH TIME ZONE AS started_at,
        NULL::BIGINT AS turn_id,
        NULL::VARCHAR AS user_input,
        NULL::VARCHAR AS user_input_dtmf,
        NULL::TIMESTAMP WITH TIME ZONE AS user_input_at,
        NULL::VARCHAR AS agent_response,
        NULL::TIMESTAMP WITH TIME ZONE AS agent_response_at,
        NULL::DOUBLE AS latency_seconds,
        NULL::VARCHAR AS latency_label,
        NULL::DOUBLE AS latency_percentile_1d,
        NULL::DOUBLE AS response_gap_seconds,
        NULL::VARCHAR AS translated_user_input,
        NULL::VARCHAR AS english_agent_response,
        NULL::VARCHAR AS user_language,
        NULL::VARCHAR AS agent_language,
        NULL::BOOLEAN AS is_ood,
        NULL::BOOLEAN AS is_silence,
        NULL::BOOLEAN AS barge_in,
        NULL::VARCHAR[] AS intents,
        NULL::VARCHAR AS user_audio_url,
        NULL::VARCHAR AS extra
    WHERE false
    {% if lake_has('turns') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'turns') }}
    {% endif %}
)
{% endif %}
