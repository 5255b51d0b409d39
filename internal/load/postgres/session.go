package postgres

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
)

// sessionMark is the name of the setting that identifies a session to its
// client. A pooler with transaction pooling mixes sessions: the lock would
// belong to another client, and search_path could select another schema.
const sessionMark = "convsync.session"

// settle makes a session independent of settings of the role, the database and
// the URL, and records its server. A pooler accepts clients immediately, and
// answers the first statement when it has a session for them, or never.
func (d *Database) settle(ctx context.Context, session *pgconn.PgConn) error {
	waiting, cancel := context.WithTimeout(ctx, d.sessionTimeout)
	defer cancel()
	err := d.setUp(waiting, session)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return &noSessionError{d.sessionTimeout}
	}
	return err
}

// setUp sets the parameters of a session and marks it. The parameters are not
// part of the startup message, because poolers reject them there. With
// keepalives, the server ends the sessions of a lost client after minutes.
func (d *Database) setUp(ctx context.Context, session *pgconn.PgConn) error {
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

// checkSessions fails for a pooler with transaction or statement pooling, and
// for a server or pooler that has fewer sessions than needed.
func (d *Database) checkSessions(ctx context.Context, needed int) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return d.describe(d.tooFew(err, needed))
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only queried
	return d.describe(d.checkSessionsWith(ctx, conn, needed))
}

// checkSessionsWith is checkSessions with a connection that is already open.
func (d *Database) checkSessionsWith(ctx context.Context, conn *pgx.Conn, needed int) error {
	d.checking.Lock() // two checks that take all connections of the pool would deadlock
	defer d.checking.Unlock()
	waiting, cancel := context.WithTimeout(ctx, d.sessionTimeout)
	defer cancel()
	err := d.askSessions(waiting, conn, needed)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		err = &noSessionError{d.sessionTimeout}
	}
	return d.tooFew(err, needed)
}

// askSessions opens needed-1 transactions, and checks for each connection that
// it still has its own session. It checks some of them a second time while the
// others are in a transaction.
func (d *Database) askSessions(ctx context.Context, conn *pgx.Conn, needed int) error {
	var open []pgx.Tx
	defer func() {
		for _, tx := range open {
			_ = tx.Rollback(ctx) // nothing was written
		}
	}()
	for len(open) < needed-1 {
		tx, err := d.pool.Begin(ctx)
		if err != nil {
			return err
		}
		open = append(open, tx)
		if err := d.askSession(ctx, tx.Conn()); err != nil {
			return err
		}
	}
	for _, c := range []*pgx.Conn{conn, conn, open[0].Conn()} {
		if err := d.askSession(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// askSession checks that a connection still has its own session.
func (d *Database) askSession(ctx context.Context, c *pgx.Conn) error {
	var mark string
	// Prepared statements also belong to a session.
	if err := c.QueryRow(ctx, "SELECT "+askMark, pgx.QueryExecModeExec).Scan(&mark); err != nil {
		return err
	}
	return d.ownSession(c, mark)
}

// ownSession checks the mark that the session of the connection returned.
func (d *Database) ownSession(c *pgx.Conn, mark string) error {
	if c.PgConn().CustomData()[sessionMark] == mark {
		return nil
	}
	return &load.StateError{What: d.where, Err: errPooled, Hint: hintPooled}
}

var errPooled = errors.New("a pooler between convsync and the server uses transaction or statement pooling: " +
	"the writer's lock would not last")

const hintPooled = "set destination.postgres.url to the server itself, or to a port with session pooling"
