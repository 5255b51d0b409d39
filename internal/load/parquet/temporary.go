package parquet

import (
	"errors"
	"path/filepath"
	"strconv"
)

// temporary is a folder of temporary files. A writer of projects has that of its
// first one, below _sync/tmp, so that a writer that begins can clear it: it holds
// the lock of the project. A writer of the whole lake has _sync/tmp itself.
type temporary struct {
	lake   *Lake
	folder string // relative to the root of the lake
}

func (l *Lake) temporaryOf(projects []string) temporary {
	if len(projects) == 0 {
		return temporary{l, tmpDir}
	}
	return temporary{l, tmpDir + "/" + shortDir(projects[0])}
}

// file returns a name that is never reused: a reader may still look for the
// file there long after it was moved.
func (t temporary) file(kind string) string {
	return t.folder + "/" + t.lake.token + "-" + strconv.FormatInt(t.lake.serial.Add(1), 10) + "-" + kind
}

// clear removes what killed writers left behind, and makes the folder durable.
// No journal may be unfinished that needs these files. Files of _sync/tmp itself
// belong to writers of the whole lake or of older versions, none of which lives
// while another writer holds the lock of the lake.
func (t temporary) clear() error {
	l := t.lake
	if err := l.mkdirAll(l.path(t.folder)); err != nil {
		return failed("cannot make "+l.path(t.folder), err)
	}
	err := l.removeIn(t.folder, true)
	if t.folder != tmpDir {
		err = errors.Join(err, l.removeIn(tmpDir, false), l.files.Sync(l.path(tmpDir)))
	}
	return failed("cannot clear "+l.path(t.folder), err)
}

// removeIn removes the files in a folder, and its folders if they are included.
func (l *Lake) removeIn(folder string, folders bool) error {
	entries, err := l.files.ReadDir(l.path(folder))
	for _, e := range entries {
		if folders || !e.IsDir() {
			err = errors.Join(err, l.files.RemoveAll(filepath.Join(l.path(folder), e.Name())))
		}
	}
	return err
}

// remove removes the folder of a writer that ends. What is left in it goes when
// the next writer begins.
func (t temporary) remove() {
	if t.folder != tmpDir {
		_ = t.lake.files.Remove(t.lake.path(t.folder)) // it may have files of a failed commit
	}
}
