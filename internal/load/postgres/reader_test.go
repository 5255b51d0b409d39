package postgres

import (
	"context"
	"errors"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/answer"
	"convsync/internal/load"
	"convsync/internal/load/pgtest"
)

// reader opens a database for the statements of users.
func reader(t testing.TB, o ReaderOptions) *Reader {
	t.Helper()
	r, err := OpenReader(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// read returns all rows of a statement.
func read(t testing.TB, r *Reader, s answer.Statement) (columns []answer.Column, all [][]any) {
	t.Helper()
	columns, all, err := answer.Read(t.Context(), r, s)
	if err != nil {
		t.Fatalf("%s: %v", s.SQL, err)
	}
	return columns, all
}

func TestReader_Refused(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	pgtest.Exec(t, database, "CREATE TABLE polyai.own (i int)", "INSERT INTO polyai.own VALUES (1)", "CREATE SEQUENCE polyai.numbers",
		"CREATE FUNCTION polyai.write() RETURNS int LANGUAGE sql AS 'INSERT INTO polyai.own VALUES (2) RETURNING i'")
	r := reader(t, ReaderOptions{URL: fixed(database)})
	for _, test := range []struct {
		refused    bool // before it reaches the server
		statements []string
	}{
		{true, []string{
			"", "-- nothing", ";",
			"INSERT INTO own VALUES (2)", "UPDATE own SET i = 2", "DELETE FROM own", "MERGE INTO own USING turns ON true WHEN MATCHED THEN DELETE", "TRUNCATE own",
			"CREATE TABLE x (i int)", "CREATE TEMP TABLE x (i int)", "CREATE VIEW x AS SELECT 1", "DROP TABLE own", "ALTER TABLE own ADD j int", "COMMENT ON TABLE own IS 'x'",
			"GRANT SELECT ON own TO PUBLIC", "COPY own TO '/tmp/x'", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY own FROM PROGRAM 'true'", "DO 'BEGIN END'", "CALL x()",
			"SET transaction_read_only = off", "SET ROLE postgres", "RESET ALL", "BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION READ WRITE", "LOCK own", "VACUUM own",
			"REFRESH MATERIALIZED VIEW x", "PREPARE p AS SELECT 1", "EXECUTE p", "DECLARE c CURSOR FOR SELECT 1", "LISTEN x", "NOTIFY x", "CHECKPOINT", "CLUSTER", "ANALYZE own", "REINDEX TABLE own",
			"EXPLAIN ANALYZE DELETE FROM own", "EXPLAIN (ANALYZE, VERBOSE) INSERT INTO own VALUES (2)", "EXPLAIN /* x */ DELETE FROM own", "EXPLAIN ANALYZE EXECUTE p",
			"/* SELECT */ DELETE FROM own", "-- SELECT\nDELETE FROM own",
			"WITH d AS (DELETE FROM own RETURNING i) SELECT * FROM d", "WITH d AS NOT MATERIALIZED ( /* x */ INSERT INTO own VALUES (2) RETURNING i) SELECT 1",
			"WITH a AS (SELECT 1) INSERT INTO own SELECT 2", "SELECT 1 INTO x", "SELECT i INTO TEMP x FROM own",
			"SELECT 1; SELECT 2", "SELECT 1; DELETE FROM own", "COMMIT; DELETE FROM own", "SELECT $1", "SELECT $x",
		}},
		{false, []string{ // the server refuses them in a read-only transaction
			"SELECT write()", "SELECT nextval('numbers')", "SELECT * FROM own FOR UPDATE", "SELECT set_config('transaction_read_only', 'off', true)",
			"WITH a AS (SELECT 1) DELETE FROM own",
		}},
	} {
		for _, sql := range test.statements {
			rows, err := r.Ask(t.Context(), answer.Statement{SQL: sql})
			var wrong *answer.SQLError
			if err == nil {
				rows.Close()
				t.Errorf("%s was executed", sql)
			} else if !errors.As(err, &wrong) || wrong.Refused != test.refused {
				t.Errorf("%s: %T %v", sql, err, err)
			}
		}
	}
	if _, rows := read(t, r, answer.Statement{SQL: "SELECT i, (SELECT last_value FROM numbers) FROM own"}); !reflect.DeepEqual(rows, [][]any{{int64(1), int64(1)}}) {
		t.Errorf("afterwards there is %v", rows)
	}
}

func TestReader_Values(t *testing.T) {
	t.Parallel()
	r := reader(t, ReaderOptions{URL: fixed(pgtest.URL(t))})
	at := time.Date(2026, 3, 14, 1, 2, 3, 456789000, time.UTC)
	for sql, want := range map[string]struct {
		typ   answer.Type
		value any
	}{
		"'a'": {answer.Text, "a"}, "NULL::text": {answer.Text, nil}, "7": {answer.Integer, int64(7)}, "7::smallint": {answer.Integer, int64(7)},
		"9223372036854775807": {answer.Integer, int64(9223372036854775807)}, "sum(7::bigint)": {answer.Decimal, "7"},
		"1.50::numeric(9,2)": {answer.Decimal, "1.5"}, "0.1::float8": {answer.Float, 0.1}, "0.5::float4": {answer.Float, 0.5}, "true": {answer.Bool, true},
		"TIMESTAMPTZ '2026-03-14 03:02:03.456789+02'": {answer.Time, at}, "TIMESTAMP '2026-03-14 01:02:03.456789'": {answer.LocalTime, at},
		"DATE '2026-03-14'": {answer.Date, time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)}, "TIME '01:02:03'": {answer.Text, "01:02:03"},
		"'infinity'::timestamptz": {answer.Time, "infinity"}, "'-infinity'::timestamp": {answer.LocalTime, "-infinity"}, "'infinity'::date": {answer.Date, "infinity"},
		"INTERVAL '14 months 2 days 3 hours'":             {answer.Duration, "1 year 2 months 2 days 03:00:00"},
		`'{"b": 1.50, "a": 12345678901234567890}'::jsonb`: {answer.JSON, `{"a":12345678901234567890,"b":1.50}`},
		"ARRAY['a', NULL, '<']":                           {answer.List, `["a",null,"<"]`}, "ARRAY[1.5, 2]": {answer.List, "[1.5,2]"}, "ARRAY[TIMESTAMPTZ '2026-03-14 01:02:03Z']": {answer.List, `["2026-03-14T01:02:03Z"]`},
		"'00112233-4455-6677-8899-aabbccddeeff'::uuid": {answer.Text, "00112233-4455-6677-8899-aabbccddeeff"}, `'\xab'::bytea`: {answer.Text, `\xab`}, "B'101'": {answer.Text, "101"},
		"'NaN'::numeric": {answer.Decimal, "NaN"}, "'::1'::inet": {answer.Text, "::1"}, "current_setting('TimeZone')": {answer.Text, "UTC"},
	} {
		columns, rows := read(t, r, answer.Statement{SQL: "SELECT " + sql + " AS a"})
		if !reflect.DeepEqual(rows, [][]any{{want.value}}) || columns[0] != (answer.Column{Name: "a", Type: want.typ}) {
			t.Errorf("%s is %v %T %v", sql, columns, rows[0][0], rows[0][0])
		}
	}
}

func TestReader_Settings(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	database = pgtest.With(t, database, func(u *url.URL) {
		u.RawQuery += "&search_path=public&DateStyle=German&TimeZone=Asia/Tokyo&IntervalStyle=iso_8601&extra_float_digits=-5"
	})
	r := reader(t, ReaderOptions{URL: fixed(database), Timeout: time.Hour})
	_, rows := read(t, r, answer.Statement{SQL: `SELECT current_setting('transaction_read_only'), current_setting('transaction_isolation'), current_setting('search_path'),
		current_setting('jit'), current_setting('enable_partitionwise_join'), current_setting('statement_timeout'), TIMESTAMPTZ '2026-03-14 00:00:00Z', INTERVAL '1 day', 0.1::float8 * 3`})
	want := [][]any{{"on", "repeatable read", "polyai", "off", "on", "1h", time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC), "1 day", 0.30000000000000004}}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
	for _, sql := range []string{"SHOW TimeZone", "TABLE freshness", "VALUES (1)", "(SELECT 1)", "EXPLAIN SELECT * FROM turns", "explain (format json) TABLE turns", "WITH a AS (SELECT 1) SELECT * FROM a"} {
		read(t, r, answer.Statement{SQL: sql})
	}
}

