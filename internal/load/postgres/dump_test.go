package postgres

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

// Dump reads all tables with plain SQL and pgx's own scanning, without the
// decoding of the loader.
func (s subject) Dump(t testing.TB) *loadtest.Dump {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), inSchema(t, s.url, s.schema))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	d := &loadtest.Dump{Conversations: map[[2]string]*warehouse.Rows{}}
	for _, c := range dumpTable(t, conn, &warehouse.Conversations) {
		key := [2]string{c.ProjectID, c.ConversationID}
		if d.Conversations[key] != nil {
			t.Fatalf("conversation %q is stored twice", key)
		}
		d.Conversations[key] = &warehouse.Rows{Conversation: c}
	}
	of := func(project, id string) *warehouse.Rows {
		r := d.Conversations[[2]string{project, id}]
		if r == nil {
			t.Fatalf("there are parts of conversation %q of %q, which is not stored", id, project)
		}
		return r
	}
	for _, p := range warehouse.Parts {
		for _, row := range dumpRows(t, conn, p) {
			fields := p.Fields(nil, row, allColumns(p)[:2])
			p.Add(of(*fields[0].(*string), *fields[1].(*string)), row)
		}
	}
	keysFit(t, conn, d)
	if dumps.Add(1)%3 == 0 && !manyStale(t, conn) { // each time would take minutes
		figuresFit(t, conn) // with those that an earlier dump stored, if they are still valid
		storeAll(t, conn)
	}
	d.Changes = dumpTable(t, conn, &warehouse.Changes)
	d.Coverage = dumpTable(t, conn, &warehouse.SyncCoverage)
	d.Watermarks = dumpTable(t, conn, &warehouse.SyncWatermarks)
	d.Open = dumpTable(t, conn, &warehouse.OpenConversations)
	d.Rejects = dumpTable(t, conn, &warehouse.Rejects)
	d.Drift = dumpTable(t, conn, &warehouse.SchemaDrift)
	d.Projects = dumpTable(t, conn, &warehouse.Projects)
	d.Runs = dumpTable(t, conn, &warehouse.SyncRuns)
	d.Lateness = append([]warehouse.Lateness{}, dumpTable(t, conn, &warehouse.SyncLateness)...) // nil: not compared
	d.VisibleAgain = dumpTable(t, conn, &warehouse.SyncRevealed)
	d.Holes = dumpTable(t, conn, &warehouse.SyncHoles)
	d.Events, d.Alerts = dumpTable(t, conn, &warehouse.WebhookEvents), dumpTable(t, conn, &warehouse.ActiveAlerts)
	return d
}

var dumps atomic.Int64

// keysFit checks that conversation_keys matches the rows.
func keysFit(t testing.TB, conn *pgx.Conn, d *loadtest.Dump) {
	t.Helper()
	stored := dumpTable(t, conn, &conversationKeys)
	if len(stored) != len(d.Conversations) {
		t.Errorf("%d keys for %d conversations", len(stored), len(d.Conversations))
	}
	for _, k := range stored {
		r := d.Conversations[[2]string{k.ProjectID, k.ConversationID}]
		k.Digest = warehouse.Digest{} // not in the rows
		if r == nil || keyOf(&r.Conversation) != k {
			t.Errorf("the key %+v does not fit its conversation", k)
		}
	}
}

// dumpTable reads a table in the order of its key.
func dumpTable[R any](t testing.TB, conn *pgx.Conn, table *warehouse.Table[R]) (found []R) {
	t.Helper()
	for _, row := range dumpRows(t, conn, table) {
		found = append(found, *row.(*R))
	}
	return found
}

// allColumns returns the indexes of all columns: first project and conversation.
func allColumns(table warehouse.AnyTable) []int {
	spec := table.Spec()
	return spec.Find(spec.Names()...)
}

func dumpRows(t testing.TB, conn *pgx.Conn, table warehouse.AnyTable) (found []any) {
	t.Helper()
	spec := table.Spec()
	columns := spec.Names()
	for i, c := range spec.Columns {
		switch c.Type {
		case warehouse.TypeTimestamp:
			columns[i] = "(extract(epoch FROM " + columns[i] + ") * 1000000)::bigint"
		case warehouse.TypeJSON:
			columns[i] += "::text"
		}
	}
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT %s FROM %s ORDER BY %s",
		strings.Join(columns, ", "), spec.Name, strings.Join(spec.Key, ", ")))
	if err != nil {
		t.Fatalf("%s: %v", spec.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		row := table.NewRow()
		targets := table.Fields(nil, row, allColumns(table))
		for i := range targets {
			targets[i] = scanTarget(targets[i])
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatalf("%s: %v", spec.Name, err)
		}
		found = append(found, row)
	}
	if rows.Err() != nil {
		t.Fatalf("%s: %v", spec.Name, rows.Err())
	}
	return found
}

// scanTarget returns a target for pgx to scan a column into.
func scanTarget(field any) any {
	switch f := field.(type) {
	case *warehouse.Text:
		return nullable[string]{func(v string, ok bool) {
			*f = warehouse.Text(v)
			if ok && v == "" {
				*f = "an empty text, which should be NULL"
			}
		}}
	case *warehouse.JSON:
		return nullable[string]{func(v string, ok bool) {
			if *f = ""; ok {
				*f, _ = warehouse.Canonical(v)
			}
		}}
	case *warehouse.List:
		return (*[]string)(f)
	case *warehouse.Null[int64]:
		return nullable[int64]{func(v int64, ok bool) { *f = warehouse.Null[int64]{V: v, Valid: ok} }}
	case *warehouse.Null[float64]:
		return nullable[float64]{func(v float64, ok bool) { *f = warehouse.Null[float64]{V: v, Valid: ok} }}
	case *warehouse.Null[bool]:
		return nullable[bool]{func(v bool, ok bool) { *f = warehouse.Null[bool]{V: v, Valid: ok} }}
	case *warehouse.Digest:
		return nullable[[]byte]{func(v []byte, _ bool) { *f = warehouse.Digest{}; copy(f[:], v) }}
	case *warehouse.Timestamp:
		return (*int64)(f)
	case *warehouse.Null[warehouse.Timestamp]:
		return nullable[int64]{func(v int64, ok bool) { *f = warehouse.Null[warehouse.Timestamp]{V: warehouse.Timestamp(v), Valid: ok} }}
	}
	return field
}

// nullable passes on a scanned value, or its absence.
type nullable[T any] struct{ put func(v T, ok bool) }

// Scan accepts the types of database/sql.
func (n nullable[T]) Scan(src any) error {
	if src == nil {
		var zero T
		n.put(zero, false)
		return nil
	}
	v, ok := src.(T)
	if !ok {
		return fmt.Errorf("scanned a %T", src)
	}
	n.put(v, true)
	return nil
}
