-- Creates the role that convsync uses to write, and the schema that it owns. The
-- role is not a superuser and has no other rights. Run this with psql as a role
-- that can create roles and schemas; run it again to change the password.
\getenv password CONVSYNC_DATABASE_PASSWORD
SELECT 'CREATE ROLE convsync' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'convsync') \gexec
ALTER ROLE convsync LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
-- To give a schema to a role, a user who is not a superuser must be its member.
SELECT format('GRANT convsync TO %I', current_user)
    WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND NOT pg_has_role('convsync', 'MEMBER') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO convsync', current_database()) \gexec
CREATE SCHEMA IF NOT EXISTS polyai AUTHORIZATION convsync;