func TestReader_Params(t *testing.T) {
	t.Parallel()
	r := reader(t, ReaderOptions{URL: fixed(pgtest.URL(t))})
	_, rows := read(t, r, answer.Statement{
		SQL:    "SELECT CAST($n AS bigint) + 1, $text || '$text', $n WHERE TIMESTAMPTZ '2026-03-14' >= $from -- $none",
		Params: map[string]string{"from": "2026-03-14", "n": "41", "text": "it's"},
	})
	if want := [][]any{{int64(42), "it's$text", int64(41)}}; !reflect.DeepEqual(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

func TestReader_Errors(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	r := reader(t, ReaderOptions{URL: fixed(database)})
	for sql, want := range map[string]string{
		"SELECT 'é', conversaton_id\nFROM turns":          "column \"conversaton_id\" does not exist\nLINE 1: SELECT 'é', conversaton_id\n                    ^\ndid you mean conversation_id?",
		"SELECT $a, t.turn_indx FROM turns AS t":          "column t.turn_indx does not exist\nLINE 1: SELECT $a, t.turn_indx FROM turns AS t\n                   ^\ndid you mean turn_index or turn_id?",
		"SELECT $a\nFROM  freshnes":                       "relation \"freshnes\" does not exist\nLINE 2: FROM  freshnes\n              ^\ndid you mean freshness?",
		"SELECT $a SELEKT 1":                              "syntax error at or near \"1\"\nLINE 1: SELECT $a SELEKT 1\n                         ^",
		"SELECT 1 / CAST($a AS int)":                      "division by zero",
		"SELECT CAST(project_id AS int) FROM projects, x": "relation \"x\" does not exist\nLINE 1: SELECT CAST(project_id AS int) FROM projects, x\n                                                      ^",
	} {
		s := answer.Statement{SQL: sql, Params: map[string]string{"a": "0"}}
		if !strings.Contains(sql, "$a") {
			s.Params = nil
		}
		var wrong *answer.SQLError
		if _, err := r.Ask(t.Context(), s); !errors.As(err, &wrong) || wrong.Refused || err.Error() != want {
			t.Errorf("%q: got\n%v\nwant\n%s", sql, err, want)
		}
	}
}

// active counts the statements that other sessions of a database execute.
func active(t testing.TB, database, text string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
		AND state = 'active' AND query LIKE '%' || $1 || '%'`, text).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReader_Cancel(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	r := reader(t, ReaderOptions{URL: fixed(database)})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := r.Ask(ctx, answer.Statement{SQL: "SELECT pg_sleep(1000)"})
		failed <- err
	}()
	for active(t, database, "pg_sleep") == 0 { // until it has started
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for active(t, database, "pg_sleep") > 0 { // forever, unless the server stops it
	}
	if _, rows := read(t, r, answer.Statement{SQL: "SELECT 1"}); len(rows) != 1 {
		t.Errorf("afterwards: %v", rows)
	}
}

// A statement whose rows are not read to the end is stopped on the server.
func TestReader_CloseEarly(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	r := reader(t, ReaderOptions{URL: fixed(database)})
	rows, err := r.Ask(t.Context(), answer.Statement{SQL: "SELECT generate_series(1, 1000000000), repeat('x', 1000)"})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := rows.Next(t.Context()); err != nil || row[0] != int64(1) {
		t.Errorf("got %v, %v", row, err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	for active(t, database, "generate_series") > 0 { // forever, unless the server stops it
	}
	if _, rows := read(t, r, answer.Statement{SQL: "SELECT 1"}); len(rows) != 1 {
		t.Errorf("afterwards: %v", rows)
	}
}

func TestReader_Timeout(t *testing.T) {
	t.Parallel()
	r := reader(t, ReaderOptions{URL: fixed(pgtest.URL(t)), Timeout: time.Millisecond})
	_, err := r.Ask(t.Context(), answer.Statement{SQL: "SELECT pg_sleep(1000)"})
	var wrong *answer.SQLError
	if !errors.As(err, &wrong) || !strings.Contains(wrong.Hint, "--timeout") {
		t.Errorf("got %v", err)
	}
}

// A statement reads one commit.
func TestReader_OneCommit(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	pgtest.Exec(t, database, "CREATE SCHEMA polyai", "CREATE TABLE polyai.own AS SELECT 1 AS i FROM generate_series(1, 100000)")
	r := reader(t, ReaderOptions{URL: fixed(database)})
	rows, err := r.Ask(t.Context(), answer.Statement{SQL: "TABLE own"})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, database, "UPDATE polyai.own SET i = 2", "DELETE FROM polyai.own WHERE i = 3")
	n := 0
	for {
		row, err := rows.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || row[0] != int64(1) {
			t.Fatalf("row %d is %v, %v", n, row, err)
		}
		n++
	}
	if n != 100000 {
		t.Errorf("there were %d rows", n)
	}
}

func TestReader_OneCommitForAll(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	pgtest.Exec(t, database, "CREATE SCHEMA polyai", "CREATE TABLE polyai.own AS SELECT 1 AS i")
	r := reader(t, ReaderOptions{URL: fixed(database), OneCommit: true})
	for range 2 {
		if _, rows := read(t, r, answer.Statement{SQL: "TABLE own"}); rows[0][0] != int64(1) {
			t.Errorf("got %v", rows)
		}
		pgtest.Exec(t, database, "UPDATE polyai.own SET i = 2")
	}
	other, err := r.Share(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, rows := read(t, other.(*Reader), answer.Statement{SQL: "TABLE own"}); rows[0][0] != int64(1) {
		t.Errorf("another reader of the commit got %v", rows)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Ask(t.Context(), answer.Statement{SQL: "SELECT set_config('a.b', 'c', false), 1/0"}); err == nil {
		t.Error("no error")
	}
	if _, err := r.Ask(t.Context(), answer.Statement{SQL: "SELECT 1"}); err == nil {
		t.Error("a statement after a failed one is answered")
	}
}

func TestReader_Objects(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	pgtest.Exec(t, database, "CREATE VIEW polyai.own AS SELECT 1 AS i")
	objects, err := reader(t, ReaderOptions{URL: fixed(database)}).Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]answer.Object{}
	for _, o := range objects {
		found[o.Name] = o
	}
	if o := found["turns"]; o.View || o.Doc == "" || o.Columns[0] != (answer.ObjectColumn{Name: "project_id", Type: "text", Doc: o.Columns[0].Doc}) || o.Columns[0].Doc == "" {
		t.Errorf("turns is %+v", o)
	}
	if o := found["own"]; !o.View || !reflect.DeepEqual(o.Columns, []answer.ObjectColumn{{Name: "i", Type: "integer"}}) {
		t.Errorf("own is %+v", o)
	}
	if o := found["freshness"]; !o.View || o.Doc == "" {
		t.Errorf("freshness is %+v", o)
	}
	for name := range found {
		if strings.Contains(name, "20") {
			t.Errorf("the partition %s is listed", name)
		}
	}
}

// A role that can only read some tables can query them.
func TestReader_Role(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	withRole, role := pgtest.Role(t, database)
	r := reader(t, ReaderOptions{URL: fixed(withRole)})
	pgtest.Exec(t, database, "GRANT USAGE ON SCHEMA polyai TO "+role, "GRANT SELECT ON polyai.projects TO "+role)
	read(t, r, answer.Statement{SQL: "TABLE projects"})
	var wrong *answer.SQLError
	if _, err := r.Ask(t.Context(), answer.Statement{SQL: "TABLE turns"}); !errors.As(err, &wrong) || !strings.Contains(wrong.Hint, "GRANT SELECT") {
		t.Errorf("got %v", err)
	}
}

func TestOpenReader_Unreachable(t *testing.T) {
	t.Parallel()
	_, err := OpenReader(t.Context(), ReaderOptions{URL: fixed("postgres://user:made-up@127.0.0.1:1/x"), Key: "destination.postgres.read_url"})
	var state *load.StateError
	if !errors.As(err, &state) || !strings.Contains(state.Hint, "destination.postgres.read_url") || strings.Contains(err.Error(), "made-up") {
		t.Errorf("got %v", err)
	}
}
