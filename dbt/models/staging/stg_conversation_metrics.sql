{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    conversation_id,
    name,
    ordinal,
    started_at,
    value,
    value_number,
    value_boolean,
    value_at,
    recorded_at
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'conversation_metrics') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS conversation_id,
        NULL::VARCHAR AS name,
        NULL::BIGINT AS ordinal,
        NULL::TIMESTAMP WITH TIME ZONE AS started_at,
        NULL::VARCHAR AS value,
        NULL::DOUBLE AS value_number,
        NULL::BOOLEAN AS value_boolean,
        NULL::TIMESTAMP WITH TIME ZONE AS value_at,
        NULL::TIMESTAMP WITH TIME ZONE AS recorded_at
    WHERE false
    {% if lake_has('conversation_metrics') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'conversation_metrics') }}
    {% endif %}
)
{% endif %}
