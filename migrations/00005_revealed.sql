-- +goose Up
CREATE TABLE sync_revealed (
    project_id  text        NOT NULL,
    environment text        NOT NULL,
    revealed_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, environment)
);
