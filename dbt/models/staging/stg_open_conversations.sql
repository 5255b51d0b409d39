{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    environment,
    conversation_id,
    started_at,
    first_seen_at
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'open_conversations') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS environment,
        NULL::VARCHAR AS conversation_id,
        NULL::TIMESTAMP WITH TIME ZONE AS started_at,
        NULL::TIMESTAMP WITH TIME ZONE AS first_seen_at
    WHERE false
    {% if lake_has('open_conversations') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'open_conversations') }}
    {% endif %}
)
{% endif %}
