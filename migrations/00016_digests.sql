-- The digest of what the source returned for a conversation, by which an unchanged
-- one is recognized without decoding it. NULL: it is compared by its rows.
-- +goose Up
ALTER TABLE conversation_keys ADD COLUMN source_digest bytea;
