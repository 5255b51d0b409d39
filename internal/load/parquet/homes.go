package parquet

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"convsync/internal/warehouse"
)

// homes are the days on which a conversation may be stored, by project, from the log
// of ids. Nothing is known about other projects: it may be on any of their days. nil:
// nothing is known at all.
type homes map[string]map[day]bool

// homes searches the logs of ids; nil if the id is "". A log that cannot be read is
// ignored: a reader then gets more files than it needs.
func (v *view) homes(id string) (homes, error) {
	if id == "" {
		return nil, nil
	}
	entries, err := v.lake.files.ReadDir(v.lake.path(contentsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("cannot read "+v.lake.path(contentsDir), err)
	}
	found, hash := homes{}, warehouse.HashID(id)
	for _, e := range entries {
		project, ok := projectOf(e.Name())
		if !ok {
			continue
		}
		known, err := v.readContents(project)
		if err != nil || known == nil {
			continue
		}
		days := map[day]bool{}
		for year, size := range known.IDs {
			err = errors.Join(err, v.lake.eachStoredID(project, year, size, func(h uint64, d day) {
				if h == hash {
					days[d] = true
				}
			}))
		}
		if err == nil {
			found[project] = days
		}
	}
	return found, nil
}

// inFile reports whether a file of a table may have rows of the conversation.
func (h homes) inFile(name string) bool {
	p, ok := partitionOf(name)
	if !ok {
		return true
	}
	return h.in(p.project, p.has)
}

// inFolder reports whether a folder of a table may have such files.
func (h homes) inFolder(name string) bool {
	project, ok := projectOf(name)
	if !ok {
		return true
	}
	month, ok := strings.CutPrefix(path.Base(name), monthColumn+"=")
	return h.in(project, func(d day) bool { return !ok || d.month() == month })
}

// in reports whether one of the days of a project matches.
func (h homes) in(project string, matches func(day) bool) bool {
	days, known := h[project]
	for d := range days {
		if matches(d) {
			return true
		}
	}
	return !known
}
