-- Creates the role that Grafana reads with, or changes its password.
-- Run it with psql 15 or later, as a role with CREATEROLE, before grants.sql:
--   GRAFANA_DATABASE_PASSWORD=... psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f role.sql -f grants.sql
\getenv password GRAFANA_DATABASE_PASSWORD
SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec
ALTER ROLE grafana LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
