-- +goose Up

-- Rows of these come in beside the writer, without its lock.
CREATE TABLE webhook_events (
    event_id                text NOT NULL,
    event_type              text,
    project_id              text,
    conversation_id         text,
    alert_id                text,
    conversation_started_at timestamptz,
    occurred_at             timestamptz,
    sent_at                 timestamptz NOT NULL,
    received_at             timestamptz NOT NULL,
    state                   text NOT NULL,
    handled_at              timestamptz,
    run_id                  text,
    payload                 jsonb,
    PRIMARY KEY (event_id)
);

CREATE TABLE active_alerts (
    alert_id        text NOT NULL,
    rule_id         text,
    name            text,
    project_id      text,
    severity        text,
    metric          text,
    operator        text,
    threshold_value double precision,
    window_duration text,
    current_value   double precision,
    status          text NOT NULL,
    triggered_at    timestamptz,
    resolved_at     timestamptz,
    updated_at      timestamptz NOT NULL,
    event_id        text NOT NULL,
    PRIMARY KEY (alert_id)
);
