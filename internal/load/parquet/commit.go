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
	"strconv"
)

// commit gathers new files under _sync/tmp and puts them into place as one.
// Operations are done in their order.
type commit struct {
	lake       *Lake
	fence      func() error // fails when the writer no longer owns the lake
	operations []operation
	durable    bool // the journal is written: there is no way back
}

func (w *writer) newCommit() *commit { return &commit{lake: w.lake, fence: w.fence} }

// temporary is a name under _sync/tmp that is never taken twice: a reader may
// still look for it when it is long in its place.
func (l *Lake) temporary(kind string) string {
	return tmpDir + "/" + l.token + "-" + strconv.FormatInt(l.serial.Add(1), 10) + "-" + kind
}

// put writes a new file that is to replace the one at to.
func (c *commit) put(to string, write func(io.Writer) error) error {
	return c.add(operation{Kind: opReplace, To: to}, write)
}

// putJSON is put with the JSON of v.
func (c *commit) putJSON(to string, v any) error {
	return c.put(to, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

// extend writes lines that are to be appended to the file at to. The rest of a
// line without an end, which a copy of the lake may have, is cut off.
func (c *commit) extend(to string, write func(io.Writer) error) error {
	whole, err := wholeLines(c.lake.path(to))
	if err != nil {
		return err
	}
	return c.extendAt(to, whole, write)
}

// extendAt writes what is to be appended to the file at to, at an offset. What
// the file has beyond the offset is not part of any commit, and is cut off.
func (c *commit) extendAt(to string, offset int64, write func(io.Writer) error) error {
	size, err := sizeOf(c.lake.path(to))
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

// place takes a finished file under _sync/tmp.
func (c *commit) place(from, to string, info fileInfo) {
	c.operations = append(c.operations, operation{Kind: opReplace, From: from, To: to, Bytes: info.Bytes, SHA256: info.SHA256})
}

func (c *commit) remove(to string) {
	c.operations = append(c.operations, operation{Kind: opRemove, To: to})
}

// last is the operation that was added last.
func (c *commit) last() *operation { return &c.operations[len(c.operations)-1] }

// write writes a file under _sync/tmp.
func (c *commit) write(write func(io.Writer) error) (name string, size int64, sum string, err error) {
	if len(c.operations) == 0 {
		c.lake.step("prepare")
	}
	name = c.lake.temporary("state")
	f, err := c.lake.access.open(c.lake.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
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
		_ = os.Remove(c.lake.path(name)) // the next writer clears away what stays
	}
	return name, counted.bytes, hex.EncodeToString(hash.Sum(nil)), err
}

// counter counts the bytes written to it.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

// do commits: the new files and the journal are made durable, then the
// operations are done. The writer must still own the lake right before the
// journal is there. A writer that is paused between that check and the rename
// fails as well when it was taken over meanwhile: whoever takes over clears
// _sync/tmp, where its journal still lies.
func (c *commit) do() error {
	l := c.lake
	from, _, _, err := c.write(func(w io.Writer) error { return json.NewEncoder(w).Encode(c.operations) })
	if err != nil {
		return c.explain(err)
	}
	made := []string{l.path(from)}
	for _, op := range c.operations {
		if op.From != "" {
			made = append(made, l.path(op.From))
		}
	}
	if err := errors.Join(syncAll(made), syncPath(l.path(tmpDir))); err != nil {
		return c.explain(err)
	}
	l.step("journal")
	unlock, err := l.lockCommits()
	if err != nil {
		return c.explain(err)
	}
	defer unlock()
	return c.explain(c.journal(from))
}

// journal puts the journal into place and does what it lists.
func (c *commit) journal(from string) error {
	l := c.lake
	journal, err := os.Open(l.path(from)) // keeps the inode from being used again
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
	if err := os.Rename(l.path(from), l.path(journalFile)); err != nil {
		return err
	}
	c.durable = true
	if err := syncPath(l.path(syncDir)); err != nil {
		return err
	}
	return l.apply(info, c.operations)
}

// explain is the reason of a failed commit: a writer that was taken over fails
// in many ways, as the files that it made are cleared away.
func (c *commit) explain(err error) error {
	if err == nil {
		return nil
	}
	return cmp.Or(c.fence(), err)
}

// discard removes the new files of a commit that was not done.
func (c *commit) discard() {
	if c.durable {
		return
	}
	for _, op := range c.operations {
		if op.From != "" {
			_ = os.Remove(c.lake.path(op.From)) // the next writer clears the rest away
		}
	}
}

// sizeOf is the size of a file; 0 when there is none.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// wholeLines is how much of a file are lines with their ends.
func wholeLines(path string) (int64, error) {
	f, err := os.Open(path)
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
