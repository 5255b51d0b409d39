{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    conversation_id,
    turn_index,
    name,
    ordinal,
    started_at,
    value
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'turn_entities') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS conversation_id,
        NULL::BIGINT AS turn_index,
        NULL::VARCHAR AS name,
        NULL::BIGINT AS ordinal,
        NULL::TIMESTAMP WITH TIME ZONE AS started_at,
        NULL::VARCHAR AS value
    WHERE false
    {% if lake_has('turn_entities') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'turn_entities') }}
    {% endif %}
)
{% endif %}
