package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// TestFigures changes conversations, time zones and keys in a random order, and stores
// figures in between. The suite checks the same after each of its changes, see Dump.
func TestFigures(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	random := rand.New(rand.NewPCG(1, 2))
	w := begin(t, d, "run-1")
	stored := map[string]load.Key{}
	stage := func() {
		var rows []*warehouse.Rows
		for range 1 + random.IntN(8) {
			r := randomContact(random, stored)
			rows = append(rows, r)
			stored[r.Conversation.ConversationID] = load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt}
		}
		stageOne(t, w, rows...)
	}
	missing := func() {
		for _, key := range stored {
			gone := &load.Window{ID: 3, Feed: feed, Missing: []load.Key{key}, At: 1}
			gone.DeleteMissing = random.IntN(2) == 0
			if _, err := w.Publish(t.Context(), gone); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	move := func() {
		project := loadtest.Project("p")
		project.TimeZone = []string{"Europe/London", "America/St_Johns", "Pacific/Kiritimati", ""}[random.IntN(4)]
		if err := w.Register(t.Context(), []load.Project{project}); err != nil {
			t.Fatal(err)
		}
	}
	store := func() {
		if _, err := w.(load.FigureKeeper).StoreFigures(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		var stale int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM stale_days").Scan(&stale); err != nil || stale != 0 {
			t.Fatalf("%d days are stale, %v", stale, err)
		}
	}
	steps := []func(){stage, stage, stage, missing, move, store, store}
	for range 150 {
		steps[random.IntN(len(steps))]()
		figuresFit(t, conn)
	}
	if _, err := conn.Exec(t.Context(), "TRUNCATE conversation_keys, conversations, turns"); err != nil {
		t.Fatal(err)
	}
	figuresFit(t, conn)
}

// randomContact is one of few conversations, of few customers, within four days.
func randomContact(random *rand.Rand, stored map[string]load.Key) *warehouse.Rows {
	id := fmt.Sprintf("c-%d", random.IntN(30))
	start := loadtest.Noon.Add(time.Duration(random.IntN(4*24*60)) * time.Minute)
	if key, known := stored[id]; known {
		start = key.StartedAt.Time()
	}
	return loadtest.Conversation("p", id, start, loadtest.Turns(random.IntN(4)), func(r *warehouse.Rows) {
		c := &r.Conversation
		c.CustomerNumber = warehouse.Text([]string{"", "+447700900001", "+447700900002"}[random.IntN(3)])
		c.VariantID = warehouse.Text([]string{"", "variant-1", "variant-2"}[random.IntN(3)])
		c.Handoff = []warehouse.Null[bool]{{}, warehouse.Some(true), warehouse.Some(false)}[random.IntN(3)]
		c.TotalDurationSeconds = warehouse.Some(float64(random.IntN(40)))
		for i := range r.Turns {
			r.Turns[i].LatencySeconds = warehouse.Some(float64(random.IntN(60)) / 10)
		}
	})
}

// TestFigures_Settled checks that the figures of yesterday and today are not stored, that
// time limits are kept, and that no run stores figures of another project.
func TestFigures_Settled(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	other := begin(t, d, "run-0", "q")
	w := begin(t, d, "run-1", "p")
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range 30 {
		stageOne(t, w, loadtest.Conversation("p", fmt.Sprintf("c-%d", i), today.AddDate(0, 0, -i).Add(12*time.Hour)))
	}
	stale := func() (days int, newest, oldest time.Time) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT count(*), max(day), min(day) FROM stale_days").Scan(&days, &newest, &oldest); err != nil {
			t.Fatal(err)
		}
		return days, newest, oldest
	}
	all, _, _ := stale()
	if days, err := other.(load.FigureKeeper).StoreFigures(t.Context(), time.Hour); err != nil || days != 0 {
		t.Errorf("%d days of another project, %v", days, err)
	}
	if days, err := w.(load.FigureKeeper).StoreFigures(t.Context(), 0); err != nil || days != 0 {
		t.Errorf("%d days in no time, %v", days, err)
	}
	days, err := w.(load.FigureKeeper).StoreFigures(t.Context(), time.Hour)
	left, _, oldest := stale()
	if err != nil || days+left != all || days < 28 || oldest.Before(today.AddDate(0, 0, -1)) {
		t.Errorf("%d of %d days were stored, %v; %d are left, from %s", days, all, err, left, oldest)
	}
	var expected int
	err = conn.QueryRow(t.Context(), "SELECT reltuples::bigint FROM pg_class WHERE oid = 'stale_days'::regclass").Scan(&expected)
	if err != nil || expected != left {
		t.Errorf("plans expect %d stale days, %v; want %d", expected, err, left)
	}
	figuresFit(t, conn)
}

// TestFigures_ErasedMeanwhile erases a conversation by hand while a run stores figures.
func TestFigures_ErasedMeanwhile(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon))
	erasing, err := connect(t, inSchema(t, database, "polyai")).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range append(slices.Clone(partitioned), "conversation_keys") {
		if _, err := erasing.Exec(t.Context(), "DELETE FROM "+table+" WHERE conversation_id = 'c-1'"); err != nil {
			t.Fatal(err)
		}
	}
	stored := make(chan error)
	go func() {
		_, err := w.(load.FigureKeeper).StoreFigures(context.WithoutCancel(t.Context()), time.Hour)
		stored <- err
	}()
	for waits := false; !waits; runtime.Gosched() {
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database AS d ON d.oid = database WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted)").Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(erasing.Commit(t.Context()), <-stored); err != nil {
		t.Fatal(err)
	}
	figuresFit(t, conn)
}

