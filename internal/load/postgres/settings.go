package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// setting is a session parameter and the value that all our sessions have.
type setting struct{ name, value string }

// settings are the parameters that change what is read or written, or how long
// a session lives. A role, a database, the URL or the server's configuration
// may set any of them. The values have the format of pg_settings: times are in
// milliseconds.
//
// default_transaction_read_only is not included, because it protects a
// database: some hosts set it when the disk is full. Check and the first write
// report it.
func (d *Database) settings() []setting {
	return []setting{
		{"search_path", d.searchPath()},
		{"client_encoding", "UTF8"},
		{"TimeZone", "UTC"},
		{"DateStyle", "ISO, MDY"},
		{"IntervalStyle", "postgres"},
		{"bytea_output", "hex"},
		{"extra_float_digits", "1"},
		{"standard_conforming_strings", "on"},
		{"row_security", "off"}, // a policy that hides rows causes an error
		{"synchronous_commit", "on"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_deferrable", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"transaction_timeout", "0"}, // since PostgreSQL 17
		{"idle_session_timeout", "0"},
		// The server ends the transaction of a lost or suspended client, and frees
		// the locks that the next run waits for.
		{"idle_in_transaction_session_timeout", "300000"},
	}
}

func (d *Database) searchPath() string { return pgx.Identifier{d.Schema}.Sanitize() }

// applySettings sets the parameters that the server supports and reads them
// back: a proxy may ignore or rewrite what a client sets.
func (d *Database) applySettings(ctx context.Context, session *pgconn.PgConn) error {
	// The statements may contain the name of a schema that is not ASCII.
	if session.ParameterStatus("client_encoding") != "UTF8" {
		if err := session.Exec(ctx, "SET client_encoding = 'UTF8'").Close(); err != nil {
			return err
		}
	}
	want := map[string]string{}
	var values, names []string
	for _, s := range d.settings() {
		want[s.name] = s.value
		values = append(values, fmt.Sprintf("(%s, %s)", quoted(s.name), quoted(s.value)))
		names = append(names, quoted(s.name))
	}
	results, err := session.Exec(ctx, "SET search_path = "+d.searchPath()+`;
		SELECT set_config(w.name, w.value, false) FROM (VALUES `+strings.Join(values, ", ")+`) AS w (name, value)
			JOIN pg_settings AS s ON s.name = w.name;
		SELECT name, setting FROM pg_settings WHERE name IN (`+strings.Join(names, ", ")+")").ReadAll()
	if err != nil {
		return err
	}
	for _, row := range results[len(results)-1].Rows {
		if name, value := string(row[0]), string(row[1]); want[name] != value {
			return &load.StateError{
				What: d.where, Err: fmt.Errorf("the session parameter %s is %q, although it was set to %q", name, value, want[name]),
				Hint: hintPooled,
			}
		}
	}
	return nil
}

// quoted returns a text as an SQL literal.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
