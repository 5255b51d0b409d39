package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"convsync/internal/answer"
	"convsync/internal/load"
)

// ReaderOptions configure a [Reader].
type ReaderOptions struct {
	// URL returns the URL of the database. It is called for each connection.
	URL func(ctx context.Context) (string, error)
	// Key is the name of the configuration key of the URL, for messages.
	Key string
	// Schema is the schema of the tables; default polyai.
	Schema string
	// Timeout limits a statement; default 10 minutes.
	Timeout time.Duration
	// OneCommit makes all statements read the commit of the first one. After a statement
	// that failed, the reader cannot be used.
	OneCommit bool
	// WorkMemory of each sort and hash table, such as 64MB; that of the server unless set.
	WorkMemory string
}

// Reader answers the statements of users. Each statement has a read-only
// transaction of its own, so that it reads one commit, unless all have the same. It is
// not safe for concurrent use.
type Reader struct {
	ReaderOptions
	where    string
	conn     *pgx.Conn // nil: there is none
	begun    bool      // the transaction of all statements
	snapshot string    // of another reader, whose commit is read; "" for most
}

var _ answer.Source = (*Reader)(nil)

// OpenReader connects to a database.
func OpenReader(ctx context.Context, o ReaderOptions) (*Reader, error) {
	o.Schema = cmp.Or(o.Schema, "polyai")
	o.Timeout = cmp.Or(o.Timeout, 10*time.Minute)
	r := &Reader{ReaderOptions: o}
	return r, r.connect(ctx)
}

// Share opens another reader of the same commit, for statements at the same time. It
// needs OneCommit, and fails if the server that answers is another one.
func (r *Reader) Share(ctx context.Context) (answer.Source, error) {
	if err := r.begin(ctx); err != nil {
		return nil, r.describe(err)
	}
	other := &Reader{ReaderOptions: r.ReaderOptions}
	err := r.conn.QueryRow(ctx, "SELECT pg_export_snapshot()", pgx.QueryExecModeExec).Scan(&other.snapshot)
	if err == nil {
		err = other.connect(ctx)
	}
	if err == nil {
		err = other.begin(ctx)
	}
	if err != nil {
		return nil, r.describe(errors.Join(err, other.Close()))
	}
	return other, nil
}

// stopTimeout is the time in which the server must confirm that it has stopped a
// statement. Then the connection is closed.
const stopTimeout = 5 * time.Second

// connect opens the connection unless it is open.
func (r *Reader) connect(ctx context.Context) error {
	if r.conn != nil && !r.conn.IsClosed() {
		return nil
	}
	text, err := r.URL(ctx)
	if err != nil {
		return err
	}
	c, err := parseURL(text)
	if err != nil {
		return urlError(err)
	}
	r.where = fmt.Sprintf("schema %s of database %s on %s", r.Schema, cmp.Or(c.Database, c.User), c.Host)
	c.RuntimeParams["application_name"] = cmp.Or(c.RuntimeParams["application_name"], "convsync query")
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 15*time.Second)
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: stopTimeout}
	}
	r.begun = false
	r.conn, err = pgx.ConnectConfig(ctx, c)
	return r.describe(err)
}

// describe turns an error of the connection into one for users.
func (r *Reader) describe(err error) error {
	err = (&Database{where: r.where}).describe(err)
	var state *load.StateError
	if errors.As(err, &state) && r.Key != "" {
		state.Hint = strings.ReplaceAll(state.Hint, "destination.postgres.url", r.Key)
	}
	return err
}

// Dialect implements [answer.Source].
func (*Reader) Dialect() string { return "postgres" }

// Close implements [answer.Source].
func (r *Reader) Close() error {
	if r.conn == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), stopTimeout)
	defer stop()
	return r.conn.Close(ctx)
}

// Ask implements [answer.Source]. The statement is executed with the extended
// protocol, which refuses several statements in one text.
func (r *Reader) Ask(ctx context.Context, s answer.Statement) (answer.Rows, error) {
	if err := answer.CheckParams(s); err != nil {
		return nil, err
	}
	if err := refuseWrite(s.SQL); err != nil {
		return nil, err
	}
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	if err := r.begin(ctx); err != nil {
		return nil, r.describe(errors.Join(err, r.Close()))
	}
	numbered := answer.NumberParams(s)
	values := make([][]byte, len(numbered.Values))
	for i, v := range numbered.Values {
		values[i] = []byte(v)
	}
	rows := &readRows{reader: r, ctx: ctx, statement: s, numbered: numbered}
	rows.result = r.conn.PgConn().ExecParams(ctx, numbered.SQL, values, nil, nil, nil)
	if err := rows.start(); err != nil {
		return nil, err
	}
	return rows, nil
}

