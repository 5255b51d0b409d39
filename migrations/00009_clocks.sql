-- +goose Up
ALTER TABLE projects ADD COLUMN other_id text;
ALTER TABLE sync_runs ADD COLUMN warnings text;
