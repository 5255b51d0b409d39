package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// What is stored of days, and when it is valid, is said in warehouse (figures.go).

var _ load.FigureKeeper = (*writer)(nil)

// mostFigureDays are the days of a transaction. The first one stores a day for each second
// of the limit, and shows how long that takes: each one reads whole months.
const mostFigureDays = 62

// StoreFigures implements [load.FigureKeeper]. It begins with the newest days. Yesterday
// and today change often: their figures are not stored.
func (w *writer) StoreFigures(ctx context.Context, limit time.Duration) (days int, err error) {
	defer func() { err = w.describe(err) }()
	until := time.Now().Add(limit)
	if limit <= 0 {
		return 0, nil
	}
	all, err := w.staleDays(ctx)
	for n, left := min(1+int(limit.Seconds()), mostFigureDays), limit; err == nil && left > 0 && len(all) > 0; {
		began := time.Now()
		next := all[0].newest(n)
		if err = w.storeDays(ctx, next); err != nil {
			break
		}
		days += len(next.days)
		if all[0].days = all[0].days[len(next.days):]; len(all[0].days) == 0 {
			all = all[1:]
		}
		took := time.Since(began)
		if left = time.Until(until) - took; left >= took { // also the next ones fit, twice as many
			n = min(2*n, mostFigureDays)
		}
	}
	if errors.Is(err, errOtherDefinition) { // a newer version: its runs store them
		err = nil
	}
	if err == nil && days > 0 { // otherwise plans of the views expect the days of before
		_, err = w.pool.Exec(ctx, "ANALYZE stale_days")
	}
	return days, err
}

// stale are days of a project that follow each other.
type stale struct {
	project string
	days    []time.Time // newest first
}

func (s *stale) first() time.Time { return s.days[len(s.days)-1] }
func (s *stale) last() time.Time  { return s.days[0] }

// newest returns up to n days.
func (s *stale) newest(n int) *stale { return &stale{s.project, s.days[:min(n, len(s.days))]} }

// staleDays returns the days that are over, the newest ones first.
func (w *writer) staleDays(ctx context.Context) (all []*stale, err error) {
	found, err := w.pool.Query(ctx, `SELECT project_id, day FROM stale_days
		WHERE ($1 OR project_id = ANY($2)) AND day < CAST(now() AT TIME ZONE 'UTC' AS date) - 1 ORDER BY project_id, day DESC`, w.lock.isWhole(), w.lock.projects())
	if err != nil {
		return nil, err
	}
	days, err := pgx.CollectRows(found, pgx.RowToStructByPos[struct {
		Project string
		Day     time.Time
	}])
	lacks := map[string]bool{} // by project and period
	for _, d := range days {
		lacking := false
		for _, p := range w.absentAround(d.Day) {
			key := d.Project + " " + p.suffix
			if _, known := lacks[key]; !known && err == nil {
				lacks[key], err = w.isDetached(ctx, d.Project, p)
			}
			lacking = lacking || lacks[key]
		}
		if !lacking {
			all = addStale(all, d.Project, d.Day)
		}
	}
	slices.SortStableFunc(all, func(a, b *stale) int { return b.last().Compare(a.last()) })
	return all, err
}

// absentAround returns the months that are not attached, of those with conversations on
// which the figures of a day may depend.
func (w *writer) absentAround(day time.Time) (absent []period) {
	w.months.mu.Lock()
	defer w.months.mu.Unlock()
	for _, at := range []time.Time{day.Add(-warehouse.OffsetLimit), day.AddDate(0, 0, 2).Add(warehouse.OffsetLimit)} {
		if p := periodOf(at); len(w.months.absent(p)) > 0 {
			absent = append(absent, p)
		}
	}
	return absent
}

// isDetached reports whether a month that is not attached has conversations. It may be
// attached again, which makes no day stale.
func (w *writer) isDetached(ctx context.Context, project string, p period) (has bool, err error) {
	infinite := strings.NewReplacer("MINVALUE", "'-infinity'", "MAXVALUE", "'infinity'")
	err = w.pool.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM conversation_keys WHERE project_id = $1 AND started_at >= %s AND started_at < %s)",
		infinite.Replace(p.from), infinite.Replace(p.until)), project).Scan(&has)
	return has, err
}

// addStale adds a day, the one before the last one if it is of the same project.
func addStale(all []*stale, project string, day time.Time) []*stale {
	n := len(all) - 1
	if n < 0 || all[n].project != project || !all[n].first().Equal(day.AddDate(0, 0, 1)) {
		return append(all, &stale{project, []time.Time{day}})
	}
	all[n].days = append(all[n].days, day)
	return all
}

// storeDays stores the figures of days.
func (w *writer) storeDays(ctx context.Context, s *stale) error {
	return w.transact(ctx, "store figures", s.project, func(tx pgx.Tx) error { return s.store(ctx, tx) }, nothing)
}

// errOtherDefinition reports that another version has defined the figures.
var errOtherDefinition = errors.New("another version of convsync defines the figures")

