package parquet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Snapshot is a folder with the files of one commit of a lake. They are hard links,
// which take no space.
type Snapshot struct {
	// Path is the folder that has the folders of the tables.
	Path string
	// Temporary is a private folder for the reader.
	Temporary string
	// InPlace is why Path is the lake itself, where later commits appear; nil if it is
	// not.
	InPlace error

	lake   *Lake
	only   SnapshotOptions
	folder string // "" if nothing was created
	alive  file   // locked until Close, so that no other process removes the folder
}

// queryPrefix starts the names of folders of snapshots.
const queryPrefix = "_sync/query-"

// monthFormat is that of the folders of months.
const monthFormat = "2006-01"

// aliveName is the name of the locked file in the folder of a snapshot.
const aliveName = "alive"

// SnapshotOptions say what a reader needs: an engine opens each file that is there. A
// snapshot that is read in place has everything.
type SnapshotOptions struct {
	Tables []string // nil: all
	// Within is the range whose months are read, of conversations and their parts; the
	// zero value: all.
	Within warehouse.Range
	// Conversation is the id of the only conversation that is read, in any project; "":
	// all. Files that cannot have its rows are not linked.
	Conversation string
}

// Snapshot links the files of tables as of the last commit, also while a run writes.
// Commits wait until the links exist. If the lake is read-only for this user, or on a file
// system without hard links, its files are read in place.
func (l *Lake) Snapshot(ctx context.Context, o SnapshotOptions) (*Snapshot, error) {
	version, err := l.version()
	if err == nil && version == 0 {
		err = &load.StateError{What: "there is no lake in " + l.root, Hint: "check destination.parquet.path, and let `convsync run` create it"}
	}
	if err != nil {
		return nil, err
	}
	if o.Tables == nil {
		for _, table := range warehouse.Specs() {
			o.Tables = append(o.Tables, table.Name)
		}
	}
	s := &Snapshot{lake: l, only: o}
	err = s.make(ctx)
	if err != nil && isReadOnly(err) {
		err = errors.Join(s.Close(), s.inPlace(err))
	}
	if err != nil {
		return nil, errors.Join(failed("cannot take a snapshot of the lake "+l.root, err), s.Close())
	}
	return s, nil
}

// isReadOnly reports whether links cannot be created.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EMLINK)
}

// inPlace makes the lake itself the snapshot.
func (s *Snapshot) inPlace(why error) (err error) {
	*s = Snapshot{
		lake:    s.lake,
		Path:    s.lake.root,
		InPlace: why,
	}
	s.Temporary, err = os.MkdirTemp("", "convsync-query-")
	return err
}

// make links the files while no commit is in progress.
func (s *Snapshot) make(ctx context.Context) error {
	lock, err := s.lake.lockCommits(ctx)
	if err != nil {
		return err
	}
	old, err := s.create()
	if err == nil {
		err = s.link(ctx)
	}
	if err := errors.Join(err, lock.Close()); err != nil {
		return err
	}
	for _, folder := range old {
		_ = s.lake.files.RemoveAll(folder) // the next snapshot tries again
	}
	return nil
}

// create creates the folder, and returns those of killed processes. The lock of
// commits ensures that each folder of a living process has its locked file.
func (s *Snapshot) create() (old []string, err error) {
	l := s.lake
	entries, err := l.files.ReadDir(l.path(syncDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := syncDir + "/" + e.Name()
		if strings.HasPrefix(name, queryPrefix) && !l.isAlive(l.path(name)) {
			old = append(old, l.path(name))
		}
	}
	folder := l.path(fmt.Sprintf("%s%s-%d", queryPrefix, l.token, l.serial.Add(1)))
	if err := l.files.Mkdir(folder); err != nil {
		return nil, err
	}
	s.folder, s.Path, s.Temporary = folder, filepath.Join(folder, "tables"), filepath.Join(folder, "temporary")
	for _, inside := range []string{s.Path, s.Temporary} {
		if err := l.files.Mkdir(inside); err != nil {
			return nil, err
		}
	}
	s.alive, err = l.files.OpenFile(filepath.Join(folder, aliveName), os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	_, err = l.files.TryLock(s.alive, false)
	return old, err
}

// isAlive reports whether a process still reads a snapshot.
func (l *Lake) isAlive(folder string) bool {
	f, err := l.files.OpenFile(filepath.Join(folder, aliveName), os.O_RDWR)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close() //nolint:errcheck // nothing is written
	free, err := l.files.TryLock(f, false)
	return err != nil || !free
}

// link links the files of the tables. All operations of a journal that a killed
// writer left count as done.
func (s *Snapshot) link(ctx context.Context) error {
	l := s.lake
	v, err := l.view()
	if err != nil {
		return err
	}
	defer v.close() //nolint:errcheck // it is only read
	where, err := v.homes(s.only.Conversation)
	if err != nil {
		return err
	}
	made := map[string]bool{}
	for _, table := range s.only.Tables {
		if _, err := l.files.Stat(l.path(table)); errors.Is(err, fs.ErrNotExist) {
			continue // it has no rows yet
		}
		err := l.files.WalkDir(l.path(table), func(path string, e fs.DirEntry, err error) error {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			inside, err := filepath.Rel(l.root, path)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(inside)
			if e.IsDir() {
				if !where.inFolder(name) {
					return fs.SkipDir
				}
				return nil
			}
			if _, pending := v.from[name]; pending || s.skips(name) || !where.inFile(name) {
				return nil
			}
			return s.put(path, name, made)
		})
		if err != nil {
			return err
		}
	}
	for name, from := range v.from {
		if table, _, _ := strings.Cut(name, "/"); from == "" || !slices.Contains(s.only.Tables, table) || s.skips(name) || !where.inFile(name) {
			continue
		}
		err := s.put(l.path(from), name, made)
		if errors.Is(err, fs.ErrNotExist) { // it was moved into place
			err = s.put(l.path(name), name, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// skips reports whether a file has conversations of other months only.
func (s *Snapshot) skips(name string) bool {
	_, rest, byMonth := strings.Cut(name, "/"+monthColumn+"=")
	if s.only.Within == (warehouse.Range{}) || !byMonth {
		return false
	}
	month, _, _ := strings.Cut(rest, "/")
	last := s.only.Within.Until.Add(-time.Second)
	return month < s.only.Within.From.UTC().Format(monthFormat) || month > last.UTC().Format(monthFormat)
}

// put links a file under its name. made has the folders that exist.
func (s *Snapshot) put(from, name string, made map[string]bool) error {
	to := filepath.Join(s.Path, filepath.FromSlash(name))
	if folder := filepath.Dir(to); !made[folder] {
		if err := s.lake.mkdirAll(folder); err != nil {
			return err
		}
		made[folder] = true
	}
	return s.lake.files.Link(from, to)
}

// Close removes the snapshot.
func (s *Snapshot) Close() (err error) {
	switch {
	case s.folder != "":
		err = s.lake.files.RemoveAll(s.folder)
	case s.Temporary != "":
		err = s.lake.files.RemoveAll(s.Temporary)
	}
	if s.alive != nil {
		err = errors.Join(err, s.alive.Close())
	}
	s.folder, s.Temporary, s.alive = "", "", nil
	return err
}
