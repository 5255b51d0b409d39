package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Options configures a store.
type Options struct {
	Path string // folder; it is created if it does not exist
	// Existing makes [Open] fail if the folder has no store. Otherwise it creates one.
	Existing bool
	Mode     fs.FileMode // of files; 0: 0600. Folders get the search bit for each class that may read
	// Step is called before each file operation with its name and path. If it returns
	// an error, the operation fails with it. For tests: they inject errors such as
	// syscall.ENOSPC, or kill the process. The operations are mkdir, create, write,
	// sync, close, rename, remove, lstat, open, list and lock.
	Step func(operation, path string) error
}

// Names in the folder of a store. No project has the first one.
const (
	ownFolder        = ".convsync"
	temporaryFolder  = "tmp"
	lockFolder       = "locks"
	quarantineFolder = "quarantine"
	layoutFile       = "store.json"
)

// layoutVersion is the version of the names and folders of a store.
const layoutVersion = 1

// layout is the content of the layout file.
type layout struct {
	Layout int `json:"layout"`
}

// Store is a folder with recordings. Its methods may be called concurrently.
type Store struct {
	disk *disk
}

// Open opens a store, and creates it if the folder has none, see [Options]. The error is an
// [*UnavailableError], or that another version wrote the store.
func Open(o Options) (*Store, error) {
	d, err := newDisk(o)
	if err != nil {
		return nil, err
	}
	s := &Store{disk: d}
	if o.Existing {
		if _, err := d.lstat(s.own(layoutFile)); err != nil {
			return nil, d.failed(err)
		}
	}
	for _, name := range []string{temporaryFolder, lockFolder} {
		if err := d.mkdirAll(s.own(name)); err != nil {
			return nil, err
		}
	}
	f, err := d.open(s.own(layoutFile))
	if isMissing(err) {
		err = s.writeLayout()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	var found layout
	if err := json.NewDecoder(io.LimitReader(f, 1<<10)).Decode(&found); err != nil {
		return nil, fmt.Errorf("read %s of the recordings store: %w: restore it with the content {\"layout\": %d}", f.Name(), err, layoutVersion)
	}
	if found.Layout != layoutVersion {
		return nil, fmt.Errorf("the recordings store %s has layout %d, and this version of convsync uses %d: use the version that wrote it, or another folder",
			d.root, found.Layout, layoutVersion)
	}
	return s, nil
}

func (s *Store) writeLayout() error {
	text, err := json.Marshal(layout{layoutVersion})
	if err != nil {
		return err
	}
	temporary := s.own(temporaryFolder, layoutFile+"."+rand.Text())
	f, err := s.disk.create(temporary)
	if err != nil {
		return err
	}
	if err = s.disk.write(f, text); err == nil {
		err = s.disk.syncFile(f)
	}
	err = errors.Join(err, s.disk.close(f))
	if err == nil {
		err = s.disk.rename(temporary, s.own(layoutFile))
	}
	if err != nil {
		return errors.Join(err, s.disk.remove(temporary))
	}
	_ = s.disk.syncFolder(filepath.Dir(s.disk.root)) // fails if the user may not read it
	return errors.Join(s.disk.syncFolder(s.own()), s.disk.syncFolder(s.disk.root))
}

// own returns a path in the folder of the store that has no recordings.
func (s *Store) own(names ...string) string {
	return filepath.Join(append([]string{s.disk.root, ownFolder}, names...)...)
}

// Path returns the absolute path of the store.
func (s *Store) Path() string { return s.disk.root }

// path returns the path of a file in the folder of a project, or false if the URI is
// not one.
func (s *Store) path(uri string) (string, bool) {
	local := filepath.FromSlash(uri)
	first, _, inside := strings.Cut(uri, "/")
	if !inside || !filepath.IsLocal(local) || filepath.Clean(local) != local || strings.EqualFold(first, ownFolder) {
		return "", false
	}
	return filepath.Join(s.disk.root, local), true
}

// uri is the reverse of path.
func (s *Store) uri(path string) string {
	return filepath.ToSlash(strings.TrimPrefix(path, s.disk.root+string(filepath.Separator)))
}

// Open opens a stored file for reading. The error matches [fs.ErrNotExist] if it does
// not exist, is not a regular file, or the URI is not one of this store.
func (s *Store) Open(uri string) (*os.File, error) {
	path, ok := s.path(uri)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: uri, Err: fs.ErrNotExist}
	}
	return s.disk.open(path)
}

// Sum reads a stored file and returns its SHA-256 (hex) and size. Errors are those
// of [Store.Open].
func (s *Store) Sum(ctx context.Context, uri string) (sha256 string, bytes int64, err error) {
	path, ok := s.path(uri)
	if !ok {
		return "", 0, &fs.PathError{Op: "open", Path: uri, Err: fs.ErrNotExist}
	}
	read, err := s.disk.read(ctx, path)
	return read.SHA256, read.Bytes, err
}

// File is a file below the folder of a project.
type File struct {
	URI   string
	Bytes int64 // -1: not a regular file
}

// Walk calls yield for each file below the folder of a project, by day, including
// files that the store did not write. Files that are removed meanwhile are left out.
// It ends with the first error of yield.
func (s *Store) Walk(ctx context.Context, project string, yield func(File) error) error {
	return s.walk(ctx, filepath.Join(s.disk.root, safeName(project)), yield)
}

func (s *Store) walk(ctx context.Context, folder string, yield func(File) error) error {
	return s.disk.walk(folder, func(path string, entry fs.DirEntry) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		file := File{URI: s.uri(path), Bytes: -1}
		if entry.Type().IsRegular() {
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return s.disk.failed(err)
			}
			file.Bytes = info.Size()
		}
		return yield(file)
	})
}

// Find returns the URIs of all files of the given conversations, by conversation id,
// with those in the quarantine. It lists the whole folder of the project once.
func (s *Store) Find(ctx context.Context, project string, conversations []string) (map[string][]string, error) {
	ids := make(map[string]string, len(conversations))
	for _, id := range conversations {
		ids[safeName(id)] = id
	}
	found := map[string][]string{}
	if len(ids) == 0 {
		return found, nil
	}
	add := func(f File) error {
		name, _, _ := strings.Cut(f.URI[strings.LastIndexByte(f.URI, '/')+1:], ".")
		if id, ok := ids[name]; ok {
			found[id] = append(found[id], f.URI)
		}
		return nil
	}
	err := s.Walk(ctx, project, add)
	if err == nil {
		err = s.walk(ctx, s.own(quarantineFolder, safeName(project)), add)
	}
	return found, err
}
