package postgres

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// sessionMark names, of each session, the setting by which its client knows it
// again. A pooler that hands out sessions by the transaction mixes them up:
// the lock would be another's, and so would the search_path, and the schema
// that is written to.
const sessionMark = "convsync.session"

// settle makes a session independent of what the role, the database or the
// URL set, and records which server it is on. The parameters are not part of
// the startup message, because poolers refuse them there. With the keepalives,
// the server ends the sessions of a client that is gone after minutes.
func (d *Database) settle(ctx context.Context, session *pgconn.PgConn) error {
	if err := d.applySettings(ctx, session); err != nil {
		return err
	}
	on, err := identify(ctx, session)
	if err != nil {
		return err
	}
	session.CustomData()[sessionServer] = on
	mark := rand.Text()
	session.CustomData()[sessionMark] = mark
	return session.Exec(ctx, `SET tcp_keepalives_idle = 60;
		SET tcp_keepalives_interval = 15;
		SET tcp_keepalives_count = 4;
		SET `+sessionMark+" = '"+mark+"'").Close()
}

const askMark = "coalesce(current_setting('" + sessionMark + "', true), '')"

// checkSessions refuses a pooler that hands out sessions by the transaction:
// two connections are asked, one while the other is in a transaction, whether
// their sessions are still their own.
func (d *Database) checkSessions(ctx context.Context) error {
	conn, err := d.connect(ctx) // of the pool's nobody is to want two
	if err != nil {
		return d.describe(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only asked
	return d.describe(d.checkBeside(ctx, conn))
}

// checkBeside is checkSessions of one connection that is at hand.
func (d *Database) checkBeside(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		for _, c := range []*pgx.Conn{tx.Conn(), conn, conn, tx.Conn()} {
			var mark string
			// Named statements are a session's too.
			if err := c.QueryRow(ctx, "SELECT "+askMark, pgx.QueryExecModeExec).Scan(&mark); err != nil {
				return err
			}
			if err := d.ownSession(c, mark); err != nil {
				return err
			}
		}
		return nil
	})
}

// ownSession checks the mark that a session of the connection's showed.
func (d *Database) ownSession(c *pgx.Conn, mark string) error {
	if c.PgConn().CustomData()[sessionMark] == mark {
		return nil
	}
	return &load.StateError{What: d.where, Err: errPooled, Hint: hintPooled}
}

var errPooled = errors.New("a pooler stands between us and the server that hands out sessions by the transaction: the writer's lock cannot be held")

const hintPooled = "let destination.postgres.url lead to the server itself, or to a pooler's port for sessions"
