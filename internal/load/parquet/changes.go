package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
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
	entries, err := os.ReadDir(l.path(changesDir)) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+l.path(changesDir), err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
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
		if err := readChanges(path, since, do); err != nil {
			return damaged(path, err)
		}
	}
	return nil
}

func readChanges(path string, since warehouse.Timestamp, do func(*warehouse.Change)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	in := bufio.NewReaderSize(f, 256<<10)
	for {
		n, err := binary.ReadUvarint(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return fmt.Errorf("a row of %d bytes", n)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(in, text); err != nil {
			return err
		}
		var row warehouse.Change
		if _, err := warehouse.Changes.Decode(string(text), &row); err != nil {
			return err
		}
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
