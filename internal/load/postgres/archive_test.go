package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

var ever, never = warehouse.TimestampOf(loadtest.Noon.AddDate(-50, 0, 0)), warehouse.TimestampOf(loadtest.Noon.AddDate(50, 0, 0))

// readIDs returns the ids of the conversations that are read, in order.
func readIDs(t *testing.T, d *Database) (ids []string) {
	t.Helper()
	err := d.Read(t.Context(), feed, ever, never, func(r *warehouse.Rows) error {
		if r.Hash() != r.Conversation.ContentHash {
			t.Errorf("conversation %q is not read completely", r.Conversation.ConversationID)
		}
		ids = append(ids, r.Conversation.ConversationID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestALongReadingIsInPagesAndInOrder(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	var rows []*warehouse.Rows
	var want []string
	for i := range 2*pageConversations + 7 { // many with the same start, across page boundaries
		id := fmt.Sprintf("c-%04d", i)
		want = append(want, id)
		rows = append(rows, loadtest.Conversation("p", id, loadtest.Noon.Add(time.Duration(i/150)*time.Microsecond)))
	}
	for i := range 5 { // each fills a page
		id := fmt.Sprintf("long-%d", i)
		want = append(want, id)
		rows = append(rows, loadtest.Conversation("p", id, loadtest.Noon.AddDate(0, i, 1), loadtest.Turns(pageTurns+i-2)))
	}
	loadOne(t, d, rows...)
	if got := readIDs(t, d); !slices.Equal(got, want) {
		t.Errorf("%d conversations are read, want %d, in order", len(got), len(want))
	}
}

func TestAPageIsReadByTheIndex(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	plan := planOf(t, d, inIndexOrder, pageOfKeys, "p", loadtest.Live, loadtest.Noon, "", loadtest.Noon.AddDate(0, 1, 0), pageConversations)
	if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Bitmap") || !strings.Contains(plan, "Incremental Sort") ||
		!strings.Contains(plan, "conversations_2024_03_project_id_environment_started_at_idx") {
		t.Errorf("the plan of a page is\n%s", plan)
	}
}

func TestRowsAreReadBackByOneProbeEach(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	var rows []*warehouse.Rows
	for i := range 1500 { // for few rows the planner may use any index
		rows = append(rows, loadtest.Conversation("p", fmt.Sprintf("c-%04d", i), loadtest.Noon.Add(time.Duration(i)*time.Minute)))
	}
	loadOne(t, d, rows...)
	for _, before := range []string{"SELECT 1", "ANALYZE"} { // without statistics, and with
		pgtest.Exec(t, inSchema(t, database, "polyai"), before)
		for _, table := range partitioned {
			plan := planOf(t, d, byIndex, "SELECT * FROM "+partOf(table), "p", []string{"c-0001", "c-0002"}, []time.Time{loadtest.Noon, loadtest.Noon})
			if !strings.Contains(plan, "_2024_03_pkey on") || !strings.Contains(plan, "Index Cond: ((project_id = 'p'::text) AND (conversation_id = asked.id)") {
				t.Errorf("%s: the plan is\n%s", table, plan)
			}
		}
	}
}

// planOf returns the plan of a query, with the settings of settle.
func planOf(t *testing.T, d *Database, settle func(context.Context, pgx.Tx) error, query string, args ...any) (plan string) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		if err := settle(t.Context(), tx); err != nil {
			return err
		}
		found, err := tx.Query(t.Context(), "EXPLAIN "+query, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(found, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestASlowReaderHoldsNoTransaction(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon))
	conn := connect(t, database)
	err := d.Read(t.Context(), feed, ever, never, func(*warehouse.Rows) error {
		var open int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`).Scan(&open)
		if open != 0 {
			t.Errorf("%d transactions are open while the reader has the rows", open)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRead_LostConnection(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))
	gone := open(t, Options{URL: func(context.Context) (string, error) { return "postgres://" + closedAddress + "/x", nil }})
	_, keysErr := gone.Keys(t.Context(), feed, ever, never)
	_, daysErr := gone.HiddenDays(t.Context(), feed, load.Parts{Transcripts: true})
	for _, err := range []error{
		gone.Read(t.Context(), feed, ever, never, func(*warehouse.Rows) error { return nil }), keysErr, daysErr,
		gone.Rejects(t.Context(), feed, func(*warehouse.Reject) error { return nil }),
	} {
		wantState(t, err, "the server is up")
	}
	mine := errors.New("an error of the reader")
	if err := d.Read(t.Context(), feed, ever, never, func(*warehouse.Rows) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("got %v, want the reader's own error as it is", err)
	}
}
