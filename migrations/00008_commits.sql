-- Each commit of a run compares the counter with what the run knows and raises
-- it. The free space on the page lets these updates stay in place.
-- +goose Up
ALTER TABLE sync_locks ADD COLUMN commits bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_locks SET (fillfactor = 10);
