package postgres

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// partitionsOf returns the suffixes of a table's partitions, in order.
func partitionsOf(t *testing.T, conn *pgx.Conn, table string) (suffixes []string) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `SELECT coalesce(array_agg(substr(inhrelid::regclass::text, length($1) + 2) ORDER BY 1), '{}')
		FROM pg_inherits WHERE inhparent = $1::regclass`, table).Scan(&suffixes)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(suffixes)
	return suffixes
}

// session opens a transaction of another user of the tables.
func session(t *testing.T, database string, statements ...string) pgx.Tx {
	t.Helper()
	tx, err := connect(t, inSchema(t, database, "polyai")).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return tx
}

func TestMonths(t *testing.T) {
	t.Parallel()
	t.Run("BehindAnOpenReader", func(t *testing.T) {
		t.Parallel()
		d, database := prepared(t)
		loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
		var reads []string
		for _, table := range partitioned {
			reads = append(reads, "SELECT count(*) FROM "+table)
		}
		session(t, database, reads...) // the session stays open
		w := begin(t, d, "run-1")
		for i := range 3 { // if a month waits for the reader, it fails before the timeout of the test
			stageOne(t, w, loadtest.Conversation("p", "c-2", loadtest.Noon.AddDate(0, i+1, 0)))
		}
		if got := partitionsOf(t, connect(t, inSchema(t, database, "polyai")), "turns"); !slices.Contains(got, "2024_06") {
			t.Errorf("the partitions are %v", got)
		}
	})
	t.Run("ReadersPassWhileOneWaits", func(t *testing.T) {
		t.Parallel()
		d, database := prepared(t)
		w := begin(t, d, "run-1")
		other := session(t, database, "LOCK TABLE turns IN SHARE UPDATE EXCLUSIVE MODE") // as ANALYZE does
		staged := make(chan error)
		go func() {
			staged <- w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: many(1, "")})
		}()
		await(t, connect(t, inSchema(t, database, "polyai")), "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'turns'::regclass AND NOT granted)")
		for _, table := range partitioned { // NOWAIT also fails if it would queue behind a waiting lock
			session(t, database, "LOCK TABLE "+table+" IN ACCESS SHARE MODE NOWAIT")
		}
		if err := other.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-staged; err != nil {
			t.Error(err)
		}
	})
	t.Run("LockedForLong", func(t *testing.T) {
		t.Parallel()
		d, database := prepared(t)
		w := begin(t, d, "run-1")
		w.(*writer).months.timeout = time.Millisecond
		other := session(t, database, "LOCK TABLE turns IN SHARE MODE")
		wantState(t, w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: many(1, "")}), "run again")
		if err := other.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c := stageOne(t, w, many(1, "")...); c.Inserted != 1 {
			t.Errorf("counted %+v", c)
		}
	})
	t.Run("Ahead", func(t *testing.T) {
		t.Parallel()
		d, database := prepared(t)
		w := begin(t, d, "run-1")
		since := time.Now().UTC().AddDate(0, -14, 0)
		project := loadtest.Project("p")
		project.Since = warehouse.TimestampOf(since)
		if err := w.Register(t.Context(), []load.Project{project}); err != nil {
			t.Fatal(err)
		}
		conn := connect(t, inSchema(t, database, "polyai"))
		first, last := since.Format("2006_01"), time.Now().UTC().Format("2006_01")
		if got := partitionsOf(t, conn, "turns"); len(got) < 15 || got[0] != first || got[len(got)-1] < last {
			t.Errorf("the months before the first row are %v, want %s to %s", got, first, last)
		}
		if err := w.Finish(t.Context(), runRow(load.Owner{RunID: "run-1"})); err != nil {
			t.Fatal(err)
		}
		got := partitionsOf(t, conn, "turns")
		if want := firstOfMonth(time.Now()).AddDate(0, 2, 0).Format("2006_01"); got[len(got)-1] != want {
			t.Errorf("the months after the run are %v, want the last to be %s", got, want)
		}
	})
	t.Run("CreatedAndLost", func(t *testing.T) {
		t.Parallel()
		d, database := prepared(t)
		w := begin(t, d, "run-1")
		stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon))
		for _, table := range partitioned { // as on a server that loses its last commits
			pgtest.Exec(t, inSchema(t, database, "polyai"), "DROP TABLE "+table+"_2024_03")
		}
		stageOne(t, w, loadtest.Conversation("p", "c-2", loadtest.Noon))
		conn := connect(t, inSchema(t, database, "polyai"))
		for _, table := range partitioned {
			var found string
			if err := conn.QueryRow(t.Context(), "SELECT DISTINCT tableoid::regclass::text FROM "+table+" WHERE conversation_id = 'c-2'").Scan(&found); err != nil || found != table+"_2024_03" {
				t.Errorf("%s: the rows are in %s, %v", table, found, err)
			}
		}
	})
	t.Run("Detached", func(t *testing.T) {
		t.Parallel()
		for _, running := range []bool{true, false} { // during a run, and before it
			d, database := prepared(t)
			loadOne(t, d, many(5, "before")...)
			w := begin(t, d, "run-1")
			detach := func() {
				pgtest.Exec(t, inSchema(t, database, "polyai"), "ALTER TABLE turns DETACH PARTITION turns_2024_03")
			}
			if !running {
				detach()
				w.Close()
				w = begin(t, d, "run-2")
			} else {
				detach()
			}
			april := loadtest.Conversation("p", "c-april", loadtest.Noon.AddDate(0, 1, 0))
			reasons := stageRefusing(t, w, append(many(6, "after"), april)...)
			if len(reasons) != 6 || !strings.Contains(reasons["c-000"], "the table turns_2024_03 exists and is not attached") {
				t.Errorf("refused %v", reasons)
			}
			var stored int
			err := connect(t, inSchema(t, database, "polyai")).QueryRow(t.Context(), "SELECT count(*) FROM conversations WHERE note = 'before' OR conversation_id = 'c-april'").Scan(&stored)
			if err != nil || stored != 6 {
				t.Errorf("%d are stored correctly, %v", stored, err)
			}
		}
	})
}

