package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// lockSession is the session that holds the advisory locks of a writer, or the
// claim on the recordings of a project. It has a connection of its own, which
// nothing else uses between watch and unwatch.
type lockSession struct {
	*Database
	conn  *pgx.Conn
	names []string  // of the locks in sync_locks, sorted: of projects, or only writerLock; of a claim: its own
	claim bool      // without the lock of the schema
	asked bool      // whether a lock may have been granted
	pid   int32     // pid of the server: a pooler reports another one to clients
	began time.Time // start of the session: pids are reused

	unwatch func()     // stops watching
	lost    chan error // receives the reason once when a lock is lost
}

// openLockSession connects. It does not take the locks yet. Without projects they
// are those of the whole destination.
func (d *Database) openLockSession(ctx context.Context, projects []string) (*lockSession, error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &lockSession{Database: d, conn: conn, unwatch: func() {}, lost: make(chan error, 1)}
	for _, id := range projects {
		s.names = append(s.names, projectLock+id)
	}
	if len(projects) == 0 {
		s.names = []string{writerLock}
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	return s, nil
}

func (s *lockSession) isWhole() bool { return s.names[0] == writerLock }

// projects returns the ids of the projects; nil for the whole destination.
func (s *lockSession) projects() (ids []string) {
	if s.isWhole() {
		return nil
	}
	for _, name := range s.names {
		ids = append(ids, projectOf(name))
	}
	return ids
}

// take waits for the locks, for at most LockWait together: first for that of the
// schema, then for those of the projects in the order of their keys, so that two
// writers never wait for each other.
func (s *lockSession) take(ctx context.Context) error {
	s.asked = true
	deadline := time.Now().Add(s.lockTimeout())
	exec := func(statement string) error {
		_, err := s.conn.Exec(ctx, statement)
		return err
	}
	if s.isWhole() {
		if err := s.takeLock(exec, exclusively, s.lockTimeout()); err != nil {
			return s.lockedByAny(ctx, err)
		}
	} else {
		if err := s.takeLock(exec, asOneOfMany, s.lockTimeout()); err != nil {
			return s.locked(ctx, err, writerLock)
		}
		if err := s.takeProjects(ctx, exec, deadline); err != nil {
			return err
		}
	}
	return s.identify(ctx)
}

// identify reads how the server identifies the session.
func (s *lockSession) identify(ctx context.Context) error {
	return s.conn.QueryRow(ctx, "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&s.pid, &s.began)
}

// takeProjects takes the locks of the projects. All that are free cost one round
// trip; each that is not costs two more.
func (s *lockSession) takeProjects(ctx context.Context, exec func(string) error, deadline time.Time) error {
	names := map[int64]string{}
	for _, name := range s.names {
		names[s.keyOfLock(name)] = name
	}
	waited := false
	for keys := slices.Sorted(maps.Keys(names)); len(keys) > 0; keys = keys[1:] {
		free, err := s.takeFree(ctx, keys)
		if err != nil {
			return err
		}
		if keys = keys[free:]; len(keys) == 0 {
			break
		}
		waited = true
		left := max(time.Until(deadline), time.Millisecond)
		if err := exec(fmt.Sprintf("SET lock_timeout = %d", left.Milliseconds())); err != nil {
			return err
		}
		if err := exec(fmt.Sprintf("SELECT pg_advisory_lock(%d)", keys[0])); err != nil {
			return s.locked(ctx, err, names[keys[0]])
		}
	}
	if !waited {
		return nil
	}
	return exec(fmt.Sprintf("SET lock_timeout = %d", s.lockTimeout().Milliseconds()))
}

// takeFree takes locks in order, up to the first that is not free, and returns
// their number.
func (s *lockSession) takeFree(ctx context.Context, keys []int64) (taken int, err error) {
	err = s.conn.QueryRow(ctx, `WITH RECURSIVE taken (n, ok) AS (
			SELECT 0, true
			UNION ALL
			SELECT n + 1, pg_try_advisory_lock(($1::bigint[])[n + 1]) FROM taken WHERE ok AND n < cardinality($1::bigint[]))
		SELECT count(*) FILTER (WHERE ok) - 1 FROM taken`, keys).Scan(&taken)
	return taken, err
}

// holds returns an SQL condition, with three arguments from $n on, that the
// session to which locks were granted still has them. The arguments are those of
// [lockSession.itself]. The start of a session is hidden from other roles, and one
// URL can use several roles.
func holds(n int) string {
	return fmt.Sprintf(`(SELECT count(*) FROM pg_locks WHERE %s AND pid = $%d AND %s = ANY($%d::bigint[])) = cardinality($%[4]d::bigint[])
		AND coalesce((SELECT backend_start FROM pg_stat_activity WHERE pid = $%[2]d), $%[5]d::timestamptz) = $%[5]d`,
		isAdvisory, n, keyInLocks, n+1, n+2)
}

// itself returns the arguments of holds for some of the locks. That of the schema
// belongs to each, except to a claim.
func (s *lockSession) itself(names []string) []any {
	var keys []int64
	if !s.claim {
		keys = append(keys, s.lockKey())
	}
	for _, name := range names {
		keys = append(keys, s.keyOfLock(name))
	}
	slices.Sort(keys)
	return []any{s.pid, slices.Compact(keys), s.began}
}

// watch notices the loss of a lock, until unwatch.
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

// beat checks that the session still has the locks.
func (s *lockSession) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.beatTimeout)
	defer cancel()
	var mark string
	var held bool
	err := s.conn.QueryRow(ctx, "SELECT "+askMark+", "+holds(1), s.itself(s.names)...).Scan(&mark, &held)
	if err != nil {
		return err
	}
	if err := s.ownSession(s.conn, mark); err != nil {
		return err
	}
	if !held {
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

// close frees the locks and ends the session.
func (s *lockSession) close(ctx context.Context) {
	if s.asked {
		s.freeLocks(ctx, s.conn)
	}
	s.conn.Close(ctx) //nolint:errcheck // the end of the session frees the locks in any case
}
