-- Seconds that the source cannot answer for. They are not in sync_coverage.
-- +goose Up
CREATE TABLE sync_holes (
    project_id    text        NOT NULL,
    environment   text        NOT NULL,
    hole_from     timestamptz NOT NULL,
    hole_until    timestamptz NOT NULL,
    reason        text        NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_tried_at timestamptz NOT NULL,
    tries         bigint      NOT NULL,
    next_try_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, environment, hole_from)
);