func firstOfMonth(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}

// before returns the migrations up to a version.
func before(t *testing.T, version string) fstest.MapFS {
	t.Helper()
	all, _ := aLayoutMore(t)
	for name := range all {
		if name >= version {
			delete(all, name)
		}
	}
	return all
}

func TestMigrateDefaultPartitions(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	old := open(t, Options{URL: fixed(database)})
	old.layouts, old.declared = before(t, "00011"), nil
	if err := old.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	inOld := inSchema(t, database, "polyai")
	starts := map[string]string{ // with the suffix of their partition
		"2014-12-31T23:59:59Z": "before_2015", "0001-01-01T00:00:00Z": "before_2015", "2015-01-01T00:00:00Z": "2015_01",
		"2024-03-31T23:59:59.999999Z": "2024_03", "2024-04-01T00:00:00Z": "2024_04", "2023-12-31T23:00:00Z": "2023_12",
		"2100-01-01T00:00:00Z": "from_2100", "9999-12-31T23:59:59Z": "from_2100",
	}
	pgtest.Exec(t, inOld, "CREATE TABLE turns_2024_04 PARTITION OF turns FOR VALUES FROM ('2024-04-01T00:00:00Z') TO ('2024-05-01T00:00:00Z')",
		"INSERT INTO sync_runs (run_id, kind, status, started_at, requests, retries, bytes, conversations_read, conversations_inserted, conversations_updated, conversations_unchanged, conversations_rejected, drift) VALUES ('r', 'k', 's', now(), 0, 0, 0, 0, 0, 0, 0, 0, 0)",
		"ALTER TABLE turns ADD COLUMN own text GENERATED ALWAYS AS (conversation_id || '!') STORED")
	for start := range starts {
		pgtest.Exec(t, inOld, "INSERT INTO turns (project_id, conversation_id, turn_index, started_at) VALUES ('p', '"+start+"', 0, '"+start+"')")
	}
	d := open(t, Options{URL: fixed(database)})
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, inOld)
	for start, suffix := range starts {
		var found, own string
		err := conn.QueryRow(t.Context(), "SELECT tableoid::regclass::text, own FROM turns WHERE conversation_id = $1", start).Scan(&found, &own)
		if err != nil || found != "turns_"+suffix || own != start+"!" {
			t.Errorf("%s is in %s, %v; want turns_%s", start, found, err, suffix)
		}
	}
	for start := range starts { // the loader creates the same partitions as the migration
		at, err := time.Parse(time.RFC3339Nano, start)
		if err != nil {
			t.Fatal(err)
		}
		loadOne(t, d, loadtest.Conversation("p", "new "+start, at))
	}
}

// A batch whose months exist costs the same whether it has one conversation or
// many: naming the tables of a period for each one took most of the time of a
// first load.
func TestMakeMonths_Allocations(t *testing.T) { //nolint:paralleltest // it counts allocations of the process
	w := &writer{Database: &Database{}, months: months{attached: map[string]bool{}}}
	for _, table := range partitioned {
		w.months.attached[table+"_"+periodOf(loadtest.Noon).suffix] = true
	}
	allocations := func(conversations int) float64 {
		writes := make([]*write, conversations)
		for i := range writes {
			writes[i] = &write{rows: &warehouse.Rows{Conversation: warehouse.Conversation{StartedAt: warehouse.TimestampOf(loadtest.Noon)}}}
		}
		return testing.AllocsPerRun(5, func() {
			if err := w.makeMonths(t.Context(), writes); err != nil {
				t.Fatal(err)
			}
		})
	}
	if one, many := allocations(1), allocations(1000); many > one {
		t.Errorf("1000 conversations of one month need %v allocations, and one needs %v", many, one)
	}
}