// TestFigures_SecondCopy repairs a conversation that is stored twice. The key does not know
// the day of the second copy.
func TestFigures_SecondCopy(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	w := begin(t, d, "run-1")
	later := loadtest.Noon.AddDate(0, 0, 10)
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", later))
	for _, statement := range []string{
		"CREATE TEMPORARY TABLE copy AS SELECT * FROM conversations WHERE conversation_id = 'c-1'",
		"UPDATE copy SET started_at = started_at + interval '10 days'",
		"INSERT INTO conversations SELECT * FROM copy",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	storeAll(t, conn)
	of := load.Range{From: warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, -1)), Until: warehouse.TimestampOf(later.AddDate(0, 0, 1))}
	if _, err := w.Mend(t.Context(), &load.Mending{ProjectID: "p", Ranges: []load.Range{of}, RunID: "run-1", At: of.Until}); err != nil {
		t.Fatal(err)
	}
	var copies int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM conversations").Scan(&copies); err != nil || copies != 2 {
		t.Fatalf("%d conversations are stored, %v", copies, err)
	}
	figuresFit(t, conn)
}

// TestFigures_Detached detaches a month, and attaches it again.
func TestFigures_Detached(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon.AddDate(0, 0, 17)),
		loadtest.Conversation("p", "c-3", loadtest.Noon.AddDate(0, 0, 18)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	alter := func(action string) {
		for _, table := range partitioned {
			pgtest.Exec(t, inSchema(t, database, "polyai"), fmt.Sprintf("ALTER TABLE %s %s", table, fmt.Sprintf(action, table)))
		}
	}
	alter("DETACH PARTITION %s_2024_03")
	w = begin(t, d, "run-2")
	if days, err := w.(load.FigureKeeper).StoreFigures(t.Context(), time.Hour); err != nil || days != 1 {
		t.Errorf("%d days were stored, %v; want the last one of c-3", days, err)
	}
	alter("ATTACH PARTITION %s_2024_03 FOR VALUES FROM ('2024-03-01 00:00:00+00') TO ('2024-04-01 00:00:00+00')")
	figuresFit(t, conn)
}

// TestFigures_Redefined checks that figures of an earlier definition are not used.
func TestFigures_Redefined(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	storeAll(t, conn)
	for _, statement := range []string{
		"UPDATE daily_figures SET conversations = 7",
		"COMMENT ON FUNCTION make_project_stale(text) IS 'another'",
		"COMMENT ON TABLE goose_db_version IS 'another'",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		return (&stale{"p", []time.Time{loadtest.Noon.Truncate(24 * time.Hour)}}).store(t.Context(), tx)
	}); !errors.Is(err, errOtherDefinition) {
		t.Errorf("a run of another version stored figures: %v", err)
	}
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	figuresFit(t, conn)
	if storeAll(t, conn) == 0 {
		t.Error("no day is stale")
	}
}

// figuresFit checks that views over stored figures return what their definitions do,
// which read only conversations and turns.
func figuresFit(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	views := warehouse.StoredViews()
	for i, definition := range warehouse.Views(warehouse.Postgres) {
		if views[i].Select == definition.Select {
			continue
		}
		var differ int
		var example *string
		err := conn.QueryRow(t.Context(), fmt.Sprintf(`WITH found AS (SELECT * FROM %s), right_ones AS (%s)
			SELECT count(*), min(difference::text) FROM (
				(SELECT 'too much' AS what, f FROM (TABLE found EXCEPT ALL TABLE right_ones) AS f)
				UNION ALL (SELECT 'lacking', f FROM (TABLE right_ones EXCEPT ALL TABLE found) AS f)) AS difference`,
			definition.Name, definition.Select)).Scan(&differ, &example)
		if err != nil {
			t.Fatalf("%s: %v", definition.Name, err)
		}
		if differ > 0 {
			t.Errorf("%s differs from its definition in %d rows, such as %s", definition.Name, differ, *example)
		}
	}
}

// manyStale reports whether more days are stale than most tests of the suite have.
func manyStale(t testing.TB, conn *pgx.Conn) (many bool) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) > 50 FROM stale_days").Scan(&many); err != nil {
		t.Fatal(err)
	}
	return many
}

// storeAll stores the figures of all stale days.
func storeAll(t testing.TB, conn *pgx.Conn) (days int) {
	t.Helper()
	found, err := conn.Query(t.Context(), "SELECT project_id, day FROM stale_days ORDER BY project_id, day DESC")
	if err != nil {
		t.Fatal(err)
	}
	var all []*stale
	var project string
	var day time.Time
	_, err = pgx.ForEachRow(found, []any{&project, &day}, func() error {
		all = addStale(all, project, day)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return s.store(t.Context(), tx) })
		if hasCode(err, "53100") { // a test has filled the disk
			return days
		}
		if err != nil {
			t.Fatal(err)
		}
		days += len(s.days)
	}
	return days
}
