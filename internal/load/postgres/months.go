package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// Years outside of these are odd: what starts in them goes to the default
// partitions. The bounds are for ever: a month is made before its first row.
const firstYear, lastYear = 2015, 2099

// months are those that have partitions.
type months struct {
	mu   sync.Mutex
	made map[string]bool // as in 2026_11
}

// partitioned are the tables that have a partition a month.
func partitioned() (names []string) {
	for _, s := range warehouse.Specs() {
		if s.ByStart {
			names = append(names, s.Name)
		}
	}
	return names
}

const monthLayout = "2006_01"

// madeMonths reads which months there are. They are made for all tables at
// once, so that one of them tells.
func madeMonths(ctx context.Context, conn *pgx.Conn) (map[string]bool, error) {
	rows, err := conn.Query(ctx, `SELECT substr(c.relname, length('conversations_') + 1)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'conversations'::regclass`)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	made := make(map[string]bool, len(names))
	for _, name := range names {
		made[name] = true
	}
	return made, err
}

// makeMonths makes the partitions that the rows need, in transactions of their
// own: who makes one waits for all that use the table.
func (w *writer) makeMonths(ctx context.Context, writes []*write) error {
	w.months.mu.Lock()
	defer w.months.mu.Unlock()
	for _, wr := range writes {
		start := wr.rows.Conversation.StartedAt.Time()
		name := start.Format(monthLayout)
		if w.months.made[name] || start.Year() < firstYear || start.Year() > lastYear {
			continue
		}
		if err := w.transact(ctx, "make a month", func(tx pgx.Tx) error { return makeMonth(ctx, tx, start) }, nothing); err != nil {
			return err
		}
		w.months.made[name] = true
	}
	return nil
}

func makeMonth(ctx context.Context, tx pgx.Tx, in time.Time) error {
	from := time.Date(in.Year(), in.Month(), 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 1, 0)
	for _, table := range partitioned() {
		_, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s_%s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')",
			table, from.Format(monthLayout), table, from.Format(time.RFC3339), until.Format(time.RFC3339)), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
	}
	return nil
}
