{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    environment,
    covered_from,
    covered_until,
    read_at,
    shape
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'sync_coverage') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS environment,
        NULL::TIMESTAMP WITH TIME ZONE AS covered_from,
        NULL::TIMESTAMP WITH TIME ZONE AS covered_until,
        NULL::TIMESTAMP WITH TIME ZONE AS read_at,
        NULL::VARCHAR AS shape
    WHERE false
    {% if lake_has('sync_coverage') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'sync_coverage') }}
    {% endif %}
)
{% endif %}
