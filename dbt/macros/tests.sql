{# One query for all columns: a test per column would read a large table as many times. #}
{% test not_null_columns(model, columns) %}
SELECT * FROM {{ model }}
WHERE {% for c in columns %}{{ c }} IS NULL{{ " OR " if not loop.last }}{% endfor %}
{% endtest %}

{% test unique_columns(model, columns) %}
SELECT {{ columns | join(", ") }}, count(*) AS number_of_rows FROM {{ model }}
GROUP BY {{ columns | join(", ") }} HAVING count(*) > 1
{% endtest %}

{# Like `relationships`, by several columns of the same names. #}
{% test relationships_columns(model, to, columns) %}
SELECT {{ columns | join(", ") }} FROM {{ model }} AS child
WHERE NOT EXISTS (SELECT 1 FROM {{ to }} AS parent
  WHERE {% for c in columns %}parent.{{ c }} = child.{{ c }}{{ " AND " if not loop.last }}{% endfor %})
{% endtest %}
