-- +goose Up
ALTER TABLE sync_locks ADD COLUMN version text, ADD COLUMN kind text;
