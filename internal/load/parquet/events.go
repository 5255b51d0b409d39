package parquet

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"convsync/internal/warehouse"
)

// The log of events is stored under _sync/events in files of JSON lines, one
// per day of receipt. Lines are only added; a day is removed as a whole.

// eventsFile returns the file of the log that an event belongs to.
func eventsFile(e *warehouse.WebhookEvent) string {
	return eventsDir + "/" + dayOf(e.ReceivedAt).String()
}

// eventsFiles lists the days of the log, oldest first.
func (l *Lake) eventsFiles() (days []string, err error) {
	entries, err := l.files.ReadDir(l.path(eventsDir)) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		days = append(days, e.Name())
	}
	return days, nil
}

// readEvents reads the complete lines of a day of the log from an offset, and
// returns the offset after them. An incomplete last line is still being
// written.
func (l *Lake) readEvents(day string, from int64, do func(*warehouse.WebhookEvent)) (until int64, err error) {
	path := filepath.Join(l.path(eventsDir), day)
	f, err := l.files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return from, nil // it was removed
	}
	if err != nil {
		return from, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return from, err
	}
	lines := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		e, err := parseLine(&warehouse.WebhookEvents, bytes.TrimSpace(line))
		if err != nil {
			return from, damaged(path, err)
		}
		do(&e)
		from += int64(len(line))
	}
}

// logIndex remembers which events are in the log, from the parts that it has
// read.
type logIndex struct {
	mu   sync.Mutex
	days map[string]*loggedDay
}

// loggedDay is the part of a day of the log that was read.
type loggedDay struct {
	until int64
	ids   map[[sha256.Size / 2]byte]struct{}
}

// knows reports whether an event is in the log. It reads only what was added
// since the last call.
func (x *logIndex) knows(l *Lake, id string) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	days, err := l.eventsFiles()
	if err != nil {
		return false, err
	}
	read := make(map[string]*loggedDay, len(days)) // removed days are dropped
	defer func() { x.days = read }()
	known := false
	for _, day := range days {
		at := x.days[day]
		if at == nil {
			at = &loggedDay{ids: map[[sha256.Size / 2]byte]struct{}{}}
		}
		read[day] = at
		info, err := l.files.Stat(filepath.Join(l.path(eventsDir), day))
		if err == nil && info.Size() > at.until {
			at.until, err = l.readEvents(day, at.until, func(e *warehouse.WebhookEvent) { at.ids[shortHash(e.EventID)] = struct{}{} })
			if err != nil {
				return false, err
			}
		}
		_, here := at.ids[shortHash(id)]
		known = known || here
	}
	return known, nil
}

// shortHash returns the hash that represents an id in memory.
func shortHash(id string) (short [sha256.Size / 2]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(short[:], sum[:])
	return short
}
