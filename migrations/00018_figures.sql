-- Figures of days that do not change any more (internal/warehouse/figures.go). A day is
-- stale from the transaction that changes a conversation on which its figures depend,
-- until a run stores them. Whatever writes conversations writes conversation_keys, so
-- triggers on that table see all changes.

-- +goose Up
CREATE TABLE stale_days (
    project_id text NOT NULL,
    day        date NOT NULL,
    PRIMARY KEY (project_id, day)
);

CREATE TABLE daily_figures (
    project_id            text NOT NULL,
    environment           text NOT NULL,
    channel_family        text NOT NULL,
    variant_id            text NOT NULL,
    variant_name          text NOT NULL,
    by_variant            boolean NOT NULL,
    day                   date NOT NULL,
    started_at            timestamptz NOT NULL,
    conversations         bigint NOT NULL,
    finished              bigint NOT NULL,
    handoffs              bigint NOT NULL,
    handoff_known         bigint NOT NULL,
    early_abandons        bigint NOT NULL,
    early_known           bigint NOT NULL,
    contained_no_callback bigint NOT NULL,
    callback_known        bigint NOT NULL,
    duration_known        bigint NOT NULL,
    duration_micros       double precision NOT NULL,
    agent_duration_known  bigint NOT NULL,
    agent_micros          double precision NOT NULL,
    latency_p50_seconds   double precision,
    latency_p95_seconds   double precision,
    turns                 bigint NOT NULL,
    user_turns            bigint NOT NULL,
    silent_turns          bigint NOT NULL,
    silence_known_turns   bigint NOT NULL,
    ood_turns             bigint NOT NULL,
    ood_known_turns       bigint NOT NULL,
    latency_turns         bigint NOT NULL,
    latency_to_500ms      bigint NOT NULL,
    latency_to_1s         bigint NOT NULL,
    latency_to_1500ms     bigint NOT NULL,
    latency_to_2s         bigint NOT NULL,
    latency_to_3s         bigint NOT NULL,
    latency_to_5s         bigint NOT NULL,
    latency_over_5s       bigint NOT NULL,
    PRIMARY KEY (project_id, day, by_variant, environment, channel_family, variant_id, variant_name)
);

CREATE TABLE hourly_figures (
    project_id     text NOT NULL,
    environment    text NOT NULL,
    channel_family text NOT NULL,
    variant_id     text NOT NULL,
    variant_name   text NOT NULL,
    started_at     timestamptz NOT NULL,
    local_hour     timestamp NOT NULL,
    conversations  bigint NOT NULL,
    handoffs       bigint NOT NULL,
    handoff_known  bigint NOT NULL,
    turns          bigint NOT NULL,
    p50_seconds    double precision,
    p90_seconds    double precision,
    p95_seconds    double precision,
    p99_seconds    double precision,
    max_seconds    double precision,
    PRIMARY KEY (project_id, local_hour, environment, channel_family, variant_id, variant_name)
);

