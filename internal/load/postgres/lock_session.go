package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
)

// Interval in which the lock's session is used, so that no proxy or firewall
// drops it as idle, and timeout of the response. The end of a session is
// noticed immediately; a connection that is cut silently is noticed after the
// sum of both.
const (
	beatEvery   = 20 * time.Second
	beatTimeout = 2 * time.Minute
)

// lockSession is the session that holds the writer's advisory lock. It has a
// connection of its own, which nothing else uses between watch and unwatch.
type lockSession struct {
	*Database
	conn    *pgx.Conn
	granted bool      // whether the lock was granted
	pid     int32     // pid of the server: a pooler reports another one to clients
	began   time.Time // start of the session: pids are reused

	unwatch func()     // stops watching
	lost    chan error // receives the reason once when the lock is lost
}

// openLockSession connects. It does not take the lock yet.
func (d *Database) openLockSession(ctx context.Context) (*lockSession, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &lockSession{Database: d, conn: conn, unwatch: func() {}, lost: make(chan error, 1)}, nil
}

// take waits for the lock.
func (s *lockSession) take(ctx context.Context) error {
	err := s.takeLock(ctx, func(statement string) error {
		_, err := s.conn.Exec(ctx, statement)
		return err
	})
	if err != nil {
		return err
	}
	s.granted = true
	return s.conn.QueryRow(ctx, "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&s.pid, &s.began)
}

// holds returns an SQL condition, with two arguments from $n on, that the
// session to which the lock was granted still has it. The arguments are those
// of [lockSession.itself]. The start of a session is hidden from other roles,
// and one URL can use several roles.
func (d *Database) holds(n int) string {
	key := uint64(d.lockKey())
	return fmt.Sprintf(`EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = $%d
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid::bigint = %d AND objid::bigint = %d AND objsubid = 1)
		AND coalesce((SELECT backend_start FROM pg_stat_activity WHERE pid = $%[1]d), $%[4]d::timestamptz) = $%[4]d`,
		n, key>>32, key&0xffffffff, n+1)
}

func (s *lockSession) itself() []any { return []any{s.pid, s.began} }

// watch notices the loss of the lock, until unwatch.
func (s *lockSession) watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	s.unwatch = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		err := s.watchUntilLost(ctx)
		if ctx.Err() == nil {
			s.lost <- s.lockLost(err)
		}
	}()
}

// watchUntilLost waits for messages of the server about the end of the session,
// and uses the session periodically.
func (s *lockSession) watchUntilLost(ctx context.Context) error {
	for {
		silence, cancel := context.WithTimeout(ctx, s.beatEvery)
		_, err := s.conn.WaitForNotification(silence)
		quiet := silence.Err() != nil && !s.conn.IsClosed()
		cancel()
		if err == nil || quiet {
			err = s.beat(ctx)
		}
		if err != nil {
			return err
		}
	}
}

var errLockGone = errors.New("the server no longer has it")

// beat checks that the session still has the lock.
func (s *lockSession) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.beatTimeout)
	defer cancel()
	var mark string
	var holds bool
	err := s.conn.QueryRow(ctx, "SELECT "+askMark+", "+s.holds(1), s.itself()...).Scan(&mark, &holds)
	if err != nil {
		return err
	}
	if err := s.ownSession(s.conn, mark); err != nil {
		return err
	}
	if !holds {
		return errLockGone
	}
	return nil
}

// lockLost returns the error of a run whose lock session has ended.
func (s *lockSession) lockLost(reason error) error {
	return &load.StateError{
		What: s.where, Err: fmt.Errorf("%w: its session ended: %w", load.ErrLockLost, reason),
		Hint: "what was published is kept, and nothing more is written: run again. If it happens again, look for what ends sessions: an administrator, a timeout of a pooler or proxy, a restart of the server",
	}
}

// close frees the lock and ends the session.
func (s *lockSession) close(ctx context.Context) {
	if s.granted {
		s.freeLock(ctx, s.conn)
	}
	s.conn.Close(ctx) //nolint:errcheck // the end of the session frees the lock in any case
}
