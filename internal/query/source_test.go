//go:build cgo

package query_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/answer"
	"convsync/internal/query"
	"convsync/internal/warehouse"
)

// source opens a lake for the statements of users.
func source(t *testing.T, path string, memory int64) answer.Source {
	t.Helper()
	s, err := query.Open(t.Context(), query.Options{Path: path, Temporary: t.TempDir(), MemoryBytes: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// read returns all rows of a statement.
func read(t *testing.T, s answer.Source, statement answer.Statement) (columns []answer.Column, all [][]any) {
	t.Helper()
	columns, all, err := answer.Read(t.Context(), s, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement.SQL, err)
	}
	return columns, all
}

func TestSource_Refused(t *testing.T) {
	t.Parallel()
	path := lake(t, "p")
	s := source(t, path, 0)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, path)
	inside := strings.ReplaceAll(path, "'", "''") + "/conversations/"
	replace := strings.NewReplacer("IN/", inside, "SYNC/", inside+"../_sync/", "OUT", outside)
	for _, sql := range []string{
		"", "-- nothing", ";",
		"CREATE TABLE t (i int)", "CREATE VIEW v AS SELECT 1", "CREATE MACRO f(x) AS x", "CREATE SCHEMA s", "CREATE OR REPLACE VIEW turns AS SELECT 1",
		"DROP VIEW turns", "ALTER VIEW turns RENAME TO t", "COMMENT ON VIEW turns IS 'x'",
		"INSERT INTO turns SELECT * FROM turns", "UPDATE turns SET turn_index = 1", "DELETE FROM turns", "MERGE INTO turns USING turns AS t ON true WHEN MATCHED THEN DELETE",
		"WITH d AS (DELETE FROM turns RETURNING *) SELECT * FROM d",
		"COPY turns TO 'IN/x.csv'", "COPY (SELECT 1) TO 'OUT'", "COPY turns FROM 'OUT'", "EXPORT DATABASE 'IN/x'", "IMPORT DATABASE 'IN/x'",
		"COPY FROM DATABASE memory TO memory", "ATTACH 'OUT' AS o", "ATTACH ':memory:' AS o", "DETACH memory", "USE memory",
		"EXPLAIN ANALYZE COPY (SELECT 1) TO 'IN/x.csv'", "EXPLAIN COPY (SELECT 1) TO 'IN/x.csv'", "EXPLAIN (ANALYZE) COPY (SELECT 1) TO 'IN/x.csv'",
		"EXPLAIN /* SELECT */ ANALYZE COPY (SELECT 1) TO 'IN/x.csv'", "EXPLAIN ANALYZE CREATE TABLE t (i int)",
		"EXPLAIN /* /* */ ANALYZE COPY (SELECT 1) TO 'IN/x.csv' -- */ SELECT 1",
		"SELECT 1; SELECT 2", "COPY (SELECT 1) TO 'IN/x.csv'; SELECT 1", "SELECT 1; COPY (SELECT 1) TO 'IN/x.csv'", "CREATE TABLE t (i int); EXPLAIN SELECT 1",
		"SET threads = 1", "SET enable_external_access = true", "SET GLOBAL allowed_directories = ['/']", "RESET threads", "PRAGMA threads = 1", "PRAGMA enable_profiling",
		"INSTALL httpfs", "LOAD httpfs", "CALL pragma_version()", "CHECKPOINT", "VACUUM", "ANALYZE", "BEGIN", "COMMIT",
		"PREPARE p AS SELECT 1", "EXECUTE p", "CREATE SECRET s (TYPE http)",
		"FROM query('COPY (SELECT 1) TO ''IN/x.csv''')", "FROM query('CREATE TABLE t (i int)')",
		"FROM read_text('OUT')", "FROM read_csv('OUT')", "FROM 'OUT'", "FROM read_blob('OUT')", "FROM sniff_csv('OUT')", "FROM glob('/*')", "FROM parquet_schema('OUT')",
		"FROM read_text('SYNC/lake.json')", "FROM read_text('SYNC/*')", "FROM glob('SYNC/*')", "SELECT getenv('HOME')", "FROM read_text('https://example.com/')",
		"FROM enable_logging(storage = 'file', storage_path = 'IN/')", "FROM ENABLE_PROFILING(format = 'json', save_location = 'IN/x.json')", "SELECT write_log('x')",
		"FROM \"enable_logging\"()", "FROM query('FROM enable_' || 'logging()')", "FROM system.main.query /* x */ ('SELECT 1')", "FROM \"Query\"('SELECT 1')", "FROM disable_logging()",
		"FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", "FROM checkpoint()", "FROM force_checkpoint()", "FROM truncate_duckdb_logs()",
		"SELECT ?", "SELECT $1", "SELECT $x",
	} {
		rows, err := s.Ask(t.Context(), answer.Statement{SQL: replace.Replace(sql)})
		var wrong *answer.SQLError
		if err == nil {
			rows.Close()
			t.Errorf("%s was executed", sql)
		} else if !errors.As(err, &wrong) {
			t.Errorf("%s: %T %v", sql, err, err)
		}
	}
	if after := tree(t, path); !reflect.DeepEqual(after, before) {
		t.Errorf("the lake has changed:\n%v\n%v", before, after)
	}
	if _, rows := read(t, s, answer.Statement{SQL: "SELECT count(*) FROM turns"}); rows[0][0] != int64(2) {
		t.Errorf("afterwards there are %v turns", rows[0][0])
	}
}

// A word that is also the name of a function can be searched for.
func TestSource_Words(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	_, rows := read(t, s, answer.Statement{SQL: "SELECT 'a checkpoint (border)' LIKE '%checkpoint%' AS checkpoint, count(*) FROM turns WHERE user_input LIKE '%query%'"})
	if rows[0][0] != true {
		t.Errorf("the answer is %v", rows[0])
	}
}

// tree lists the files of a folder with their sizes and times.
func tree(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(path, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			files[path] = fmt.Sprint(info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestSource_Values(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	at := time.Date(2026, 3, 14, 1, 2, 3, 456789000, time.UTC)
	for sql, want := range map[string]struct {
		typ   answer.Type
		value any
	}{
		"'a'": {answer.Text, "a"}, "NULL::VARCHAR": {answer.Text, nil}, "7": {answer.Integer, int64(7)}, "7::UTINYINT": {answer.Integer, int64(7)},
		"9223372036854775807": {answer.Integer, int64(9223372036854775807)}, "170141183460469231731687303715884105727": {answer.Decimal, "170141183460469231731687303715884105727"},
		"sum(7)": {answer.Decimal, "7"}, "18446744073709551615::UBIGINT": {answer.Decimal, "18446744073709551615"},
		"1.50::DECIMAL(9,2)": {answer.Decimal, "1.5"}, "0.1::DOUBLE": {answer.Float, 0.1}, "0.5::FLOAT": {answer.Float, 0.5}, "true": {answer.Bool, true},
		"TIMESTAMPTZ '2026-03-14 03:02:03.456789+02'": {answer.Time, at}, "TIMESTAMP '2026-03-14 01:02:03.456789'": {answer.LocalTime, at},
		"DATE '2026-03-14'": {answer.Date, time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)}, "TIME '01:02:03'": {answer.Text, "01:02:03"},
		"'infinity'::TIMESTAMPTZ": {answer.Time, "infinity"}, "'-infinity'::TIMESTAMP": {answer.LocalTime, "-infinity"}, "'infinity'::DATE": {answer.Date, "infinity"},
		"INTERVAL '14 months 2 days 3 hours'":            {answer.Duration, "1 year 2 months 2 days 03:00:00"},
		`'{"b": 1.50, "a": 12345678901234567890}'::JSON`: {answer.JSON, `{"b": 1.50, "a": 12345678901234567890}`},
		"['a', NULL, '<']":                               {answer.List, `["a",null,"<"]`}, "[1.5, 2]": {answer.List, "[1.5,2]"}, "[TIMESTAMPTZ '2026-03-14 01:02:03Z']": {answer.List, `["2026-03-14T01:02:03Z"]`},
		"{'a': 1, 'b': [DATE '2026-03-14']}": {answer.JSON, `{"a":1,"b":["2026-03-14T00:00:00Z"]}`}, "MAP {'k': 2}": {answer.JSON, `{"k":2}`},
		"'00112233-4455-6677-8899-aabbccddeeff'::UUID": {answer.Text, "00112233-4455-6677-8899-aabbccddeeff"}, `'\xAB'::BLOB`: {answer.Text, `\xab`}, "'101'::BIT": {answer.Text, "101"},
	} {
		columns, rows := read(t, s, answer.Statement{SQL: "SELECT " + sql + " AS a"})
		if !reflect.DeepEqual(rows, [][]any{{want.value}}) || columns[0] != (answer.Column{Name: "a", Type: want.typ}) {
			t.Errorf("%s is %v %T %v", sql, columns, rows[0][0], rows[0][0])
		}
	}
}

func TestSource_Limit(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	// DuckDB would not finish the whole of it.
	_, rows := read(t, s, answer.Statement{SQL: "SELECT a.range FROM range(1000000) a, range(1000000) b -- all", Limit: 2})
	if len(rows) != 2 {
		t.Errorf("got %v", rows)
	}
	columns, rows := read(t, s, answer.Statement{SQL: "SELECT range AS x, 1 AS x FROM range(100000) ORDER BY hash(range), x", Limit: 3})
	_, want := read(t, s, answer.Statement{SQL: "SELECT range, 1 FROM range(100000) ORDER BY hash(range) LIMIT 3"})
	if !reflect.DeepEqual(rows, want) || columns[1].Name != "x" {
		t.Errorf("got %v %v, want %v", columns, rows, want)
	}
	for _, sql := range []string{"SHOW TABLES", "DESCRIBE turns", "EXPLAIN SELECT 1", "SUMMARIZE turns", "VALUES (1)", "FROM turns"} {
		if _, rows := read(t, s, answer.Statement{SQL: sql, Limit: 100}); len(rows) == 0 {
			t.Errorf("%s returned nothing", sql)
		}
	}
}

func TestSource_Params(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	_, rows := read(t, s, answer.Statement{
		SQL:    "SELECT conversation_id, CAST($n AS bigint) + 1, $text || '$text' FROM conversations WHERE started_at >= $from AND project_id = $project",
		Params: map[string]string{"from": "2024-03-14", "project": "p", "n": "41", "text": "it's"},
	})
	if want := [][]any{{"c-1", int64(42), "it's$text"}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

func TestSource_Spill(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 48<<20)
	_, rows := read(t, s, answer.Statement{SQL: `SELECT count(*), max(n) FROM (SELECT row_number() OVER (ORDER BY hash(a.range, b.range), b.range) AS n
		FROM range(2000) a, range(1000) b)`})
	if want := [][]any{{int64(2_000_000), int64(2_000_000)}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

func TestSource_Errors(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	for sql, want := range map[string]string{
		"SELECT conversaton_id\nFROM turns":         "Referenced column \"conversaton_id\" not found in FROM clause!\nLINE 1: SELECT conversaton_id\n               ^\ndid you mean conversation_id?",
		"SELECT *\nFROM  convs":                     "Table with name convs does not exist!\nLINE 2: FROM  convs\n              ^",
		"SELECT * FROM freshnes":                    "Table with name freshnes does not exist!\nLINE 1: SELECT * FROM freshnes\n                      ^\ndid you mean freshness?",
		"SELEKT 1":                                  "syntax error at or near \"SELEKT\"\nLINE 1: SELEKT 1\n        ^",
		"SELECT CAST(project_id AS int) FROM turns": "Could not convert string 'p' to INT32 when casting from source column project_id\nLINE 1: SELECT CAST(project_id AS int) FROM turns\n               ^",
	} {
		for _, limit := range []int{0, 10} {
			_, err := s.Ask(t.Context(), answer.Statement{SQL: sql, Limit: limit})
			if err == nil || err.Error() != want {
				t.Errorf("%q: got\n%v\nwant\n%s", sql, err, want)
			}
		}
	}
}

func TestSource_Cancel(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t, "p"), 0)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := s.Ask(ctx, answer.Statement{SQL: "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"})
	if !errors.Is(err, ctx.Err()) {
		t.Errorf("got %v", err)
	}
	if _, rows := read(t, s, answer.Statement{SQL: "SELECT 1"}); len(rows) != 1 {
		t.Errorf("afterwards: %v", rows)
	}
}

// knownFunctions are the table functions of the embedded DuckDB. Those of another
// version must be judged first: what can a SELECT do with them? Files are protected
// by the settings; see sideEffects for the others.
const knownFunctions = `arrow_scan arrow_scan_dumb check_peg_parser checkpoint disable_logging disable_peg_parser disable_profiling duckdb_approx_database_count
duckdb_columns duckdb_connection_count duckdb_constraints duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_extensions duckdb_external_file_cache
duckdb_functions duckdb_indexes duckdb_keywords duckdb_log_contexts duckdb_logs duckdb_memory duckdb_optimizers duckdb_prepared_statements duckdb_schemas
duckdb_secret_types duckdb_secrets duckdb_sequences duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files duckdb_types duckdb_variables
duckdb_views enable_logging enable_peg_parser enable_profiling force_checkpoint generate_series glob icu_calendar_names json_each json_execute_serialized_sql
json_tree parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata parquet_scan parquet_schema pg_timezone_names
pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info pragma_table_info pragma_user_agent pragma_version
query query_table range read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson
read_ndjson_auto read_ndjson_objects read_parquet read_text repeat repeat_row seq_scan sniff_csv sql_auto_complete summary test_all_types test_vector_types
truncate_duckdb_logs unnest which_secret`

func TestSource_Functions(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t), 0)
	_, rows := read(t, s, answer.Statement{SQL: "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'"})
	for _, row := range rows {
		if name := row[0].(string); !slices.Contains(strings.Fields(knownFunctions), name) {
			t.Errorf("the function %s is new", name)
		}
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 1": "", "SELECT * FROM \"Turns\" t JOIN conversations USING (conversation_id)": "conversations turns",
		"FROM sync_runs": "sync_runs", "FROM query_table('tur' || 'ns')": "all", "SHOW TABLES": "all", "FROM information_schema.tables": "all",
	} {
		got := query.Tables(sql)
		if joined := strings.Join(got, " "); joined != want && (want != "all" || len(got) != len(warehouse.Specs())) || got == nil {
			t.Errorf("%s reads %q, want %q", sql, got, want)
		}
	}
	if got := query.Tables("FROM freshness"); !slices.Contains(got, "conversations") || !slices.Contains(got, "sync_lateness") || slices.Contains(got, "turns") {
		t.Errorf("freshness reads %q", got)
	}
}

// Only the views that a statement names are created, with those that they read.
func TestSource_Views(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]int{
		"SELECT 1": 0, "SELECT count(*) FROM TURNS": 1, "SELECT * FROM \"turns\", conversations": 2, "SHOW TABLES": len(query.Objects()), "FROM freshness": 0,
	} {
		s := source(t, lake(t, "p"), 0)
		read(t, s, answer.Statement{SQL: sql})
		if n := query.CreatedViews(s); sql == "FROM freshness" && n < 3 || sql != "FROM freshness" && n != want {
			t.Errorf("%s: %d views were created, want %d", sql, n, want)
		}
	}
}

func TestSource_Settings(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t), 0)
	_, rows := read(t, s, answer.Statement{SQL: `SELECT name, value FROM duckdb_settings() WHERE name IN ('enable_external_access', 'lock_configuration',
		'autoinstall_known_extensions', 'autoload_known_extensions', 'allow_persistent_secrets', 'TimeZone') ORDER BY name`})
	want := [][]any{
		{"TimeZone", "UTC"}, {"allow_persistent_secrets", "false"}, {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"},
		{"enable_external_access", "false"}, {"lock_configuration", "true"},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v", rows)
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	s := source(t, lake(t), 0)
	for _, o := range query.Objects() {
		var want [][]any
		for _, c := range o.Columns {
			want = append(want, []any{c.Name, c.Type})
		}
		_, got := read(t, s, answer.Statement{SQL: "SELECT column_name, column_type FROM (DESCRIBE " + o.Name + ")"})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has the columns %v, want %v", o.Name, got, want)
		}
	}
}
