package parquet

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// operation is a step of a commit. Doing it again changes nothing.
type operation struct {
	Kind   string `json:"kind"`
	From   string `json:"from,omitempty"` // under _sync/tmp
	To     string `json:"to"`
	Offset int64  `json:"offset,omitempty"` // where the appended text begins
}

// The kinds of operation.
const (
	opReplace = "replace" // From becomes To
	opAppend  = "append"  // From is appended to To at Offset
	opRemove  = "remove"  // To is removed
)

// commit gathers new files under _sync/tmp and puts them into place as one.
// Operations are done in their order.
type commit struct {
	lake       *Lake
	operations []operation
	durable    bool // the journal is written: there is no way back
}

func (l *Lake) newCommit() *commit { return &commit{lake: l} }

// temporary is a name under _sync/tmp that is never taken twice: a reader may
// still look for it when it is long in its place.
func (l *Lake) temporary(kind string) string {
	return tmpDir + "/" + l.token + "-" + strconv.FormatInt(l.serial.Add(1), 10) + "-" + kind
}

// put writes a new file that is to replace the one at to.
func (c *commit) put(to string, write func(io.Writer) error) error {
	from, err := c.write(write)
	c.operations = append(c.operations, operation{Kind: opReplace, From: from, To: to})
	return err
}

// putJSON is put with the JSON of v.
func (c *commit) putJSON(to string, v any) error {
	return c.put(to, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) })
}

// extend writes what is to be appended to the file at to.
func (c *commit) extend(to string, write func(io.Writer) error) error {
	from, err := c.write(write)
	if err != nil {
		return err
	}
	var size int64
	if info, err := os.Stat(c.lake.path(to)); err == nil {
		size = info.Size()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.operations = append(c.operations, operation{Kind: opAppend, From: from, To: to, Offset: size})
	return nil
}

// place takes a finished file under _sync/tmp.
func (c *commit) place(from, to string) {
	c.operations = append(c.operations, operation{Kind: opReplace, From: from, To: to})
}

func (c *commit) remove(to string) {
	c.operations = append(c.operations, operation{Kind: opRemove, To: to})
}

// write writes a file under _sync/tmp.
func (c *commit) write(write func(io.Writer) error) (name string, err error) {
	if len(c.operations) == 0 {
		c.lake.step("prepare")
	}
	name = c.lake.temporary("state")
	f, err := os.OpenFile(c.lake.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return name, err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(c.lake.path(name)) // the next writer clears away what stays
	}
	return name, err
}

// do commits: the new files and the journal are made durable, then the
// operations are done.
func (c *commit) do() error {
	l := c.lake
	from, err := c.write(func(w io.Writer) error { return json.NewEncoder(w).Encode(c.operations) })
	if err != nil {
		return err
	}
	made := []string{l.path(from)}
	for _, op := range c.operations {
		if op.From != "" {
			made = append(made, l.path(op.From))
		}
	}
	if err := errors.Join(syncAll(made), syncPath(l.path(tmpDir))); err != nil {
		return err
	}
	l.step("journal")
	if err := os.Rename(l.path(from), l.path(journalFile)); err != nil {
		return err
	}
	c.durable = true
	if err := syncPath(l.path(syncDir)); err != nil {
		return err
	}
	return l.apply(c.operations, false)
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

// recover finishes the journal of a writer that was cut off, if there is one.
func (l *Lake) recover() error {
	text, err := os.ReadFile(l.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("cannot read "+l.path(journalFile), err)
	}
	var operations []operation
	if err := json.Unmarshal(text, &operations); err != nil {
		return damaged(l.path(journalFile), err)
	}
	return failed("cannot finish what an earlier run had begun to write", l.apply(operations, true))
}

// apply does the operations of the journal and removes it. again tells that
// some may have been done before, by a writer that was cut off.
func (l *Lake) apply(operations []operation, again bool) error {
	folders := map[string]bool{} // in which a name has changed
	for _, op := range operations {
		l.step(op.Kind)
		if op.Kind != opRemove {
			if err := l.makeFolder(filepath.Dir(l.path(op.To)), again, folders); err != nil {
				return err
			}
		}
		if err := l.applyOne(op); err != nil {
			return err
		}
		folders[filepath.Dir(l.path(op.To))] = true
	}
	l.removeEmpty(operations, folders)
	if err := syncAll(slices.Collect(maps.Keys(folders))); err != nil {
		return err
	}
	l.step("done")
	if err := os.Remove(l.path(journalFile)); err != nil {
		return err
	}
	if err := syncPath(l.path(syncDir)); err != nil {
		return err
	}
	for _, op := range operations {
		if op.Kind == opAppend {
			_ = os.Remove(l.path(op.From)) // the next writer clears away what stays
		}
	}
	return nil
}

// makeFolder makes a folder with those above it, and adds the parents of those
// that are new to changed. One that was made before may be there without its
// name being durable: then all of them count as new.
func (l *Lake) makeFolder(path string, again bool, changed map[string]bool) error {
	if len(path) <= len(l.root) {
		return nil
	}
	if _, err := os.Stat(path); err == nil && !again {
		return nil
	}
	parent := filepath.Dir(path)
	if err := l.makeFolder(parent, again, changed); err != nil {
		return err
	}
	changed[parent] = true
	if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// removeEmpty removes the folders of partitions that have become empty. One
// may be gone already.
func (l *Lake) removeEmpty(operations []operation, changed map[string]bool) {
	for _, op := range operations {
		if op.Kind != opRemove || !isPartition(op.To) {
			continue
		}
		folder := filepath.Dir(l.path(op.To))
		if err := os.Remove(folder); err == nil || errors.Is(err, fs.ErrNotExist) {
			delete(changed, folder)
			changed[filepath.Dir(folder)] = true
		}
	}
}

func (l *Lake) applyOne(op operation) error {
	to := l.path(op.To)
	switch op.Kind {
	case opRemove:
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	case opAppend:
		return appendFile(l.path(op.From), to, op.Offset)
	}
	err := os.Rename(l.path(op.From), to)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := os.Stat(to); there == nil {
			return nil // done before
		}
	}
	return err
}

// appendFile makes the file to be its first offset bytes and those of from.
func appendFile(from, to string, offset int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it is only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = out.Truncate(offset)
	if err == nil {
		_, err = out.Seek(offset, io.SeekStart)
	}
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// clearTemporary removes what a writer that was cut off has left.
func (l *Lake) clearTemporary() error {
	entries, err := os.ReadDir(l.path(tmpDir))
	if errors.Is(err, fs.ErrNotExist) {
		return failed("cannot make "+l.path(tmpDir), os.MkdirAll(l.path(tmpDir), 0o777))
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(l.path(tmpDir), e.Name())))
	}
	return failed("cannot clear "+l.path(tmpDir), err)
}

// syncsAtOnce is how many files are made durable at once: the disk does them
// together.
const syncsAtOnce = 16

// syncAll makes files and the names in folders durable.
func syncAll(paths []string) error {
	var group errgroup.Group
	group.SetLimit(syncsAtOnce)
	for _, path := range paths {
		group.Go(func() error { return syncPath(path) })
	}
	return group.Wait()
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
