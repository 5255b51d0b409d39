{# Generated from internal/warehouse by `make docs`; do not edit. #}
SELECT
    project_id,
    name,
    account_id,
    region,
    time_zone,
    other_id
{% if target.type == 'postgres' %}
FROM {{ source('convsync', 'projects') }}
{% else %}
FROM (
    SELECT
        NULL::VARCHAR AS project_id,
        NULL::VARCHAR AS name,
        NULL::VARCHAR AS account_id,
        NULL::VARCHAR AS region,
        NULL::VARCHAR AS time_zone,
        NULL::VARCHAR AS other_id
    WHERE false
    {% if lake_has('projects') %}
    UNION ALL BY NAME SELECT * FROM {{ source('convsync', 'projects') }}
    {% endif %}
)
{% endif %}
