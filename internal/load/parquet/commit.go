package parquet

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
)

// commit collects new files under _sync/tmp and moves them into place
// atomically. Operations run in order.
type commit struct {
	writer     *writer
	lake       *Lake
	operations []operation
	made       []string        // files under _sync/tmp
	folders    []string        // built under _sync/tmp, see exchange.go
	synced     map[string]bool // of these
	locked     bool            // its writer holds the lock of commits
	stamp      string          // that the lock of commits must have then
	durable    bool            // the journal is written: the commit can no longer be undone
}

func (w *writer) newCommit() *commit {
	return &commit{writer: w, lake: w.lake, synced: map[string]bool{}}
}

// put writes a new file that will replace the one at to.
func (c *commit) put(to string, write func(io.Writer) error) error {
	return c.add(operation{Kind: opReplace, To: to}, write)
}

// putJSON calls put with the JSON of v.
func (c *commit) putJSON(to string, v any) error {
	return c.put(to, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

// extend writes lines that will be appended to the file at to. An incomplete
// last line, which a copy of the lake may have, is cut off.
func (c *commit) extend(to string, write func(io.Writer) error) error {
	whole, err := c.lake.wholeLines(c.lake.path(to))
	if err != nil {
		return err
	}
	return c.extendAt(to, whole, write)
}

// extendAt writes text that will be appended to the file at to, at an offset.
// Content beyond the offset is not part of any commit, and is cut off.
func (c *commit) extendAt(to string, offset int64, write func(io.Writer) error) error {
	size, err := c.lake.sizeOf(c.lake.path(to))
	if err != nil {
		return err
	}
	return c.add(operation{Kind: opAppend, To: to, Offset: offset, Was: size}, write)
}

func (c *commit) add(op operation, write func(io.Writer) error) (err error) {
	op.From, op.Bytes, op.SHA256, err = c.write(write)
	c.operations = append(c.operations, op)
	return err
}

// own makes a finished file under _sync/tmp part of the commit: it is removed
// unless it is moved into place.
func (c *commit) own(name string) { c.made = append(c.made, name) }

// placeFile adds a finished file of the commit, to be moved to to.
func (c *commit) placeFile(from, to string, info fileInfo) {
	c.operations = append(c.operations, operation{
		Kind:   opReplace,
		From:   from,
		To:     to,
		Bytes:  info.Bytes,
		SHA256: info.SHA256,
	})
}

func (c *commit) remove(to string) {
	c.operations = append(c.operations, operation{Kind: opRemove, To: to})
}

// dropLast removes the operation that was added last, and its new file.
func (c *commit) dropLast() error {
	from := c.last().From
	c.operations, c.made = c.operations[:len(c.operations)-1], c.made[:len(c.made)-1]
	return c.lake.files.Remove(c.lake.path(from))
}

// last returns the operation that was added last.
func (c *commit) last() *operation { return &c.operations[len(c.operations)-1] }

// write writes a file under _sync/tmp.
func (c *commit) write(write func(io.Writer) error) (name string, size int64, sum string, err error) {
	if len(c.operations) == 0 {
		c.lake.step("prepare")
	}
	name = c.writer.temporary.file("state")
	c.own(name)
	f, err := c.lake.files.OpenFile(c.lake.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return name, 0, "", err
	}
	hash, counted := sha256.New(), &counter{}
	w := bufio.NewWriterSize(io.MultiWriter(f, hash, counted), 64<<10)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = c.lake.files.Remove(c.lake.path(name)) // the next writer removes it otherwise
	}
	return name, counted.bytes, hex.EncodeToString(hash.Sum(nil)), err
}

// counter counts the bytes written to it.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

// reset drops what was added since the commit had so many operations and files.
func (c *commit) reset(operations, made int) {
	for _, name := range c.made[made:] {
		_ = c.lake.files.Remove(c.lake.path(name)) // the next writer removes it otherwise
	}
	c.operations, c.made = c.operations[:operations:operations], c.made[:made:made]
}

// sync syncs the new files that are not synced yet, and their folder.
func (c *commit) sync() error {
	var paths []string
	for _, name := range c.made {
		if !c.synced[name] {
			paths = append(paths, c.lake.path(name))
		}
		c.synced[name] = true
	}
	if len(paths) == 0 {
		return nil
	}
	for _, folder := range c.folders {
		paths = append(paths, c.lake.path(folder))
	}
	return errors.Join(c.lake.syncAll(paths), c.lake.files.Sync(c.lake.path(c.writer.temporary.folder)))
}

// writeJournal writes and syncs the journal and the new files, and returns its
// temporary name.
func (c *commit) writeJournal() (name string, err error) {
	name, _, _, err = c.write(func(w io.Writer) error { return json.NewEncoder(w).Encode(c.operations) })
	if err == nil {
		err = c.sync()
	}
	return name, err
}

// run renames the journal into place and runs its operations. The writer must
// still own its projects right before the rename. A writer that was paused
// between that check and the rename, and taken over meanwhile, fails as well: the
// new writer has cleared the temporary folder, where the journal of the old one
// was.
func (c *commit) run(from string) error {
	l := c.lake
	journal, err := l.files.Open(l.path(from)) // prevents reuse of the inode
	if err != nil {
		return err
	}
	defer journal.Close() //nolint:errcheck // it is only read
	info, err := journal.Stat()
	if err != nil {
		return err
	}
	l.step("fence")
	if err := c.fence(); err != nil {
		return err
	}
	if err := l.files.Rename(l.path(from), l.path(journalFile)); err != nil {
		return err
	}
	c.durable = true
	if err := l.files.Sync(l.path(syncDir)); err != nil {
		return err
	}
	return l.apply(info, c.operations)
}

// fence fails with [*load.TakenOverError] if the writer no longer owns its
// projects, or if another one has committed although this one holds the lock of
// commits.
func (c *commit) fence() error {
	if err := c.writer.fence(c.projectLocks()); err != nil {
		return err
	}
	if c.locked && c.lake.stamp() != c.stamp {
		return c.writer.takenOver("another writer committed while this one held the lock of commits")
	}
	return nil
}

// projectLocks returns the names of the lock files of the projects that the commit
// changes, so that each of a hundred projects does not check the locks of all of them;
// nil if it changes none.
func (c *commit) projectLocks() (names map[string]bool) {
	for i := range c.operations {
		if project, ok := projectOf(c.operations[i].To); ok {
			if names == nil {
				names = map[string]bool{}
			}
			names[projectLock(project)] = true
		}
	}
	return names
}

// explain returns the cause of a failed commit. Once the journal is in place, the
// commit may have removed the record of its own writer, and only missing files
// show that another one took over.
func (c *commit) explain(err error) error {
	if err == nil {
		return nil
	}
	if c.durable && !errors.Is(err, errNotOurs) && !errors.Is(err, errLost) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return cmp.Or(c.fence(), err)
}

// discard removes the new files that were not committed.
func (c *commit) discard() {
	used := map[string]bool{}
	for _, op := range c.operations {
		used[op.From] = c.durable
	}
	for _, name := range c.made {
		if !used[name] {
			_ = c.lake.files.Remove(c.lake.path(name)) // the next writer removes it otherwise
		}
	}
	for _, folder := range c.folders {
		if !used[folder] {
			_ = c.lake.files.RemoveAll(c.lake.path(folder)) // the same
		}
	}
}

// sizeOf returns the size of a file, 0 if it does not exist.
func (l *Lake) sizeOf(path string) (int64, error) {
	info, err := l.files.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// wholeLines returns the total size of the complete lines of a file.
func (l *Lake) wholeLines(path string) (int64, error) {
	f, err := l.files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	end, err := f.Seek(0, io.SeekEnd)
	for err == nil && end > 0 {
		block := make([]byte, min(end, 4<<10))
		if _, err = f.ReadAt(block, end-int64(len(block))); err != nil {
			break
		}
		for i := len(block) - 1; i >= 0; i-- {
			if block[i] == '\n' {
				return end, nil
			}
			end--
		}
	}
	return end, err
}
