-- What checks and copies of recordings found, and what is left to do.
-- +goose Up
ALTER TABLE audio_references
    ADD COLUMN codec              text,
    ADD COLUMN redaction_evidence text,
    ADD COLUMN reason             text,
    ADD COLUMN checks             bigint NOT NULL DEFAULT 0,
    ADD COLUMN next_check_at      timestamptz;
CREATE TABLE sync_recordings (
    project_id     text   PRIMARY KEY,
    enlisted       text,
    pii_access     text,
    pii_checked_at timestamptz,
    compared       bigint NOT NULL,
    last_run_id    text,
    last_run_at    timestamptz,
    removed_up_to  bigint NOT NULL
);
-- What is left to check or to store. References that are done are not in it, so a
-- finished archive costs nothing.
CREATE INDEX audio_backlog ON audio_references (project_id, availability, started_at)
    WHERE stored_at IS NULL AND (availability IN ('unknown', 'available') OR next_check_at IS NOT NULL);
