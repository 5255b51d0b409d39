package parquet

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
)

// temporary is a folder of temporary files. A writer of projects has that of its
// first one, below _sync/tmp, so that a later writer can clear it: one that holds
// the lock of the project. A writer of the whole lake has _sync/tmp itself.
type temporary struct {
	lake   *Lake
	folder string // relative to the root of the lake
	// projects are the names below _sync/tmp of the folders of the writer's projects:
	// the others are of killed writers.
	projects map[string]bool
}

func (l *Lake) temporaryOf(projects []string) temporary {
	t := temporary{lake: l, folder: tmpDir, projects: map[string]bool{}}
	for _, project := range projects {
		t.projects[shortDir(project)] = true
	}
	if len(projects) > 0 {
		t.folder += "/" + shortDir(projects[0])
	}
	return t
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
	err := l.removeIn(t.folder, func(fs.DirEntry) bool { return true })
	if t.folder != tmpDir {
		err = errors.Join(err, l.removeIn(tmpDir, t.isLeft), l.files.Sync(l.path(tmpDir)))
	}
	return failed("cannot clear "+l.path(t.folder), err)
}

// isLeft reports whether an entry of _sync/tmp was left by a killed writer.
func (t temporary) isLeft(e fs.DirEntry) bool {
	return !e.IsDir() || e.Name() == path.Base(migrateDir) || t.projects[e.Name()] && e.Name() != path.Base(t.folder)
}

// removeIn removes entries of a folder.
func (l *Lake) removeIn(folder string, which func(fs.DirEntry) bool) error {
	entries, err := l.files.ReadDir(l.path(folder))
	for _, e := range entries {
		if which(e) {
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