-- The figures of a day depend on conversations of the day and, because of customers who
-- come back, of the 24 hours after it. The local day is at most 16 hours away from UTC.
CREATE FUNCTION first_stale_day(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
    AS $$ SELECT CAST($1 AT TIME ZONE 'UTC' - interval '40 hours' AS date) $$;
CREATE FUNCTION last_stale_day(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
    AS $$ SELECT CAST($1 AT TIME ZONE 'UTC' + interval '16 hours' AS date) $$;

-- lock_figures makes a transaction that changes conversations wait until a run has stored
-- figures of the project, and the other way round.
CREATE FUNCTION lock_figures(project text) RETURNS void LANGUAGE sql
    AS $$ SELECT pg_advisory_xact_lock_shared(hashtextextended('convsync figures ' || project, 0)) $$;

-- make_stale makes days stale: of each project from a first to a last one.
-- +goose StatementBegin
CREATE FUNCTION make_stale(projects text[], firsts date[], lasts date[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM lock_figures(project) FROM (SELECT DISTINCT project FROM unnest(projects) AS project ORDER BY 1) AS p;
    INSERT INTO stale_days (project_id, day)
        SELECT DISTINCT r.project, r.first + n
        FROM unnest(projects, firsts, lasts) AS r (project, first, last), generate_series(0, r.last - r.first) AS n
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    DELETE FROM daily_figures AS f USING unnest(projects, firsts, lasts) AS r (project, first, last)
        WHERE f.project_id = r.project AND f.day BETWEEN r.first AND r.last;
    DELETE FROM hourly_figures AS f USING unnest(projects, firsts, lasts) AS r (project, first, last)
        WHERE f.project_id = r.project AND f.local_hour >= r.first AND f.local_hour < r.last + 1;
END $$;
-- +goose StatementEnd

-- make_project_stale makes all days of a project stale, and also removes figures of days
-- that it has no more.
-- +goose StatementBegin
CREATE FUNCTION make_project_stale(project text) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM lock_figures(project);
    DELETE FROM daily_figures WHERE project_id = project;
    DELETE FROM hourly_figures WHERE project_id = project;
    INSERT INTO stale_days (project_id, day)
        SELECT DISTINCT project, days.first + n
        FROM (SELECT DISTINCT first_stale_day(started_at) AS first, last_stale_day(started_at) AS last FROM conversation_keys WHERE project_id = project) AS days,
            generate_series(0, days.last - days.first) AS n
        ON CONFLICT DO NOTHING;
END $$;
-- +goose StatementEnd

-- The triggers have the rights of the owner: who may delete a conversation need not be able
-- to write these tables.
-- +goose StatementBegin
CREATE FUNCTION stale_of_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM make_stale(array_agg(project_id), array_agg(first), array_agg(last))
        FROM (SELECT DISTINCT project_id, first_stale_day(started_at) AS first, last_stale_day(started_at) AS last FROM changed) AS days
        HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- A new digest alone changes nothing; without one, the rows may have been repaired. Old and
-- new keys are grouped, not joined: the plan of a join stays that of the first statement of a session.
-- +goose StatementBegin
CREATE FUNCTION stale_of_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM make_stale(array_agg(project_id), array_agg(first), array_agg(last))
        FROM (SELECT DISTINCT project_id, first_stale_day(started_at) AS first, last_stale_day(started_at) AS last
            FROM (SELECT project_id, started_at
                FROM (SELECT project_id, conversation_id, environment, started_at, lifecycle, content_hash, missing_since, false AS repaired FROM old_keys
                    UNION ALL
                    SELECT project_id, conversation_id, environment, started_at, lifecycle, content_hash, missing_since, source_digest IS NULL FROM new_keys) AS keys
                GROUP BY project_id, conversation_id, environment, started_at, lifecycle, content_hash, missing_since
                HAVING count(*) <> 2 OR bool_or(repaired)) AS starts) AS days
        HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION stale_of_truncated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM stale_days;
    DELETE FROM daily_figures;
    DELETE FROM hourly_figures;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Another time zone is another day.
-- +goose StatementBegin
CREATE FUNCTION stale_of_project() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM make_project_stale(CASE TG_OP WHEN 'DELETE' THEN OLD.project_id ELSE NEW.project_id END);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER stale_of_inserted AFTER INSERT ON conversation_keys
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stale_of_changed();
CREATE TRIGGER stale_of_deleted AFTER DELETE ON conversation_keys
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stale_of_changed();
CREATE TRIGGER stale_of_updated AFTER UPDATE ON conversation_keys
    REFERENCING OLD TABLE AS old_keys NEW TABLE AS new_keys FOR EACH STATEMENT EXECUTE FUNCTION stale_of_updated();
CREATE TRIGGER stale_of_truncated AFTER TRUNCATE ON conversation_keys
    FOR EACH STATEMENT EXECUTE FUNCTION stale_of_truncated();
CREATE TRIGGER stale_of_project AFTER INSERT OR DELETE ON projects
    FOR EACH ROW EXECUTE FUNCTION stale_of_project();
CREATE TRIGGER stale_of_time_zone AFTER UPDATE ON projects
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION stale_of_project();

SELECT make_project_stale(project_id) FROM (SELECT DISTINCT project_id FROM conversation_keys) AS projects;
