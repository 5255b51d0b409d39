//go:build cgo

package query

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// Options configure a source.
type Options struct {
	// Path is a folder with the folders of the tables. It does not need anything else
	// of a lake.
	Path string
	// Temporary is a private folder for results that do not fit into memory. The
	// caller removes it.
	Temporary string
	// MemoryBytes limits the memory of DuckDB; default 1 GB.
	MemoryBytes int64
}

// source is an embedded DuckDB over the files of a lake. It has one connection.
type source struct {
	db    *sql.DB
	conn  *sql.Conn
	views []*view
}

// Open opens the tables in a folder for the statements of users. DuckDB can read
// only these files, and write only to the temporary folder.
func Open(ctx context.Context, o Options) (answer.Source, error) {
	connector, err := duckdb.NewConnector(settings, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot start the embedded SQL: %w", err)
	}
	s := &source{db: sql.OpenDB(connector)}
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.prepare(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open the tables in %s: %w", o.Path, err), s.Close())
	}
	return s, nil
}

// prepare locks DuckDB down. The order matters: the last statement makes all settings
// final.
func (s *source) prepare(ctx context.Context, o Options) (err error) {
	if s.views, err = viewsOver(o.Path); err != nil {
		return err
	}
	memory := o.MemoryBytes
	if memory == 0 {
		memory = 1 << 30
	}
	var folders []string
	for _, table := range warehouse.Specs() {
		folder := filepath.ToSlash(filepath.Join(o.Path, table.Name)) + "/"
		folders = append(folders, literal(folder))
		if pattern := globLiteral(folder); pattern != folder { // DuckDB also compares the pattern
			folders = append(folders, literal(pattern))
		}
	}
	for _, statement := range []string{
		"SET TimeZone = 'UTC'",
		"SET errors_as_json = true",
		fmt.Sprintf("SET memory_limit = '%dMB'", memory>>20),
		fmt.Sprintf("SET threads = %d", runtime.GOMAXPROCS(0)),
		"SET allow_persistent_secrets = false",
		"SET temp_directory = " + literal(o.Temporary),
		"SET allowed_directories = [" + strings.Join(append(folders, literal(filepath.ToSlash(o.Temporary)+"/")), ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := s.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// createViews creates the views that a statement reads. To create one, DuckDB opens
// all files of its table.
func (s *source) createViews(ctx context.Context, text string) error {
	names := named(text)
	for _, v := range s.views {
		if v.created || !names[v.Name] {
			continue
		}
		if _, err := s.conn.ExecContext(ctx, v.Statement); err != nil {
			return fmt.Errorf("cannot open the table %s of the lake: %w", v.Name, err)
		}
		v.created = true
	}
	return nil
}

// Dialect implements [answer.Source].
func (*source) Dialect() string { return "duckdb" }

// Close implements [answer.Source].
func (s *source) Close() (err error) {
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.db.Close())
}

// Objects implements [answer.Source].
func (*source) Objects(context.Context) ([]answer.Object, error) { return Objects(), nil }

// Ask implements [answer.Source].
func (s *source) Ask(ctx context.Context, statement answer.Statement) (answer.Rows, error) {
	if err := answer.CheckParams(statement); err != nil {
		return nil, err
	}
	if answer.Trim(statement.SQL) == "" {
		return nil, answer.Refuse(statement.SQL)
	}
	if err := refuseFunctions(statement.SQL); err != nil {
		return nil, err
	}
	if err := s.createViews(ctx, statement.SQL); err != nil {
		return nil, err
	}
	var rows answer.Rows
	err := s.conn.Raw(func(conn any) (err error) {
		rows, err = ask(ctx, conn.(*duckdb.Conn), &statement)
		return err
	})
	if err != nil && writes(statement.SQL) {
		return nil, answer.Refuse(statement.SQL) // DuckDB may have found another fault first
	}
	if err != nil {
		return nil, statementError(ctx, err, &statement)
	}
	return rows, nil
}

// ask prepares a statement and executes it if it only reads. It uses Conn.Prepare,
// because PrepareContext executes all but the last of several statements.
func ask(ctx context.Context, conn *duckdb.Conn, statement *answer.Statement) (answer.Rows, error) {
	prepared, err := prepareRead(conn, statement.SQL)
	if err != nil {
		return nil, err
	}
	args, err := arguments(prepared, statement)
	if err != nil {
		return nil, errors.Join(err, prepared.Close())
	}
	w := &wrapper{statement: statement}
	w.describe(prepared)
	shift := 0
	if wrapped := w.prepare(conn); wrapped != nil {
		shift = len(w.head())
		if err := prepared.Close(); err != nil {
			return nil, errors.Join(err, wrapped.Close())
		}
		prepared = wrapped
	}
	rows, err := prepared.QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(&runError{err, shift}, prepared.Close())
	}
	found := newLakeRows(prepared, rows, w)
	if _, isPlan := answer.Explained(statement.SQL); isPlan {
		return &planRows{lakeRows: found}, nil
	}
	return found, nil
}

// arguments returns the values of the parameters in the order of the statement.
func arguments(prepared *duckdb.Stmt, s *answer.Statement) ([]driver.NamedValue, error) {
	args := make([]driver.NamedValue, prepared.NumInput())
	for i := range args {
		name, err := prepared.ParamName(i + 1)
		if err != nil {
			return nil, err
		}
		value, known := s.Params[name]
		if !known { // it was written as a question mark
			return nil, &answer.SQLError{SQL: s.SQL, Message: "a parameter has no name", Hint: "write parameters as $name", Refused: true}
		}
		args[i] = driver.NamedValue{Ordinal: i + 1, Name: name, Value: value}
	}
	return args, nil
}

// prepareRead prepares one statement that only reads.
func prepareRead(conn *duckdb.Conn, text string) (*duckdb.Stmt, error) {
	prepared, typ, err := prepare(conn, text)
	if err != nil {
		return nil, err
	}
	switch typ {
	case duckdb.STATEMENT_TYPE_SELECT:
		return prepared, nil
	case duckdb.STATEMENT_TYPE_EXPLAIN: // EXPLAIN ANALYZE executes the statement
		inner, ok := answer.Explained(text)
		if !ok {
			break
		}
		explained, typ, err := prepare(conn, inner)
		if err == nil {
			err = explained.Close()
		}
		if err == nil && typ == duckdb.STATEMENT_TYPE_SELECT {
			return prepared, nil
		}
	}
	return nil, errors.Join(answer.Refuse(text), prepared.Close())
}

func prepare(conn *duckdb.Conn, text string) (*duckdb.Stmt, duckdb.StmtType, error) {
	found, err := conn.Prepare(text)
	if err != nil {
		return nil, 0, err
	}
	prepared := found.(*duckdb.Stmt)
	typ, err := prepared.StatementType()
	if err != nil {
		return nil, 0, errors.Join(err, prepared.Close())
	}
	return prepared, typ, nil
}
