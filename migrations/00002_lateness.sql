-- +goose Up
CREATE TABLE sync_lateness (
    project_id    text   NOT NULL,
    environment   text   NOT NULL,
    measure       text   NOT NULL,
    upper_seconds bigint NOT NULL,
    count         bigint NOT NULL,
    PRIMARY KEY (project_id, environment, measure, upper_seconds)
);
