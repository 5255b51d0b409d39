-- Names with numbers or addresses in them are now stored without these. They
-- return in the new form when they are observed again.
-- +goose Up
DELETE FROM schema_drift WHERE kind = 'unknown_field' AND path ~ '[0-9@]';
