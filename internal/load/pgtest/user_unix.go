//go:build unix

package pgtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// serverUser returns the user for the server, which refuses to run as root, and
// gives that user the folder. The server has its own process group, so that Ctrl-C
// does not reach it: only the supervisor stops it.
func serverUser(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, errU := strconv.Atoi(u.Uid)
	gid, errG := strconv.Atoi(u.Gid)
	if err := errors.Join(errU, errG); err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, uid, gid))
	})
}

// pauseWalWriter pauses the process that writes commits to the disk in the
// background. The returned function kills it, which crashes the server.
func pauseWalWriter(tb testing.TB, s *server) (kill func()) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // the result was read
	pid := 0
	for waiting := false; !waiting; { // a process that has just started would write first
		const query = "SELECT pid, coalesce(wait_event = 'WalWriterMain', false) FROM pg_stat_activity WHERE backend_type = 'walwriter'"
		if err := conn.QueryRow(ctx, query).Scan(&pid, &waiting); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			tb.Fatal(err)
		}
	}
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			tb.Error(err)
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGKILL) }
}
