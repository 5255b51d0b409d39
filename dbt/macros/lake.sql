{# Whether a table of the lake has files. A table without rows has none, and DuckDB refuses a pattern that matches no file. #}
{% macro lake_has(table) %}
  {% if not execute %}{{ return(true) }}{% endif %}
  {% set files = env_var('CONVSYNC_LAKE', 'convsync-data') ~ '/' ~ table ~ '/**/*.parquet' %}
  {% set found = run_query("SELECT count(*) FROM glob('" ~ files ~ "')") %}
  {{ return(found.columns[0].values()[0] > 0) }}
{% endmacro %}

{# Marts have the names of the views of convsync: in its schema, dbt would replace them. #}
{% macro refuse_schema_of_convsync() %}
  {% if target.type == 'postgres' and target.schema == env_var('CONVSYNC_SCHEMA', 'polyai') %}
    {{ exceptions.raise_compiler_error("the schema " ~ target.schema ~ " is that of convsync: choose another one for the marts in profiles.yml") }}
  {% endif %}
{% endmacro %}
