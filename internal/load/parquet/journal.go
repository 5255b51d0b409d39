package parquet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// operation is a step of a commit. It is idempotent.
type operation struct {
	Kind   string `json:"kind"`
	From   string `json:"from,omitempty"` // under _sync/tmp
	To     string `json:"to"`
	Offset int64  `json:"offset,omitempty"` // where the appended text begins
	Was    int64  `json:"was,omitempty"`    // size of the file before the append
	// Bytes and SHA256 describe From. Older versions did not write them.
	Bytes  int64  `json:"bytes,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Of an exchange: the names in the new folder, those that are only in the new
	// one, and those that are only in the old one.
	Names []string `json:"names,omitempty"`
	Fresh []string `json:"fresh,omitempty"`
	Gone  []string `json:"gone,omitempty"`
}

// The kinds of operation.
const (
	opReplace  = "replace"  // From becomes To
	opAppend   = "append"   // From is appended to To at Offset
	opRemove   = "remove"   // To is removed
	opMove     = "move"     // From, a folder, becomes To, which does not exist
	opExchange = "exchange" // the folders From and To are exchanged
)

var (
	// errLost means that the new file of an operation is missing and was not moved
	// into place: in a copy of a lake that was made during a write, or after
	// _sync/tmp was cleared by hand.
	errLost = errors.New("its new content is missing")
	// errNotOurs means that the journal in progress is no longer in place.
	errNotOurs = errors.New("the journal was finished by another run")
)

// unfinished is the journal of a killed writer that could not be finished.
type unfinished struct {
	operations []operation
	lost       []operation // operations that are no longer possible
}

// recover finishes the journal of a killed writer, if there is one. An
// operation counts as done if the target has the size and checksum of the new
// file, not merely if the target exists. A journal that cannot be finished
// stays until the commit that repairs what it lists. The caller holds the lock
// of commits.
func (l *Lake) recover() (*unfinished, error) {
	f, err := l.files.Open(l.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &unfinished{}, nil
	}
	if err != nil {
		return nil, failed("cannot read "+l.path(journalFile), err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	j := &unfinished{}
	info, err := f.Stat()
	if err == nil {
		err = json.NewDecoder(f).Decode(&j.operations)
	}
	if err != nil {
		return nil, damaged(l.path(journalFile), err)
	}
	j.lost, err = l.redo(info, j.operations)
	return j, failed("cannot finish what an earlier run had begun to write", err)
}

// projects lists the projects that lost data.
func (j *unfinished) projects() (projects []string) {
	for _, op := range j.operations {
		project, ok := projectOf(op.To)
		if ok && len(j.lost) > 0 && !slices.Contains(projects, project) {
			projects = append(projects, project)
		}
	}
	return projects
}

// apply runs the operations of a journal that was just written, and removes the
// journal.
func (l *Lake) apply(journal fs.FileInfo, operations []operation) error {
	folders := map[string]bool{} // with a changed entry
	for _, op := range operations {
		if err := l.applyOne(journal, op, false, folders); err != nil {
			return fmt.Errorf("%s: %w", l.path(op.To), err)
		}
	}
	return l.finishJournal(journal, operations, folders)
}

// redo is apply after a writer was killed: some operations may have been done
// before. It returns those that are no longer possible.
func (l *Lake) redo(journal fs.FileInfo, operations []operation) (lost []operation, err error) {
	folders := map[string]bool{}
	for _, op := range operations {
		err := l.applyOne(journal, op, true, folders)
		if errors.Is(err, errLost) {
			lost = append(lost, op)
		} else if err != nil {
			return nil, err
		}
	}
	if len(lost) > 0 {
		return lost, l.syncAll(slices.Collect(maps.Keys(folders)))
	}
	return nil, l.finishJournal(journal, operations, folders)
}

// applyOne runs one operation, and adds the folders in which an entry changed.
func (l *Lake) applyOne(journal fs.FileInfo, op operation, again bool, folders map[string]bool) error {
	l.step(op.Kind)
	if !l.hasJournal(journal) {
		return errNotOurs
	}
	to := l.path(op.To)
	if op.Kind != opRemove {
		if err := l.makeFolder(filepath.Dir(to), again, folders); err != nil {
			return err
		}
	}
	var err error
	switch op.Kind {
	case opRemove:
		if err = l.files.Remove(to); errors.Is(err, fs.ErrNotExist) {
			if err = nil; !l.has(path.Dir(op.To)) { // a copy of the lake may lack the folder, too
				return nil
			}
		}
	case opAppend:
		err = l.appendFile(l.path(op.From), to, &op)
	case opMove:
		err = l.moveFolder(l.path(op.From), to, folders)
	case opExchange:
		err = l.exchangeFolder(&op, folders)
	default:
		if err = l.files.Rename(l.path(op.From), to); errors.Is(err, fs.ErrNotExist) {
			err = l.isDone(to, 0, &op)
		}
	}
	if err == nil {
		folders[filepath.Dir(to)] = true
	}
	return err
}

// moveFolder moves a folder, unless it was moved before: then To exists. The folder
// at From may be another one by then.
func (l *Lake) moveFolder(from, to string, changed map[string]bool) error {
	if _, err := l.files.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.files.Rename(from, to); err != nil {
		return err
	}
	changed[filepath.Dir(from)] = true
	return nil
}

// hasJournal reports whether the current journal is the given file.
func (l *Lake) hasJournal(journal fs.FileInfo) bool {
	now, err := l.files.Stat(l.path(journalFile))
	return err == nil && os.SameFile(journal, now)
}

// finishJournal syncs what was done, and removes the journal.
func (l *Lake) finishJournal(journal fs.FileInfo, operations []operation, folders map[string]bool) error {
	l.removeEmpty(operations, folders)
	if err := l.syncAll(slices.Collect(maps.Keys(folders))); err != nil {
		return err
	}
	l.step("done")
	if !l.hasJournal(journal) {
		return errNotOurs
	}
	if err := l.files.Remove(l.path(journalFile)); err != nil {
		return err
	}
	if err := l.files.Sync(l.path(syncDir)); err != nil {
		return err
	}
	for _, op := range operations { // the next writer removes them otherwise
		switch op.Kind {
		case opAppend:
			_ = l.files.Remove(l.path(op.From))
		case opExchange:
			_ = l.files.RemoveAll(l.path(op.From))
		}
	}
	return nil
}

// isDone checks that a file has, from an offset, the content that an operation
// writes.
func (l *Lake) isDone(path string, offset int64, op *operation) error {
	f, err := l.files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errLost
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	if op.SHA256 == "" {
		return nil // a journal of an older version has no checksum
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size < offset+op.Bytes || op.Kind == opReplace && size != op.Bytes {
		return errLost
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, offset, op.Bytes)); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != op.SHA256 {
		return errLost
	}
	return nil
}

// makeFolder makes a folder and its parents, and adds the parents of new ones
// to changed. After a killed writer a folder may exist without its entry being
// durable: then all of them count as new.
func (l *Lake) makeFolder(path string, again bool, changed map[string]bool) error {
	if len(path) <= len(l.root) {
		return nil
	}
	if _, err := l.files.Stat(path); err == nil && !again {
		return nil
	}
	parent := filepath.Dir(path)
	if err := l.makeFolder(parent, again, changed); err != nil {
		return err
	}
	changed[parent] = true
	if err := l.files.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// removeEmpty removes the folders of partitions that became empty. A folder may
// be removed already.
func (l *Lake) removeEmpty(operations []operation, changed map[string]bool) {
	for _, op := range operations {
		if op.Kind != opRemove || !isPartition(op.To) {
			continue
		}
		folder := filepath.Dir(l.path(op.To))
		if err := l.files.Remove(folder); err == nil || errors.Is(err, fs.ErrNotExist) {
			delete(changed, folder)
			changed[filepath.Dir(folder)] = true
		}
	}
}

// appendFile appends the file from. The append may have been done before, or in
// part. It does not touch a file that another program has changed meanwhile.
func (l *Lake) appendFile(from, to string, op *operation) error {
	in, err := l.files.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return l.isDone(to, op.Offset, op)
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is only read
	out, err := l.files.OpenFile(to, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	return errors.Join(appendTo(out, in, op), out.Close())
}

func appendTo(out, in file, op *operation) error {
	size, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	begun := size >= op.Offset && size <= op.Offset+op.Bytes
	if op.SHA256 != "" && size != op.Was && !begun {
		return errLost
	}
	if size == op.Was || op.SHA256 == "" {
		err = out.Truncate(op.Offset)
	}
	if err == nil {
		_, err = out.Seek(op.Offset, io.SeekStart)
	}
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.Sync()
	}
	return err
}
