package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// Years from firstYear to lastYear have a partition for each month. All years
// before them share one partition, and so do all years after them. There is no
// default partition: while there is one, ATTACH PARTITION waits for everyone
// who reads the table and blocks everyone who comes after. The bounds cannot
// be changed, since they are those of partitions that exist.
const firstYear, lastYear = 2015, 2099

// monthsAhead is the number of months after the current one that each run
// creates at its end.
const monthsAhead = 2

// Attaching a month needs SHARE UPDATE EXCLUSIVE on the partitioned table. That
// conflicts with DDL, VACUUM and ANALYZE, but not with readers or writers, and
// readers do not queue behind it.
const (
	attachTimeout  = 3 * time.Second
	attachAttempts = 10
)

// months are the existing partitions.
type months struct {
	mu       sync.Mutex
	attached map[string]bool // by name, such as turns_2026_11
	timeout  time.Duration   // of one attempt to attach; default attachTimeout
}

// period is a range of start times that has one partition in each table.
type period struct {
	suffix      string // of the partition's name
	from, until string // its bounds in SQL
}

// periodOf returns the period of a start time.
func periodOf(start time.Time) period {
	switch year := start.Year(); {
	case year < firstYear:
		return period{fmt.Sprintf("before_%d", firstYear), "MINVALUE", bound(firstYear, 1)}
	case year > lastYear:
		return period{fmt.Sprintf("from_%d", lastYear+1), bound(lastYear+1, 1), "MAXVALUE"}
	}
	return period{start.Format("2006_01"), bound(start.Year(), start.Month()), bound(start.Year(), start.Month()+1)}
}

// bound returns the start of a month as the bound of a partition.
func bound(year int, month time.Month) string {
	return "'" + time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339) + "'"
}

// partitioned are the tables that have a partition for each period.
var partitioned = func() (names []string) {
	for _, s := range warehouse.Specs() {
		if s.ByStart {
			names = append(names, s.Name)
		}
	}
	return slices.Clip(names) // the same array for all goroutines: nothing is to be appended in it
}()

// read reads which partitions exist. The caller holds mu, or has the only
// reference to m.
func (m *months) read(ctx context.Context, q querier) error {
	rows, err := q.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = ANY($1::text[]::regclass[]) AND NOT i.inhdetachpending`, partitioned)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	m.attached = make(map[string]bool, len(names))
	for _, name := range names {
		m.attached[name] = true
	}
	return err
}

// reread updates the known partitions: they can be detached by hand, and a
// server that loses its last commits may lose partitions.
func (m *months) reread(ctx context.Context, q querier) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read(ctx, q)
}

// makeMonths creates the partitions that the rows need, in transactions of
// their own.
func (w *writer) makeMonths(ctx context.Context, writes []*write) error {
	w.months.mu.Lock()
	defer w.months.mu.Unlock()
	type month struct {
		year int
		time.Month
	}
	checked := map[month]bool{}
	for _, wr := range writes {
		start := wr.rows.Conversation.StartedAt.Time()
		m := month{start.Year(), start.Month()}
		if checked[m] { // naming a period and its tables is slow
			continue
		}
		checked[m] = true
		if err := w.makePeriod(ctx, periodOf(start), attachAttempts); err != nil {
			return err
		}
	}
	return nil
}

// makeMonthsAhead creates the partitions of the current month and the next
// ones. An error does not fail the run: it is reported when a row needs the
// partition.
func (w *writer) makeMonthsAhead(ctx context.Context) {
	now := w.now().Time()
	_ = w.makeMonthsBetween(ctx, now, time.Date(now.Year(), now.Month()+monthsAhead, 1, 0, 0, 0, 0, time.UTC), 1)
}

// makeMonthsBetween creates the months of [from, until], except those before
// firstYear and after lastYear, which wait for their first row, and those whose
// table was detached by hand.
func (w *writer) makeMonthsBetween(ctx context.Context, from, until time.Time, attempts int) error {
	w.months.mu.Lock()
	defer w.months.mu.Unlock()
	if from.Year() < firstYear {
		from = time.Date(firstYear, time.January, 1, 0, 0, 0, 0, time.UTC)
	}
	for month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); !month.After(until) && month.Year() <= lastYear; month = month.AddDate(0, 1, 0) {
		var detached *refusal
		if err := w.makePeriod(ctx, periodOf(month), attempts); err != nil && !errors.As(err, &detached) {
			return err
		}
	}
	return nil
}

// makePeriod creates the partitions of a period that do not exist. If another
// session holds a conflicting lock, it gives up after the timeout, lets the
// queue behind it proceed, and tries again.
func (w *writer) makePeriod(ctx context.Context, p period, attempts int) (err error) {
	absent := w.months.absent(p)
	if len(absent) == 0 {
		return nil
	}
	for range attempts {
		err = w.commit(ctx, &guarded{
			step:      "make a month",
			needsLock: true,
			last:      nothing,
			locks:     w.lock.names[:1], // any of them: months belong to no project
			work:      func(tx pgx.Tx) error { return w.attachAbsent(ctx, tx, p) },
		})
		if !hasCode(err, codeLockNotAvailable) {
			break
		}
	}
	if err != nil {
		return err
	}
	for _, table := range absent {
		w.months.attached[table+"_"+p.suffix] = true
	}
	return nil
}

// absent returns the tables that have no partition of a period.
func (m *months) absent(p period) (tables []string) {
	for _, table := range partitioned {
		if !m.attached[table+"_"+p.suffix] {
			tables = append(tables, table)
		}
	}
	return tables
}

// attachAbsent creates the partitions of a period that do not exist. Writers of
// different projects do this one at a time: another one may have created them.
func (w *writer) attachAbsent(ctx context.Context, tx pgx.Tx, p period) error {
	var usual string
	if err := tx.QueryRow(ctx, "SELECT current_setting('lock_timeout')").Scan(&usual); err != nil {
		return err
	}
	if err := lockTimeout(ctx, tx, fmt.Sprint(cmp.Or(w.months.timeout, attachTimeout).Milliseconds())); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", w.layoutKey()); err != nil {
		return err
	}
	if err := w.months.read(ctx, tx); err != nil {
		return err
	}
	if err := attach(ctx, tx, p, w.months.absent(p)); err != nil {
		return err
	}
	return lockTimeout(ctx, tx, usual)
}

// partitionComment refers those who find a partition in a list of tables to its table.
func partitionComment(table string) string {
	return warehouse.ForConvsync.Comment() + "The rows of a period; query " + table + "."
}

// attach creates partitions as tables of their own and attaches them. CREATE
// TABLE … PARTITION OF would take ACCESS EXCLUSIVE on the partitioned table.
func attach(ctx context.Context, tx pgx.Tx, p period, tables []string) error {
	for _, table := range tables {
		name := table + "_" + p.suffix
		_, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %[1]s (LIKE %[2]s INCLUDING ALL EXCLUDING IDENTITY);
			ALTER TABLE %[2]s ATTACH PARTITION %[1]s FOR VALUES FROM (%[3]s) TO (%[4]s);
			COMMENT ON TABLE %[1]s IS '%[5]s'`, name, table, p.from, p.until, partitionComment(table)), pgx.QueryExecModeSimpleProtocol)
		if hasCode(err, codeDuplicateTable) {
			return &refusal{code: codeCheckViolation, table: table, detail: "the table " + name + " exists and is not attached"}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lockTimeout sets the lock timeout for the rest of the transaction.
func lockTimeout(ctx context.Context, tx pgx.Tx, timeout string) error {
	_, err := tx.Exec(ctx, "SELECT set_config('lock_timeout', $1, true)", timeout)
	return err
}
