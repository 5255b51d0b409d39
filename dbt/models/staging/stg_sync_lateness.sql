{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    environment,
    measure,
    upper_seconds,
    count
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'sync_lateness') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS environment,
        NULL::VARCHAR AS measure,
        NULL::BIGINT AS upper_seconds,
        NULL::BIGINT AS count
    WHERE false
    {% if lake_has('sync_lateness') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'sync_lateness') }}
    {% endif %}
)
{% endif %}
