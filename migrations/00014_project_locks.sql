-- Writers lock their projects: sync_locks has a row for each, in addition to the
-- row writer. The tables stay as they are. Earlier versions know only that row,
-- and refuse the new layout.
-- +goose Up
SELECT;
