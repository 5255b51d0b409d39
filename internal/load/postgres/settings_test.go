package postgres

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// hostile has parameters that a role, a database or a URL may set.
var hostile = map[string]string{
	"client_encoding": "LATIN1", "TimeZone": "Asia/Kathmandu", "DateStyle": "SQL, DMY", "IntervalStyle": "iso_8601", "bytea_output": "escape",
	"extra_float_digits": "-15", "standard_conforming_strings": "off", "search_path": "pg_temp", "row_security": "on", "synchronous_commit": "off",
	"default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "statement_timeout": "1h", "lock_timeout": "1h",
	"idle_session_timeout": "1h", "idle_in_transaction_session_timeout": "1h",
}

func TestSessionParameters(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(t *testing.T, plain, limited, role string) string{
		"Role": func(t *testing.T, plain, limited, role string) string {
			for parameter, value := range hostile {
				pgtest.Exec(t, plain, fmt.Sprintf("ALTER ROLE %s SET %s = '%s'", role, parameter, value))
			}
			return limited
		},
		"Database": func(t *testing.T, plain, limited, _ string) string {
			for parameter, value := range hostile {
				pgtest.Exec(t, plain, fmt.Sprintf("ALTER DATABASE %s SET %s = '%s'", nameOf(t, plain), parameter, value))
			}
			return limited
		},
		"URL": func(t *testing.T, _, limited, _ string) string {
			return pgtest.With(t, limited, func(u *url.URL) {
				q := u.Query()
				for parameter, value := range hostile {
					q.Set(parameter, value)
				}
				u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain := pgtest.URL(t)
			limited, role := pgtest.Role(t, plain)
			pgtest.Exec(t, plain, "CREATE SCHEMA polyai AUTHORIZATION "+role)
			d := open(t, Options{URL: fixed(set(t, plain, limited, role))})
			if err := d.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			w := begin(t, d, "run-1").(*writer)
			for day := range 2 { // the second replaces the first
				stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon.AddDate(0, 0, day), loadtest.Note(difficult)))
			}
			wantStored(t, plain, d)
			w.lock.unwatch()
			wantParameters(t, w.lock.conn, "lock_timeout") // it sets its own
			err := d.pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
				wantParameters(t, c.Conn(), "")
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// difficult is a text that other encodings and quoting rules corrupt.
const difficult = `café € “quotes” 日本 🙂 \ 'single' \n`

// wantStored compares the stored text with difficult, as bytes.
func wantStored(t *testing.T, plain string, d *Database) {
	t.Helper()
	var note []byte
	err := connect(t, plain).QueryRow(t.Context(), "SELECT convert_to(note, 'UTF8') FROM polyai.conversations").Scan(&note)
	if err != nil || string(note) != difficult {
		t.Errorf("stored is %q, %v; want %q", note, err, difficult)
	}
	err = d.Read(t.Context(), feed, 0, warehouse.TimestampOf(loadtest.Noon.AddDate(1, 0, 0)), func(r *warehouse.Rows) error {
		if string(r.Conversation.Note) != difficult {
			t.Errorf("read back is %q, want %q", r.Conversation.Note, difficult)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func wantParameters(t *testing.T, conn *pgx.Conn, except string) {
	t.Helper()
	for _, s := range (&Database{Options: Options{Schema: "polyai"}}).settings() {
		var value *string
		if err := conn.QueryRow(t.Context(), "SELECT (SELECT setting FROM pg_settings WHERE name = $1)", s.name).Scan(&value); err != nil {
			t.Fatal(err)
		}
		known := value != nil || s.name == "transaction_timeout" // since PostgreSQL 17
		if !known || value != nil && *value != s.value && s.name != except {
			t.Errorf("%s is %v, want %q", s.name, value, s.value)
		}
	}
}

// A proxy sets synchronous_commit to off for all clients.
func TestSettingIsReadBack(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	host := hostOf(t, database)
	url := through(t, database, func(client net.Conn) {
		server, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		defer server.Close()
		startup, err := readStartup(client)
		if err != nil {
			return
		}
		server.Write(startup)
		var back sync.WaitGroup
		defer back.Wait()
		back.Go(func() { _, _ = io.Copy(client, server) })
		for {
			m, err := readMessage(client)
			if err != nil {
				server.Close()
				return
			}
			// The message keeps its length.
			server.Write(bytes.Replace(m.raw, []byte("'synchronous_commit', 'on'"), []byte("'synchronous_commit', '0' "), 1))
		}
	})
	d := open(t, Options{URL: fixed(url)})
	_, err := d.Begin(t.Context(), load.Owner{RunID: "run-1"})
	wantState(t, err, "the server itself")
	wantState(t, d.Check(t.Context()), `synchronous_commit is "off"`)
}
