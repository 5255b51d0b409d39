package postgres

import (
	"errors"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"testing"

	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
)

// If this process can mount and the server is on this machine, the test fills a
// small disk. Otherwise the server simulates a full disk, as in
// [TestFullDisk].
func TestFullDisk_Mounted(t *testing.T) {
	t.Parallel()
	admin, _ := pgtest.Restartable(t)
	disk, err := smallDisk(t)
	if err == nil {
		_, err = connect(t, admin).Exec(t.Context(), "CREATE TABLESPACE small LOCATION '"+disk+"'")
	}
	if err != nil {
		t.Logf("without a mounted disk: %v", err)
		d, database := prepared(t)
		trap(t, database, "INSERT", "turns", "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';")
		fullThenComplete(t, d, database, "full", func() { removeTrap(t, database) })
		return
	}
	pgtest.Exec(t, admin, "CREATE DATABASE small TABLESPACE small")
	t.Cleanup(func() { pgtest.Exec(t, admin, "DROP DATABASE small WITH (FORCE)", "DROP TABLESPACE small") })
	database := pgtest.With(t, admin, func(u *url.URL) { u.Path = "/small" })
	d := open(t, Options{URL: fixed(database)})
	if err := d.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	loadOne(t, d, loadtest.Conversation("p", "c-000", loadtest.Noon))
	fullThenComplete(t, d, database, "full", fill(t, disk))
}

// smallDisk mounts a small file system for the server, and returns an empty
// folder on it.
func smallDisk(t *testing.T) (path string, err error) {
	path, err = os.MkdirTemp("", "convsync-disk-")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { os.Remove(path) })
	server, err := user.Lookup("postgres")
	if err != nil {
		return "", err
	}
	uid, uidErr := strconv.Atoi(server.Uid)
	gid, gidErr := strconv.Atoi(server.Gid)
	if err := errors.Join(uidErr, gidErr, syscall.Mount("tmpfs", path, "tmpfs", 0, "size=48m,mode=0700")); err != nil {
		return "", err
	}
	t.Cleanup(func() { syscall.Unmount(path, syscall.MNT_DETACH) })
	return path, os.Chown(path, uid, gid)
}

// fill fills the disk completely; room frees the space.
func fill(t *testing.T, disk string) (room func()) {
	t.Helper()
	f, err := os.Create(disk + "/filler")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(disk + "/filler"); err != nil {
			t.Error(err)
		}
	}
}
