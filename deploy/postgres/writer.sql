-- The role that convsync writes with, and the schema that it owns: no superuser,
-- and no right to anything else. For psql as one who may create roles and
-- schemas. It may be run again, as when the password changes.
\getenv password CONVSYNC_DATABASE_PASSWORD
SELECT 'CREATE ROLE convsync' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'convsync') \gexec
ALTER ROLE convsync LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
-- Whoever is no superuser must be a member of the role to give it a schema.
SELECT format('GRANT convsync TO %I', current_user)
    WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT pg_has_role('convsync', 'MEMBER') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO convsync', current_database()) \gexec
CREATE SCHEMA IF NOT EXISTS polyai AUTHORIZATION convsync;
