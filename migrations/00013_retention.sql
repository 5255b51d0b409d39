-- What expires is decided by the order of runs and by two clocks.
-- +goose Up
ALTER TABLE sync_runs ADD COLUMN epoch bigint;
ALTER TABLE sync_runs ADD COLUMN last_change bigint;
ALTER TABLE sync_runs ADD COLUMN source_at timestamptz;
ALTER TABLE rejects ADD COLUMN missing_since timestamptz;
