-- Creates the role that Grafana uses to read, or changes its password.
-- Run it with psql 15 or later, as a role with CREATEROLE, before grants.sql:
--   GRAFANA_DATABASE_PASSWORD=... psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f role.sql -f grants.sql
\getenv password GRAFANA_DATABASE_PASSWORD
SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec
ALTER ROLE grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD :'password' CONNECTION LIMIT 10;
SELECT format('GRANT CONNECT ON DATABASE %I TO grafana', current_database()) \gexec

-- Defaults that prevent accidents. A session can override them with SET: the
-- access of grafana is limited by grants.sql and by the statements below.
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';

-- Every role can create temporary tables, and on Postgres 14 also tables in the
-- schema public: a dashboard could fill the disk with them. convsync needs
-- neither. If other roles of this database need them, grant them to those roles.
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Limits that a session cannot override. Both statements need a superuser.
SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user \gset
\if :superuser
ALTER ROLE grafana SET temp_file_limit = '1GB';
REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) FROM PUBLIC;
\endif
