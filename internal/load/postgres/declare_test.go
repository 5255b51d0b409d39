package postgres

import (
	"errors"
	"strings"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// moreViews declares another view of two columns, in the order that is asked for, and
// a view that reads it.
func moreViews(d *Database, first, second string) {
	columns := []warehouse.ColumnSpec{
		{Name: first, Type: warehouse.TypeText, Doc: "The first."}, {Name: second, Type: warehouse.TypeText, Unit: "m", Doc: "The second."},
	}
	d.declared = append(declaredSpecs(), warehouse.Spec{
		Name: "example", Doc: "An example.", Columns: columns, Select: "SELECT 'one'::text AS " + first + ", 'two'::text AS " + second,
	}, warehouse.Spec{
		Name: "example_reader", Doc: "It reads the example.", Columns: columns[:1], Select: "SELECT " + first + " FROM example",
	})
}

func TestDeclareComments(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	loadOne(t, d, loadtest.Conversation("p", "c-1", loadtest.Noon))                                                                        // it makes a month
	if _, err := conn.Exec(t.Context(), "COMMENT ON TABLE turns_2024_03 IS NULL; COMMENT ON TABLE goose_db_version IS NULL"); err != nil { // as an earlier version left them
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var without []string
	err := conn.QueryRow(t.Context(), `SELECT coalesce(array_agg(relname || coalesce('.' || attname, '') ORDER BY 1), '{}')
		FROM pg_class c LEFT JOIN LATERAL (SELECT attname, attnum FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
			UNION ALL SELECT NULL, 0) AS a ON true
		WHERE relnamespace = 'polyai'::regnamespace AND relkind IN ('r', 'p', 'v') AND (attnum = 0 OR relname <> 'goose_db_version')
			AND CASE attnum WHEN 0 THEN obj_description(c.oid, 'pg_class') !~ '^For (analysts|operators|convsync)\. [A-Z]'
				ELSE NOT relispartition AND col_description(c.oid, attnum) IS NULL END IS NOT FALSE`).Scan(&without)
	if err != nil || len(without) != 0 {
		t.Errorf("without a comment, or a comment that does not say for whom the table is: %v, %v", without, err)
	}
	var comment string
	if err := conn.QueryRow(t.Context(), "SELECT col_description('turns'::regclass, 1)").Scan(&comment); err != nil || comment != warehouse.Turns.Columns[0].Doc {
		t.Errorf("the first column of turns has the comment %q, %v", comment, err)
	}
}

func TestDeclareOnce(t *testing.T) {
	t.Parallel()
	d, _ := prepared(t)
	steps := 0
	again := open(t, Options{URL: d.URL, Step: func(string) { steps++ }})
	for range 2 {
		if err := errors.Join(again.Prepare(t.Context()), again.Migrate(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if steps != 0 {
		t.Errorf("%d steps in a schema that has everything", steps)
	}
}

// TestDeclareChanges replaces views that depend on each other and whose columns
// changed, keeps their grants, and creates one again that was dropped.
func TestDeclareChanges(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	inOurs := inSchema(t, database, "polyai")
	moreViews(d, "a", "b")
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, inOurs, "GRANT SELECT ON example TO PUBLIC", "GRANT SELECT ON freshness TO PUBLIC",
		"GRANT SELECT (environment, customer_number), UPDATE (outcome) ON contacts TO PUBLIC", "GRANT SELECT (a) ON example_reader TO PUBLIC")
	moreViews(d, "b", "a")
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, inOurs)
	var b, grants string
	err := conn.QueryRow(t.Context(), `SELECT (SELECT b FROM example_reader), (SELECT string_agg(name, ', ' ORDER BY name COLLATE "C") FROM (
		SELECT relname || ' ' || privilege_type AS name FROM pg_class, aclexplode(relacl) WHERE relkind = 'v' AND relnamespace = 'polyai'::regnamespace AND grantee = 0
		UNION ALL SELECT attrelid::regclass || '.' || attname || ' ' || privilege_type FROM pg_attribute JOIN pg_class c ON c.oid = attrelid, aclexplode(attacl)
			WHERE relkind = 'v' AND relnamespace = 'polyai'::regnamespace AND grantee = 0) AS g)`).Scan(&b, &grants)
	want := "contacts.customer_number SELECT, contacts.environment SELECT, contacts.outcome UPDATE, example SELECT, freshness SELECT"
	if err != nil || b != "one" || grants != want {
		t.Errorf("b is %q, the grants are %q (%v), want %q", b, grants, err, want)
	}
	pgtest.Exec(t, inOurs, "DROP VIEW example_reader, example")
	if err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT b FROM example").Scan(&b); err != nil {
		t.Errorf("the dropped view: %v", err)
	}
}

func TestDeclareWithDependents(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	moreViews(d, "a", "b")
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, inSchema(t, database, "polyai"), "CREATE VIEW own AS SELECT * FROM example")
	moreViews(d, "b", "a")
	err := d.Prepare(t.Context())
	var state *load.StateError
	if !errors.As(err, &state) || !strings.Contains(err.Error(), "view own depends on view example") || !strings.Contains(state.Hint, "drop these views") {
		t.Errorf("got %v", err)
	}
}
