-- The tables of internal/warehouse, whose declarations say what each column
-- means; a test compares the two. Names are not qualified: the connection's
-- search_path says which schema they live in, and a role that owns no more
-- than that schema can run this.

-- +goose Up

-- Conversations and their parts are partitioned by month of started_at, which
-- is therefore part of their physical keys. The loader makes the months; the
-- default partitions take what starts in odd years.

CREATE TABLE conversations (
    account_id              text NOT NULL,
    project_id              text NOT NULL,
    conversation_id         text NOT NULL,
    environment             text NOT NULL,
    channel                 text,
    channel_family          text NOT NULL,
    direction               text,
    variant_id              text,
    variant_name            text,
    from_number             text,
    to_number               text,
    customer_number         text,
    language                text,
    deployment_id           text,
    started_at              timestamptz NOT NULL,
    finished_at             timestamptz,
    in_progress             boolean,
    lifecycle               text NOT NULL,
    total_duration_seconds  double precision,
    polyai_duration_seconds double precision,
    num_turns               bigint,
    turns_loaded            bigint NOT NULL,
    transcript_status       text NOT NULL,
    handoff                 boolean,
    handoff_reason          text,
    handoff_destination     text,
    num_silences            bigint,
    num_ood                 bigint,
    latency_turns           bigint NOT NULL,
    latency_avg_seconds     double precision,
    latency_p50_seconds     double precision,
    latency_p95_seconds     double precision,
    latency_max_seconds     double precision,
    poly_score              double precision,
    summary_heading         text,
    summary                 text,
    tags                    text[],
    note                    text,
    metrics                 jsonb,
    state                   jsonb,
    extra                   jsonb,
    api_version             text NOT NULL,
    content_hash            text NOT NULL,
    shape                   text NOT NULL,
    missing_since           timestamptz,
    first_seen_at           timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    run_id                  text NOT NULL,
    PRIMARY KEY (project_id, conversation_id, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE conversations_default PARTITION OF conversations DEFAULT;

CREATE TABLE turns (
    project_id             text NOT NULL,
    conversation_id        text NOT NULL,
    turn_index             bigint NOT NULL,
    started_at             timestamptz NOT NULL,
    turn_id                bigint,
    user_input             text,
    user_input_dtmf        text,
    user_input_at          timestamptz,
    agent_response         text,
    agent_response_at      timestamptz,
    latency_seconds        double precision,
    latency_label          text,
    latency_percentile_1d  double precision,
    response_gap_seconds   double precision,
    translated_user_input  text,
    english_agent_response text,
    user_language          text,
    agent_language         text,
    is_ood                 boolean,
    is_silence             boolean,
    barge_in               boolean,
    intents                text[],
    user_audio_url         text,
    extra                  jsonb,
    PRIMARY KEY (project_id, conversation_id, turn_index, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE turns_default PARTITION OF turns DEFAULT;

CREATE TABLE turn_entities (
    project_id      text NOT NULL,
    conversation_id text NOT NULL,
    turn_index      bigint NOT NULL,
    name            text NOT NULL,
    ordinal         bigint NOT NULL,
    started_at      timestamptz NOT NULL,
    value           text,
    PRIMARY KEY (project_id, conversation_id, turn_index, name, ordinal, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE turn_entities_default PARTITION OF turn_entities DEFAULT;

CREATE TABLE conversation_metrics (
    project_id      text NOT NULL,
    conversation_id text NOT NULL,
    name            text NOT NULL,
    ordinal         bigint NOT NULL,
    started_at      timestamptz NOT NULL,
    value           text,
    value_number    double precision,
    value_boolean   boolean,
    value_at        timestamptz,
    recorded_at     timestamptz,
    PRIMARY KEY (project_id, conversation_id, name, ordinal, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE conversation_metrics_default PARTITION OF conversation_metrics DEFAULT;

CREATE TABLE audio_references (
    project_id       text NOT NULL,
    conversation_id  text NOT NULL,
    direction        text NOT NULL,
    redacted         boolean NOT NULL,
    started_at       timestamptz NOT NULL,
    url              text,
    availability     text NOT NULL,
    checked_at       timestamptz,
    size_bytes       bigint,
    duration_seconds double precision,
    sample_rate_hz   bigint,
    channels         bigint,
    sha256           text,
    stored_uri       text,
    stored_at        timestamptz,
    PRIMARY KEY (project_id, conversation_id, direction, redacted, started_at)
) PARTITION BY RANGE (started_at);
CREATE TABLE audio_references_default PARTITION OF audio_references DEFAULT;

CREATE INDEX conversations_by_start ON conversations (project_id, environment, started_at);

-- Keeps ids unique across the partitions, and answers what is stored without
-- touching the rest.
CREATE TABLE conversation_keys (
    project_id      text NOT NULL,
    conversation_id text NOT NULL,
    environment     text NOT NULL,
    started_at      timestamptz NOT NULL,
    lifecycle       text NOT NULL,
    content_hash    text NOT NULL,
    missing_since   timestamptz,
    first_seen_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, conversation_id)
);

-- The sync's own tables.

CREATE TABLE projects (
    project_id text NOT NULL,
    name       text NOT NULL,
    account_id text NOT NULL,
    region     text,
    time_zone  text NOT NULL,
    PRIMARY KEY (project_id)
);

CREATE TABLE changes (
    sequence        bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    project_id      text NOT NULL,
    conversation_id text NOT NULL,
    operation       text NOT NULL,
    at              timestamptz NOT NULL,
    run_id          text NOT NULL,
    PRIMARY KEY (sequence)
);

CREATE TABLE sync_runs (
    run_id                  text NOT NULL,
    actor                   text,
    host                    text,
    version                 text,
    config_hash             text,
    kind                    text NOT NULL,
    status                  text NOT NULL,
    window_from             timestamptz,
    window_until            timestamptz,
    started_at              timestamptz NOT NULL,
    finished_at             timestamptz,
    requests                bigint NOT NULL,
    retries                 bigint NOT NULL,
    waited_seconds          double precision,
    bytes                   bigint NOT NULL,
    conversations_read      bigint NOT NULL,
    conversations_inserted  bigint NOT NULL,
    conversations_updated   bigint NOT NULL,
    conversations_unchanged bigint NOT NULL,
    conversations_rejected  bigint NOT NULL,
    drift                   bigint NOT NULL,
    error                   text,
    PRIMARY KEY (run_id)
);

CREATE TABLE sync_coverage (
    project_id    text NOT NULL,
    environment   text NOT NULL,
    covered_from  timestamptz NOT NULL,
    covered_until timestamptz NOT NULL,
    read_at       timestamptz NOT NULL,
    shape         text NOT NULL,
    PRIMARY KEY (project_id, environment, covered_from)
);

CREATE TABLE sync_watermarks (
    project_id  text NOT NULL,
    environment text NOT NULL,
    watermark   timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (project_id, environment)
);

CREATE TABLE open_conversations (
    project_id      text NOT NULL,
    environment     text NOT NULL,
    conversation_id text NOT NULL,
    started_at      timestamptz NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, conversation_id)
);

CREATE TABLE rejects (
    project_id      text NOT NULL,
    environment     text NOT NULL,
    reject_id       text NOT NULL,
    conversation_id text,
    started_at      timestamptz,
    reason          text NOT NULL,
    payload         text,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    run_id          text NOT NULL,
    PRIMARY KEY (project_id, environment, reject_id)
);

CREATE TABLE schema_drift (
    project_id       text NOT NULL,
    environment      text NOT NULL,
    path             text NOT NULL,
    kind             text NOT NULL,
    json_type        text NOT NULL,
    max_length_bytes bigint NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    count            bigint NOT NULL,
    PRIMARY KEY (project_id, environment, path, kind, json_type)
);

CREATE TABLE erasures (
    project_id      text NOT NULL,
    conversation_id text NOT NULL,
    erased_at       timestamptz NOT NULL,
    reason          text,
    run_id          text NOT NULL,
    PRIMARY KEY (project_id, conversation_id)
);

CREATE TABLE sync_locks (
    name        text NOT NULL,
    epoch       bigint NOT NULL,
    owner       text,
    host        text,
    process_id  bigint,
    acquired_at timestamptz,
    run_id      text,
    PRIMARY KEY (name)
);
