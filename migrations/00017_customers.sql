-- The next contact of a customer is looked up by this index (views contacts and callbacks).
-- +goose Up
CREATE INDEX conversations_by_customer ON conversations (project_id, customer_number, started_at);
