package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var _ load.Inbox = (*Database)(nil)

// TakeIn implements [load.Inbox].
func (d *Database) TakeIn(ctx context.Context, event *warehouse.WebhookEvent, alert *warehouse.ActiveAlert) (fresh bool, err error) {
	d.Step("store event")
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if fresh, err = insert(ctx, tx, &warehouse.WebhookEvents, event); err != nil || !fresh || alert == nil {
			return err
		}
		return mergeAlert(ctx, tx, alert)
	})
	return fresh && err == nil, d.describe(err)
}

// mergeAlert stores an alert, or merges it with the stored one.
func mergeAlert(ctx context.Context, tx pgx.Tx, alert *warehouse.ActiveAlert) error {
	fresh, err := insert(ctx, tx, &warehouse.ActiveAlerts, alert)
	if err != nil || fresh {
		return err
	}
	merged := *alert
	err = selectAll(ctx, tx, &warehouse.ActiveAlerts, "WHERE alert_id = $1 FOR UPDATE", func(stored *warehouse.ActiveAlert) {
		merged = load.MergeAlert(*stored, *alert)
	}, alert.AlertID)
	if err != nil {
		return err
	}
	places, args := places(&warehouse.ActiveAlerts, &merged)
	_, err = tx.Exec(ctx, "UPDATE active_alerts SET ("+strings.Join(warehouse.ActiveAlerts.Names(), ", ")+") = ROW ("+places+
		") WHERE alert_id = $1", args...)
	return err
}

// insert inserts a row unless one with its key exists.
func insert[R any](ctx context.Context, tx pgx.Tx, t *warehouse.Table[R], row *R) (fresh bool, err error) {
	places, args := places(t, row)
	tag, err := tx.Exec(ctx, "INSERT INTO "+t.Name+" ("+strings.Join(t.Names(), ", ")+") VALUES ("+places+
		") ON CONFLICT ("+strings.Join(t.Key, ", ")+") DO NOTHING", args...)
	return err == nil && tag.RowsAffected() == 1, err
}

// places returns $1, $2 and so on, for the columns of a row, and the row's
// values. The first column of these tables is their key.
func places[R any](t *warehouse.Table[R], row *R) (list string, args []any) {
	for i := range t.Columns {
		list += fmt.Sprintf(", $%d", i+1)
		args = append(args, argument(t.Columns[i].Ref(row)))
	}
	return strings.TrimPrefix(list, ", "), args
}

// argument returns a column's field as an argument of a query.
func argument(field any) any {
	switch f := field.(type) {
	case *string:
		return *f
	case *warehouse.Text:
		return nullableText(*f)
	case *warehouse.JSON:
		return nullableText(warehouse.Text(*f))
	case *int64:
		return *f
	case *warehouse.Null[float64]:
		if f.Valid {
			return f.V
		}
		return nil
	case *warehouse.Timestamp:
		return f.Time()
	case *warehouse.Null[warehouse.Timestamp]:
		return nullableTime(*f)
	}
	panic("postgres: a column's field has a type that no argument can have")
}

func nullableText(t warehouse.Text) *string {
	if t == "" {
		return nil
	}
	text := string(t)
	return &text
}

// Waiting implements [load.Inbox].
func (d *Database) Waiting(ctx context.Context, limit int) (events []warehouse.WebhookEvent, err error) {
	err = selectAll(ctx, d.pool, &warehouse.WebhookEvents, "WHERE state = $1 ORDER BY received_at, event_id LIMIT $2",
		func(e *warehouse.WebhookEvent) { events = append(events, *e) }, warehouse.EventWaiting, limit)
	return events, d.describe(err)
}

// Recent implements [load.Inbox].
func (d *Database) Recent(ctx context.Context, since warehouse.Timestamp) (events []warehouse.WebhookEvent, err error) {
	err = selectAll(ctx, d.pool, &warehouse.WebhookEvents, "WHERE received_at >= $1",
		func(e *warehouse.WebhookEvent) { events = append(events, *e) }, since.Time())
	return events, d.describe(err)
}

// Settle implements [load.Inbox].
func (d *Database) Settle(ctx context.Context, ids []string, settled load.Settled) error {
	d.Step("settle")
	_, err := d.pool.Exec(ctx, "UPDATE webhook_events SET state = $2, handled_at = $3, run_id = $4 WHERE event_id = ANY($1) AND state = $5",
		ids, settled.State, settled.At.Time(), nullableText(warehouse.Text(settled.RunID)), warehouse.EventWaiting)
	return d.describe(err)
}

// Alerts implements [load.Inbox].
func (d *Database) Alerts(ctx context.Context) (alerts []warehouse.ActiveAlert, err error) {
	err = selectAll(ctx, d.pool, &warehouse.ActiveAlerts, `ORDER BY alert_id COLLATE "C"`,
		func(a *warehouse.ActiveAlert) { alerts = append(alerts, *a) })
	return alerts, d.describe(err)
}
