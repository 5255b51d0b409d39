package parquet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"convsync/internal/load"
)

// formatVersion is the version of the layout that this program reads and writes.
// `convsync migrate` converts a lake of an older version:
//
//   - 1 has no marks of missing conversations and no lateness.
//   - 2 has both. A partition is a day, in a folder of its own.
//   - 3 has partitions of several days, in a folder of their month.
const formatVersion = 3

// Options configure a lake.
type Options struct {
	Path string // the lake's folder; created if it does not exist
	// Mode of new files, independent of the umask; default 0600. Folders get the
	// search bit for each class that may read files. Existing files keep theirs.
	Mode fs.FileMode
	// Group of new files and folders, by name or number; default is the group of
	// the process.
	Group string
	// LockWait is the time to wait for another writer of the same project; default
	// 10 s. The wait for a commit of another writer is at least a minute.
	LockWait time.Duration
	// Step, if not nil, is called with a name before each step with a durable
	// effect. The files that are written for one partition, or for one commit, are
	// one step: without their journal they are removed later. It may be called
	// concurrently.
	Step func(string)
}

// Lake is a folder of Parquet files. It is a [load.Destination].
type Lake struct {
	root     string
	access   access
	files    fileSystem
	lockWait time.Duration
	// commitWait is the timeout for the lock of commits.
	commitWait time.Duration
	step       func(string)
	token      string       // in temporary names, unique per process
	serial     atomic.Int64 // in temporary names
	logged     logIndex     // index of the events in the log
	dailies    dailies
	pendings   pendings // results of recordings
	foldAt     int      // the number of results that a claim merges itself
	staged     stageMemory
	sizes      sizes
}

// Open opens a lake. It touches nothing: the folder need not exist.
func Open(o Options) (*Lake, error) {
	if o.Path == "" {
		return nil, &load.StateError{What: "the lake has no folder", Hint: "set its path"}
	}
	root, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, failed("cannot tell where "+o.Path+" is", err)
	}
	access, err := newAccess(o.Mode, o.Group)
	if err != nil {
		return nil, err
	}
	l := &Lake{
		root:     root,
		access:   access,
		files:    access,
		lockWait: o.LockWait,
		step:     o.Step,
		token:    rand.Text(),
		foldAt:   foldAt,
		staged:   stageMemory{limit: stageLimit(processMemory())},
		sizes:    defaultSizes,
	}
	if l.lockWait == 0 {
		l.lockWait = 10 * time.Second
	}
	l.commitWait = max(commitWait, l.lockWait)
	if l.step == nil {
		l.step = func(string) {}
	}
	return l, nil
}

// Close implements [load.Destination].
func (l *Lake) Close() error { return nil }

// Check implements [load.Destination].
func (l *Lake) Check(context.Context) error {
	version, err := l.version()
	if err != nil {
		return err
	}
	where := l.root
	if version > 0 {
		where = l.path(syncDir)
	}
	for {
		info, err := l.files.Stat(where)
		if err == nil && !info.IsDir() {
			return &load.StateError{What: where + " is not a folder", Hint: "configure another path"}
		}
		if !errors.Is(err, fs.ErrNotExist) || where == filepath.Dir(where) {
			break
		}
		where = filepath.Dir(where) // made by the first run
	}
	trial, err := os.MkdirTemp(where, ".convsync-check-")
	if err == nil {
		err = l.files.Remove(trial)
	}
	return failed("cannot write to "+where, err)
}

// Prepare implements [load.Destination].
func (l *Lake) Prepare(context.Context) error {
	if version, err := l.version(); version > 0 || err != nil {
		return err
	}
	l.step("folders")
	for _, dir := range []string{tmpDir, stateDir, changesDir, manifestDir} {
		if err := l.mkdirAll(l.path(dir)); err != nil {
			return failed("cannot make the lake "+l.root, err)
		}
	}
	err := l.writeFormat()
	if version, _ := l.version(); version > 0 {
		return nil // another process may have done the same at the same time
	}
	return failed("cannot make the lake "+l.root, err)
}

// writeFormat makes the folder a lake, by writing lake.json.
func (l *Lake) writeFormat() error {
	text, err := json.Marshal(lakeFormat{Version: formatVersion})
	if err != nil {
		return err
	}
	l.step("format")
	name := l.path(tmpDir + "/lake-" + rand.Text())
	f, err := l.files.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = l.files.Rename(name, l.path(formatFile))
	}
	if err != nil {
		return errors.Join(err, l.files.Remove(name))
	}
	return errors.Join(l.files.Sync(l.path(syncDir)), l.files.Sync(l.root), l.files.Sync(filepath.Dir(l.root)))
}

// lakeFormat is the content of lake.json.
type lakeFormat struct {
	Version int64 `json:"format_version"`
}

// version returns the version of the lake's layout, 0 if there is no lake yet.
// It fails for a folder that is neither empty nor a lake of this version.
func (l *Lake) version() (int64, error) {
	format, err := l.format()
	if err == nil && format.Version > 0 && format.Version < formatVersion {
		err = load.ErrNeedsMigration
	}
	return format.Version, err
}

func (l *Lake) format() (format lakeFormat, err error) {
	text, err := l.readFile(l.path(formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return format, l.refuseForeign()
	}
	if err != nil {
		return format, failed("cannot read the lake "+l.root, err)
	}
	if err := json.Unmarshal(text, &format); err != nil || format.Version < 1 {
		return lakeFormat{}, damaged(l.path(formatFile), fmt.Errorf("it has no format_version"))
	}
	if format.Version > formatVersion {
		return lakeFormat{}, &load.TooNewError{Where: "the lake " + l.root, Found: format.Version, Highest: formatVersion}
	}
	return format, nil
}

// refuseForeign fails if the folder has files that do not belong to a lake. A
// _sync alone is a lake whose creation was interrupted.
func (l *Lake) refuseForeign() error {
	entries, err := l.files.ReadDir(l.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("cannot read the folder "+l.root, err)
	}
	for _, e := range entries {
		if e.Name() != syncDir {
			return &load.StateError{
				What: fmt.Sprintf("the folder %s has other files (such as %s) and is not a lake", l.root, e.Name()),
				Hint: "configure a folder of its own for the lake",
			}
		}
	}
	return nil
}
