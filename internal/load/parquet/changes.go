package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"convsync/internal/warehouse"
)

// changesKept is for how many days changes are kept.
const changesKept = 90

// The feed of changes lies in a file a day, rows in the warehouse's binary
// form, each behind its length.

// changesFile is the file that a change of that time is appended to: its day's,
// or the newest, should the clock have moved back, so that sequences ascend.
func (l *Lake) changesFile(at warehouse.Timestamp) (string, error) {
	name := dayOf(at).String()
	files, err := l.changesFiles()
	if err != nil {
		return "", err
	}
	if len(files) > 0 {
		name = max(name, files[len(files)-1])
	}
	return changesDir + "/" + name, nil
}

// changesFiles lists the files of the feed, oldest first.
func (l *Lake) changesFiles() (names []string, err error) {
	entries, err := l.readFolder(l.path(changesDir)) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+l.path(changesDir), err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// alignChanges brings the position in line with the newest file of the feed:
// in a copy that was made while the lake was written, the file may end within a
// row, or have changes that the position does not count yet.
func (l *Lake) alignChanges(p *position) error {
	files, err := l.changesFiles()
	if err != nil || len(files) == 0 {
		p.ChangesFile, p.ChangesBytes, p.ChangesCopyBytes = "", 0, 0
		return err
	}
	name := changesDir + "/" + files[len(files)-1]
	size, err := sizeOf(l.path(name))
	if err != nil {
		return failed("cannot look at "+l.path(name), err)
	}
	if p.ChangesFile == name && p.ChangesBytes == size {
		return nil
	}
	whole, err := l.readChanges(l.path(name), math.MinInt64, func(c *warehouse.Change) { p.Sequence = max(p.Sequence, c.Sequence) })
	if err != nil {
		return damaged(l.path(name), err)
	}
	p.ChangesFile, p.ChangesBytes = name, whole
	p.ChangesCopyBytes = 0 // the copy is of other changes
	return nil
}

func appendChanges(w io.Writer, rows []warehouse.Change) error {
	var row, text []byte
	for i := range rows {
		row = warehouse.Changes.Append(row[:0], &rows[i])
		text = append(binary.AppendUvarint(text[:0], uint64(len(row))), row...)
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// eachChange reads the changes since a time in the order of their sequence.
func (l *Lake) eachChange(since warehouse.Timestamp, do func(*warehouse.Change)) error {
	files, err := l.changesFiles()
	if err != nil {
		return err
	}
	for _, name := range files {
		if name < dayOf(since).String() {
			continue
		}
		path := filepath.Join(l.path(changesDir), name)
		if _, err := l.readChanges(path, since, do); err != nil {
			return damaged(path, err)
		}
	}
	return nil
}

// readChanges reads the whole rows of a file, and returns how many bytes they
// have. Behind them there may be a part of one that never was committed.
func (l *Lake) readChanges(path string, since warehouse.Timestamp, do func(*warehouse.Change)) (whole int64, err error) {
	f, err := l.openToRead(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	in := bufio.NewReaderSize(f, 256<<10)
	for {
		n, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		if n > math.MaxInt32 {
			return whole, fmt.Errorf("a row of %d bytes", n)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return whole, nil
		} else if err != nil {
			return whole, err
		}
		var row warehouse.Change
		if _, err := warehouse.Changes.Decode(string(text), &row); err != nil {
			return whole, err
		}
		whole += int64(len(binary.AppendUvarint(nil, n))) + int64(n)
		if row.At >= since {
			do(&row)
		}
	}
}

// expireChanges removes the files of days that are no longer kept. No change
// is in a file of a day before its own.
func (c *commit) expireChanges(since warehouse.Timestamp) error {
	files, err := c.lake.changesFiles()
	for _, name := range files {
		if name < dayOf(since).String() {
			c.remove(changesDir + "/" + name)
		}
	}
	return err
}
