{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    environment,
    watermark,
    updated_at
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'sync_watermarks') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS environment,
        NULL::TIMESTAMP WITH TIME ZONE AS watermark,
        NULL::TIMESTAMP WITH TIME ZONE AS updated_at
    WHERE false
    {% if lake_has('sync_watermarks') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'sync_watermarks') }}
    {% endif %}
)
{% endif %}
