-- Creates a role that can read what is for analysts, transcripts and phone numbers
-- included, and nothing else: no payloads, no webhook events, no log of runs, no state
-- of convsync. Run it with psql 15 or later as a superuser, or as a role with
-- CREATEROLE that is a member of the owner of the tables:
--   ANALYST_DATABASE_PASSWORD=... psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v role=anna -f analyst.sql
-- Run it again to change the password, and after an upgrade, which can add tables and
-- views. New months need no grant: rights on a partitioned table suffice. If an upgrade
-- replaces a view, convsync restores the grants. There are no default privileges:
-- they would also cover new tables that are not for analysts.
\if :{?role}
\else
\set role analyst
\endif
\getenv password ANALYST_DATABASE_PASSWORD
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password' CONNECTION LIMIT 10;
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'role') \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC; -- Postgres 14 gives it to every role

-- Defaults for queries. A session can override them with SET: the access is limited by
-- the grants below.
ALTER ROLE :"role" SET search_path = polyai;
ALTER ROLE :"role" SET default_transaction_read_only = on;
ALTER ROLE :"role" SET statement_timeout = '15min';
ALTER ROLE :"role" SET enable_partitionwise_join = on; -- conversations and turns are joined month by month
ALTER ROLE :"role" SET jit = off;

REVOKE ALL ON ALL TABLES IN SCHEMA polyai FROM :"role";
GRANT USAGE ON SCHEMA polyai TO :"role";

GRANT SELECT ON polyai.conversations, polyai.turns, polyai.turn_entities, polyai.conversation_metrics,
    polyai.audio_references, polyai.conversation_keys, polyai.projects TO :"role";

-- How complete the data is; some views read them.
GRANT SELECT ON polyai.sync_coverage, polyai.sync_watermarks, polyai.sync_lateness, polyai.open_conversations TO :"role";

GRANT SELECT ON polyai.freshness, polyai.daily_kpis, polyai.variant_comparison, polyai.latency_hourly,
    polyai.handoff_reasons, polyai.metric_daily, polyai.contacts, polyai.callbacks, polyai.utterances,
    polyai.latency_turns, polyai.transcript_gaps TO :"role";
