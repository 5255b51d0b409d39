package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/warehouse"
)

// described is a table as described by the catalog, in the terms of a Spec.
type described struct {
	columns, key []string
	partitioned  bool
}

func TestTablesMatchDeclaration(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	found := catalog(t, inSchema(t, database, "polyai"))
	specs := append(warehouse.Specs(), ownTables()...)
	for _, s := range specs {
		want := described{key: s.Key, partitioned: s.ByStart}
		if s.ByStart {
			want.key = append(slices.Clone(s.Key), "started_at")
		}
		for _, c := range s.Columns {
			column := c.Name + " " + c.Type.Postgres()
			if !c.Nullable {
				column += " NOT NULL"
			}
			want.columns = append(want.columns, column)
		}
		got := found[s.Name]
		if !slices.Equal(got.columns, want.columns) {
			t.Errorf("%s has the columns\n  %s\nand is declared with\n  %s", s.Name,
				strings.Join(got.columns, "\n  "), strings.Join(want.columns, "\n  "))
		}
		if !slices.Equal(got.key, want.key) || got.partitioned != want.partitioned {
			t.Errorf("%s has the key %v, partitioned %v; want %v, %v", s.Name, got.key, got.partitioned, want.key, want.partitioned)
		}
	}
	delete(found, "goose_db_version")
	if len(found) != len(specs) {
		t.Errorf("there are %d tables, and %d are declared", len(found), len(specs))
	}
}

func TestCatalogHasNoDefaultPartition(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	for _, table := range partitioned {
		var has bool
		query := "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = $1::regclass AND partdefid <> 0)"
		if err := conn.QueryRow(t.Context(), query, table).Scan(&has); err != nil || has {
			t.Errorf("%s: default partition %v, %v", table, has, err)
		}
	}
}

func TestCatalogHasThreeIndexesBeyondKeys(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	var indexes string
	err := conn.QueryRow(t.Context(), `SELECT string_agg(pg_get_indexdef(indexrelid), E'\n' ORDER BY indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE NOT indisprimary AND NOT relispartition AND relnamespace = 'polyai'::regnamespace AND relname <> 'goose_db_version'`).Scan(&indexes)
	want := "CREATE INDEX conversations_by_start ON ONLY polyai.conversations USING btree (project_id, environment, started_at)\n" +
		"CREATE INDEX audio_backlog ON ONLY polyai.audio_references USING btree (project_id, availability, started_at) WHERE ((stored_at IS NULL) AND " +
		"((availability = ANY (ARRAY['unknown'::text, 'available'::text])) OR (next_check_at IS NOT NULL)))\n" +
		"CREATE INDEX conversations_by_customer ON ONLY polyai.conversations USING btree (project_id, customer_number, started_at)"
	if err != nil || indexes != want {
		t.Errorf("the indexes beyond the keys are\n%s\n%v", indexes, err)
	}
}

func TestViewsMatchDeclaration(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	conn := connect(t, inSchema(t, database, "polyai"))
	for _, v := range warehouse.StoredViews() {
		if _, err := conn.Exec(t.Context(), "CREATE TEMPORARY VIEW declared AS "+v.Select); err != nil {
			t.Fatal(err)
		}
		var made, declared string
		if err := conn.QueryRow(t.Context(), "SELECT pg_get_viewdef('polyai."+v.Name+"'::regclass), pg_get_viewdef('pg_temp.declared'::regclass)").Scan(&made, &declared); err != nil {
			t.Fatal(err)
		}
		if made != declared {
			t.Errorf("%s is made as\n%s\nand declared as\n%s", v.Name, made, declared)
		}
		var columns []string
		err := conn.QueryRow(t.Context(), `SELECT array(SELECT attname || ' ' || format_type(atttypid, atttypmod)
			FROM pg_attribute WHERE attrelid = ('polyai.' || $1)::regclass ORDER BY attnum)`, v.Name).Scan(&columns)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, c := range v.Columns {
			want = append(want, c.Name+" "+c.Type.Postgres())
		}
		if !slices.Equal(columns, want) {
			t.Errorf("%s has the columns %v, want %v", v.Name, columns, want)
		}
		if _, err := conn.Exec(t.Context(), "DROP VIEW declared"); err != nil {
			t.Fatal(err)
		}
	}
	var views int
	err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relkind = 'v' AND relnamespace = 'polyai'::regnamespace").Scan(&views)
	if err != nil || views != len(warehouse.Views(warehouse.Postgres)) {
		t.Errorf("there are %d views, and %d are declared; %v", views, len(warehouse.Views(warehouse.Postgres)), err)
	}
}

// catalog describes the tables that a connection to the URL finds.
func catalog(t *testing.T, database string) map[string]described {
	conn := connect(t, database)
	rows, err := conn.Query(t.Context(), `SELECT c.relname, c.relkind = 'p',
			array(SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
				FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum),
			array(SELECT attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
				JOIN pg_attribute a USING (attnum) WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid ORDER BY n)
		FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]described{}
	var name string
	var d described
	_, err = pgx.ForEachRow(rows, []any{&name, &d.partitioned, &d.columns, &d.key}, func() error {
		found[name] = described{slices.Clone(d.columns), slices.Clone(d.key), d.partitioned}
		return nil
	})
	if err != nil {
		t.Fatal(fmt.Errorf("reading the catalog: %w", err))
	}
	return found
}

func connect(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}