// begin starts the transaction. The settings are those of the transaction, because
// a pooler may give each transaction another session.
func (r *Reader) begin(ctx context.Context) error {
	if r.begun {
		return nil
	}
	r.begun = r.OneCommit
	first, more := "", ""
	if r.snapshot != "" {
		first = "SET TRANSACTION SNAPSHOT " + quoted(r.snapshot) + ";"
	}
	if r.WorkMemory != "" {
		more = fmt.Sprintf("; SET LOCAL work_mem = '%s'", r.WorkMemory)
	}
	return r.conn.PgConn().Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"+first+fmt.Sprintf(`
		SET LOCAL search_path = %s;
		SET LOCAL statement_timeout = %d;
		SET LOCAL idle_in_transaction_session_timeout = '10min';
		SET LOCAL client_encoding = 'UTF8';
		SET LOCAL TimeZone = 'UTC';
		SET LOCAL DateStyle = 'ISO, MDY';
		SET LOCAL IntervalStyle = 'postgres';
		SET LOCAL bytea_output = 'hex';
		SET LOCAL extra_float_digits = 1;
		SET LOCAL standard_conforming_strings = on;
		SET LOCAL jit = off;
		SET LOCAL enable_partitionwise_join = on`+more,
		pgx.Identifier{r.Schema}.Sanitize(), r.Timeout.Milliseconds())).Close()
}

// refuseWrite refuses statements that do not start as one that returns rows. The
// server refuses writes in a read-only transaction, but not COPY … TO PROGRAM.
func refuseWrite(sql string) error {
	words := answer.Words(sql, 1)
	if len(words) > 0 && words[0] == "EXPLAIN" {
		inner, _ := answer.Explained(sql)
		words = answer.Words(inner, 1)
	}
	if len(words) > 0 {
		switch words[0] {
		case "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "(":
			return refuseInner(sql)
		}
	}
	return answer.Refuse(sql)
}

// refuseInner refuses a write within a statement that starts like one that reads:
// in a WITH clause, and SELECT … INTO. INTO is reserved, so it is never a name.
func refuseInner(sql string) error {
	opened := false // after AS (
	last := ""
	for _, t := range answer.Lex(sql) {
		if t.Kind == answer.Space || t.Kind == answer.Comment {
			continue
		}
		word := ""
		if t.Kind == answer.Word || t.Text == "(" {
			word = strings.ToUpper(t.Text)
		}
		switch word {
		case "INSERT", "UPDATE", "DELETE", "MERGE":
			if opened {
				return answer.Refuse(sql)
			}
		case "INTO":
			return answer.Refuse(sql)
		}
		opened = word == "(" && (last == "AS" || last == "MATERIALIZED")
		last = word
	}
	return nil
}

// readRows are the rows of a statement.
type readRows struct {
	reader    *Reader
	ctx       context.Context // of Ask: the result ends with it
	statement answer.Statement
	numbered  *answer.Numbered
	result    *pgconn.ResultReader
	columns   []answer.Column
	decoders  []textDecoder
	first     bool // the first row was read by start
	ended     bool
}

// start reads up to the first row, so that errors of the statement are found.
func (r *readRows) start() error {
	r.first = r.result.NextRow()
	for _, f := range r.result.FieldDescriptions() {
		typ, decode := r.reader.decoderOf(f.DataTypeOID)
		r.columns = append(r.columns, answer.Column{Name: f.Name, Type: typ})
		r.decoders = append(r.decoders, decode)
	}
	if r.first {
		return nil
	}
	return r.end()
}

// Columns implements [answer.Rows].
func (r *readRows) Columns() []answer.Column { return r.columns }

// Next implements [answer.Rows].
func (r *readRows) Next(context.Context) ([]any, error) {
	switch {
	case r.ended:
		return nil, io.EOF
	case r.first:
		r.first = false
	case !r.result.NextRow():
		if err := r.end(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	row := make([]any, len(r.columns))
	for i, raw := range r.result.Values() {
		if raw != nil {
			row[i] = r.decoders[i](string(raw))
		}
	}
	return row, nil
}

// end ends the transaction after the last row or an error.
func (r *readRows) end() error {
	r.ended = true
	_, err := r.result.Close()
	if conn := r.reader.conn; r.ctx.Err() != nil {
		_ = r.reader.Close() // a late request to cancel could stop the next statement
	} else if !r.reader.begun && !conn.IsClosed() {
		err = errors.Join(err, conn.PgConn().Exec(r.ctx, "ROLLBACK").Close())
	}
	return r.reader.statementError(r.ctx, err, r.numbered, r.statement)
}

// Close implements [answer.Rows]. A statement that has more rows is stopped on the
// server.
func (r *readRows) Close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.ctx), stopTimeout)
	defer stop()
	_ = r.reader.conn.PgConn().CancelRequest(ctx) // the end of the connection stops it too
	return r.reader.Close()
}
