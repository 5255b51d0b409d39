package parquet

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"convsync/internal/load"
)

// view is the lake as a reader observes it while a run writes, or after a
// writer was killed: all operations of the journal count as done, also if files
// are not moved into place yet. It shows a complete version of each file, and a
// day's files as of one commit, see [Lake.openSettled].
type view struct {
	lake       *Lake
	journal    os.FileInfo       // nil: there was no journal
	held       file              // prevents reuse of the journal's inode
	from       map[string]string // temporary name by name; "": the file is removed
	operations []operation       // of the journal
}

// own returns the view of the lake's writer, which needs no journal: it is the
// only one that commits.
func (l *Lake) own() *view { return &view{lake: l} }

// view is the view of the lake after the commit, for files that are replaced.
func (c *commit) view() *view {
	v := &view{lake: c.lake, from: map[string]string{}}
	for _, op := range c.operations {
		if op.Kind == opReplace {
			v.from[op.To] = op.From
		}
	}
	return v
}

// view reads the journal. The caller closes the view.
func (l *Lake) view() (*view, error) {
	v := &view{lake: l}
	f, err := l.files.Open(l.path(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return nil, failed("cannot read "+l.path(journalFile), err)
	}
	v.held, v.from = f, map[string]string{}
	if v.journal, err = f.Stat(); err == nil {
		err = json.NewDecoder(f).Decode(&v.operations)
	}
	if err != nil {
		return nil, errors.Join(damaged(l.path(journalFile), err), f.Close())
	}
	for _, op := range v.operations {
		switch op.Kind {
		case opReplace:
			v.from[op.To] = op.From
		case opRemove:
			v.from[op.To] = ""
		case opExchange:
			for _, name := range op.Fresh {
				v.from[op.To+"/"+name] = op.From + "/" + name
			}
			for _, name := range op.Gone {
				v.from[op.To+"/"+name] = ""
			}
		case opMove: // of a migration that was killed
			return nil, errors.Join(load.ErrNeedsMigration, f.Close())
		}
	}
	return v, nil
}

func (v *view) close() error {
	if v.held == nil {
		return nil
	}
	return v.held.Close()
}

// unchanged reports whether the journal is still the one that the view was made
// from, or whether there still is none.
func (v *view) unchanged() bool {
	now, err := v.lake.files.Stat(v.lake.path(journalFile))
	if err != nil {
		return v.journal == nil && errors.Is(err, fs.ErrNotExist)
	}
	return v.journal != nil && os.SameFile(v.journal, now)
}

// open opens a file of the lake.
func (v *view) open(name string) (file, error) {
	if from, pending := v.from[name]; pending {
		if from == "" {
			return nil, fs.ErrNotExist
		}
		if f, err := v.lake.files.Open(v.lake.path(from)); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return v.lake.files.Open(v.lake.path(name)) // it is not in the journal, or was moved already
}

// readJSON reads a file with one JSON value. If there is no such file, into is
// unchanged.
func (v *view) readJSON(name string, into any) error {
	f, err := v.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("cannot read "+v.lake.path(name), err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	text, err := io.ReadAll(f)
	if err != nil {
		return failed("cannot read "+v.lake.path(name), err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return damaged(v.lake.path(name), err)
	}
	return nil
}
