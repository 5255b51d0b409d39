package parquet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// State implements [load.Destination].
func (l *Lake) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	s, err := v.readState()
	if err != nil {
		return nil, err
	}
	openQueue := s.openQueue()
	out := make(map[load.Feed]load.FeedState, len(feeds))
	for _, f := range feeds {
		out[f] = s.feed(f, openQueue)
	}
	return out, nil
}

// Projects implements [load.Destination].
func (l *Lake) Projects(context.Context) ([]warehouse.Project, error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	s, err := v.readState()
	if err != nil {
		return nil, err
	}
	return s.projects, nil
}

// Runs implements [load.Destination].
func (l *Lake) Runs(_ context.Context, limit int) ([]warehouse.SyncRun, error) {
	lines, err := l.lastLines(l.path(runsFile), limit)
	if err != nil {
		return nil, failed("cannot read "+l.path(runsFile), err)
	}
	runs := make([]warehouse.SyncRun, 0, len(lines))
	for _, line := range slices.Backward(lines) {
		run, err := parseLine(&warehouse.SyncRuns, line)
		if err != nil {
			return nil, damaged(l.path(runsFile), err)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// lastLines returns the last lines of a file, at most limit, in order, without
// reading the rest. An incomplete last line is left out.
func (l *Lake) lastLines(path string, limit int) ([][]byte, error) {
	f, err := l.files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	from, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	var tail []byte
	for from > 0 && bytes.Count(tail, []byte("\n")) <= limit {
		block := make([]byte, min(from, 64<<10))
		from -= int64(len(block))
		if _, err := f.ReadAt(block, from); err != nil {
			return nil, err
		}
		tail = append(block, tail...)
	}
	lines := bytes.Split(tail, []byte("\n"))
	lines = lines[:len(lines)-1] // after the last line end there is nothing, or an incomplete line
	return lines[max(0, len(lines)-limit):], nil
}

func sortDrift(drift []warehouse.Drift) {
	slices.SortFunc(drift, func(a, b warehouse.Drift) int { return strings.Compare(a.Path, b.Path) })
}