// store replaces the days by their figures. First it waits for transactions that have
// changed conversations of the project; later ones wait for it (lock_figures).
func (s *stale) store(ctx context.Context, tx pgx.Tx) error {
	// To compile the statements takes longer than to execute them, and they sort more
	// than the default memory holds. New months have no statistics yet: Postgres would
	// compare each conversation with each turn.
	const settings = "SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off; LOCK TABLE stale_days IN ROW EXCLUSIVE MODE"
	if _, err := tx.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('convsync figures ' || $1::text, 0))", s.project); err != nil {
		return err
	}
	if known, err := figuresDefined(ctx, tx); err != nil || known != figuresDefinition() {
		return cmp.Or(err, errOtherDefinition)
	}
	const these = " WHERE project_id = $1 AND "
	within := warehouse.Range{From: s.first().Add(-warehouse.OffsetLimit), Until: s.last().AddDate(0, 0, 1).Add(warehouse.OffsetLimit)}
	statements := append([]string{
		"DELETE FROM daily_figures" + these + "day - DATE '1970-01-01' BETWEEN $2 AND $3",
		"DELETE FROM hourly_figures" + these + "CAST(local_hour AS date) - DATE '1970-01-01' BETWEEN $2 AND $3",
	}, warehouse.StoreFigures(within)...)
	for _, statement := range append(statements, "DELETE FROM stale_days"+these+"day - DATE '1970-01-01' BETWEEN $2 AND $3") {
		// Not prepared: each range has another text.
		_, err := tx.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol, s.project, sinceEpoch(s.first()), sinceEpoch(s.last()))
		if err != nil {
			return err
		}
	}
	return nil
}

// sinceEpoch is the number of days since 1970.
func sinceEpoch(day time.Time) int64 { return day.Unix() / (24 * 60 * 60) }

// figuresDefinition identifies the definition of the stored figures. It is in a comment.
var figuresDefinition = sync.OnceValue(func() string {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // any: it is part of the text
	text := strings.Join(warehouse.StoreFigures(warehouse.Range{From: day, Until: day.AddDate(0, 0, 1)}), "\n")
	sum := sha256.Sum256([]byte(text))
	return "For convsync. Definition of the stored figures: " + hex.EncodeToString(sum[:])
})

// figuresDefined returns the definition that the schema has; "" if it has none.
func figuresDefined(ctx context.Context, tx pgx.Tx) (known string, err error) {
	err = tx.QueryRow(ctx, "SELECT coalesce(obj_description(to_regprocedure('make_project_stale(text)'), 'pg_proc'), '')").Scan(&known)
	return known, err
}

// redefineFigures makes all days stale if this version defines figures in another way.
func redefineFigures(ctx context.Context, tx pgx.Tx) error {
	var exists bool // not while an earlier layout is applied
	if err := tx.QueryRow(ctx, "SELECT to_regprocedure('make_project_stale(text)') IS NOT NULL").Scan(&exists); err != nil || !exists {
		return err
	}
	// A run that stores figures by the earlier definition is waited for.
	if _, err := tx.Exec(ctx, "LOCK TABLE stale_days IN EXCLUSIVE MODE"); err != nil {
		return err
	}
	known, err := figuresDefined(ctx, tx)
	if err != nil || known == figuresDefinition() {
		return err
	}
	if known != "" {
		_, err = tx.Exec(ctx, "SELECT make_project_stale(project_id) FROM (SELECT DISTINCT project_id FROM conversation_keys) AS projects")
	}
	if err == nil {
		_, err = tx.Exec(ctx, "COMMENT ON FUNCTION make_project_stale(text) IS '"+figuresDefinition()+"'")
	}
	return err
}

// staleMarks are days that this writer has made stale.
type staleMarks struct {
	mu    sync.Mutex
	known map[string]map[time.Time]bool // by project
}

// makeStale makes the days of conversations stale before the transaction that writes them.
// The triggers would do it in the transaction, and another loader that writes
// conversations of the same days would wait for its end.
func (w *writer) makeStale(ctx context.Context, project string, writes []*write) error {
	w.stale.mu.Lock()
	defer w.stale.mu.Unlock()
	known := w.stale.known[project]
	added := map[time.Time]bool{}
	add := func(start warehouse.Timestamp) {
		first, last := staleFor(start)
		for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
			if !known[d] {
				added[d] = true
			}
		}
	}
	for _, wr := range writes {
		if add(wr.key.StartedAt); wr.old != nil {
			add(wr.old.StartedAt)
		}
	}
	if len(added) == 0 {
		return nil
	}
	days := slices.SortedFunc(maps.Keys(added), time.Time.Compare)
	if _, err := w.pool.Exec(ctx, "SELECT make_stale(array_fill($1::text, ARRAY[cardinality($2::date[])]), $2, $2)", project, days); err != nil {
		return err
	}
	if known == nil {
		w.stale.known[project] = added
		return nil
	}
	maps.Copy(known, added)
	return nil
}

// staleFor returns the first and the last day whose figures may depend on a conversation,
// as the functions first_stale_day and last_stale_day.
func staleFor(start warehouse.Timestamp) (first, last time.Time) {
	const day = 24 * time.Hour
	at := start.Time()
	return at.Add(-day - warehouse.OffsetLimit).Truncate(day), at.Add(warehouse.OffsetLimit).Truncate(day)
}

// makeRepairedStale makes days stale whose conversations are repaired: the triggers do
// not see that, because the keys stay the same.
func makeRepairedStale(ctx context.Context, tx pgx.Tx, project string, replaced []*write) error {
	var starts []time.Time
	for _, wr := range replaced {
		if wr.rewrite || wr.before == nil {
			starts = append(starts, wr.key.StartedAt.Time(), wr.old.StartedAt.Time())
		}
	}
	if len(starts) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT make_stale(array_agg($1::text), array_agg(first), array_agg(last))
		FROM (SELECT DISTINCT first_stale_day(at) AS first, last_stale_day(at) AS last FROM unnest($2::timestamptz[]) AS at) AS days`, project, starts)
	return err
}
