package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"convsync/internal/warehouse"
)

// The feed of changes is stored in files, ordered by sequence. A file has rows
// in the warehouse's binary form, each after its length, and is named after its
// first sequence. Files of older versions are named after a day and come before
// all others.

// changesPrefix starts the names of files. It sorts after the digits of a day.
const changesPrefix = "s"

// changesFile returns the name of the file whose first change has a sequence.
func changesFile(first int64) string {
	return fmt.Sprintf("%s/%s%019d", changesDir, changesPrefix, first)
}

// firstChange returns the first sequence of the file of that name. ok is false
// for files of older versions.
func firstChange(name string) (first int64, ok bool) {
	digits, ok := strings.CutPrefix(name, changesPrefix)
	first, err := strconv.ParseInt(digits, 10, 64)
	return first, ok && err == nil
}

// changesFiles lists the files of the feed, oldest first.
func (l *Lake) changesFiles() (names []string, err error) {
	entries, err := l.files.ReadDir(l.path(changesDir)) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+l.path(changesDir), err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// alignChanges corrects the position to match the newest file of the feed. In a
// copy that was made during a write, the file may end within a row, or have
// changes that the position does not count yet.
func (l *Lake) alignChanges(p *position) error {
	files, err := l.changesFiles()
	if err != nil || len(files) == 0 {
		p.ChangesFile, p.ChangesDay, p.ChangesBytes, p.ChangesCopyBytes = "", "", 0, 0
		return err
	}
	name := changesDir + "/" + files[len(files)-1]
	size, err := l.sizeOf(l.path(name))
	if err != nil {
		return failed("cannot look at "+l.path(name), err)
	}
	if p.ChangesFile == name && p.ChangesBytes == size {
		return nil
	}
	whole, err := l.readChanges(l.path(name), 0, func(c *warehouse.Change) { p.Sequence = max(p.Sequence, c.Sequence) })
	if err != nil {
		return damaged(l.path(name), err)
	}
	p.ChangesFile, p.ChangesBytes = name, whole
	p.ChangesCopyBytes = 0 // the copy has other changes
	return nil
}

func appendChanges(w io.Writer, changes iter.Seq[*warehouse.Change]) error {
	var row, text []byte
	for c := range changes {
		row = warehouse.Changes.Append(row[:0], c)
		text = append(binary.AppendUvarint(text[:0], uint64(len(row))), row...)
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// eachChange reads the changes after a sequence in the files of the given names, in
// order.
func (l *Lake) eachChange(files []string, after int64, do func(*warehouse.Change)) error {
	for _, name := range files {
		path := filepath.Join(l.path(changesDir), name)
		if _, err := l.readChanges(path, after, do); err != nil {
			return damaged(path, err)
		}
	}
	return nil
}

// readChanges reads the complete rows of a file, and returns their total size
// in bytes. After them there may be a part of a row that was never committed. It
// decodes only those after a sequence: a file may have a million others.
func (l *Lake) readChanges(path string, after int64, do func(*warehouse.Change)) (whole int64, err error) {
	f, err := l.files.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	in := bufio.NewReaderSize(f, 256<<10)
	var text []byte
	var prefix [binary.MaxVarintLen64]byte
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
		text = slices.Grow(text[:0], int(n))[:n]
		if _, err := io.ReadFull(in, text); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return whole, nil
		} else if err != nil {
			return whole, err
		}
		if sequence, read := binary.Varint(text); read <= 0 || sequence > after { // the first column
			var row warehouse.Change
			if _, err := warehouse.Changes.Decode(string(text), &row); err != nil {
				return whole, err
			}
			do(&row)
		}
		whole += int64(len(binary.AppendUvarint(prefix[:0], n))) + int64(n)
	}
}

// splitChanges lists the files of the feed that remain, and those in which all
// changes have expired, which is up to a sequence.
func (l *Lake) splitChanges(expired int64, p *position) (kept, gone []string, err error) {
	files, err := l.changesFiles()
	if err != nil {
		return nil, nil, err
	}
	for i := range files {
		next, ok := p.Sequence+1, true
		if i+1 < len(files) {
			next, ok = firstChange(files[i+1])
		}
		if !ok || next > expired+1 {
			return files[i:], files[:i], nil
		}
	}
	return nil, files, nil
}
