package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// When the partitions of a month change, so that names of files disappear, a
// reader that lists the folder must find either the old names or the new ones, or
// it would find a conversation twice or not at all. So the month's folder is built
// next to it, with hard links of the files that stay, and both are exchanged in one
// step. A reader that has listed the old names and opens them later gets an error.

// errNoExchange means that the file system cannot exchange folders.
var errNoExchange = errors.New("the file system cannot exchange folders")

// monthPlace are the files of a table and month that a commit changes.
type monthPlace struct {
	folder string                // of the table and month
	put    map[string]placedFile // by name in the folder
	gone   []string              // names in the folder
}

// placeMonth adds the files of a month of a table to the commit.
func (c *commit) placeMonth(m *monthPlace) error {
	if len(m.gone) > 0 && len(m.put) > 0 {
		op, err := c.buildMonth(m)
		if err == nil {
			c.operations = append(c.operations, op...)
			return nil
		}
		if !errors.Is(err, errNoExchange) {
			return err
		}
	}
	for _, name := range m.gone {
		c.remove(m.folder + "/" + name)
	}
	for _, name := range sortedNames(m.put) {
		f := m.put[name]
		c.placeFile(f.name, m.folder+"/"+name, f.info)
	}
	return nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// buildMonth builds the new folder of a month. Files that are replaced under their
// name are replaced in the old folder first, so that both folders have the same
// content under the names that they share.
func (c *commit) buildMonth(m *monthPlace) (operations []operation, err error) {
	l := c.lake
	folder := c.writer.temporary.file("month")
	if err := l.files.Mkdir(l.path(folder)); err != nil {
		return nil, err
	}
	c.folders = append(c.folders, folder)
	op := operation{Kind: opExchange, From: folder, To: m.folder, Gone: m.gone}
	entries, err := l.files.ReadDir(l.path(m.folder))
	if err != nil {
		return nil, err
	}
	links := map[string]string{} // by name: files of both folders
	for _, e := range entries {
		if f, replaced := m.put[e.Name()]; replaced {
			links[e.Name()] = f.name
			operations = append(operations, operation{
				Kind:   opReplace,
				From:   f.name,
				To:     m.folder + "/" + e.Name(),
				Bytes:  f.info.Bytes,
				SHA256: f.info.SHA256,
			})
		} else if !slices.Contains(m.gone, e.Name()) {
			links[e.Name()] = m.folder + "/" + e.Name()
		}
	}
	for _, name := range sortedNames(links) {
		if err := l.files.Link(l.path(links[name]), l.path(folder+"/"+name)); err != nil {
			return nil, errors.Join(errNoExchange, err) // nothing else depends on links
		}
		op.Names = append(op.Names, name)
	}
	for _, name := range sortedNames(m.put) {
		if links[name] != "" {
			continue
		}
		f := m.put[name]
		if err := l.files.Link(l.path(f.name), l.path(folder+"/"+name)); err != nil {
			return nil, errors.Join(errNoExchange, err)
		}
		op.Names, op.Fresh = append(op.Names, name), append(op.Fresh, name)
	}
	slices.Sort(op.Names)
	return append(operations, op), nil
}

// exchangeFolder exchanges the folder of a month with the new one, unless that was
// done before: then it has the new names. What others added to the old folder after
// the new one was built stays in the month.
func (l *Lake) exchangeFolder(op *operation, changed map[string]bool) error {
	from, to := l.path(op.From), l.path(op.To)
	has, err := l.namesIn(to)
	if err != nil {
		return err
	}
	if !op.isExchanged(has) {
		built, err := l.namesIn(from)
		if err != nil {
			return err
		}
		if err = errNoExchange; slices.Equal(built, op.Names) {
			err = l.files.Exchange(from, to)
		}
		if errors.Is(err, errNoExchange) {
			return l.replaceNames(op, has, built, changed)
		}
		if err != nil {
			return err
		}
		changed[filepath.Dir(from)] = true
	}
	return l.returnOthers(op, changed)
}

// isExchanged reports whether a folder has the new names of a month and none of the
// old ones.
func (op *operation) isExchanged(has []string) bool {
	in := func(name string) bool { return slices.Contains(has, name) }
	return !slices.ContainsFunc(op.Gone, in) && !slices.ContainsFunc(op.Fresh, func(name string) bool { return !in(name) })
}

// returnOthers moves files of others from the old folder of a month to the new one.
func (l *Lake) returnOthers(op *operation, changed map[string]bool) error {
	old, err := l.namesIn(l.path(op.From))
	if err != nil {
		return err
	}
	for _, name := range old {
		if slices.Contains(op.Gone, name) || slices.Contains(op.Names, name) {
			continue
		}
		changed[l.path(op.To)] = true
		if err := l.files.Rename(l.path(op.From+"/"+name), l.path(op.To+"/"+name)); err != nil {
			return err
		}
	}
	return nil
}

// replaceNames removes the old names of a month and then adds the new ones, where
// folders cannot be exchanged. It may have been done in part.
func (l *Lake) replaceNames(op *operation, has, built []string, changed map[string]bool) error {
	for _, name := range op.Fresh {
		if !slices.Contains(has, name) && !slices.Contains(built, name) {
			return errLost // what is stored stays
		}
	}
	for _, name := range op.Gone {
		if slices.Contains(has, name) {
			if err := l.files.Remove(l.path(op.To + "/" + name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	changed[l.path(op.To)] = true
	for _, name := range op.Fresh {
		if slices.Contains(has, name) {
			continue
		}
		if err := l.files.Rename(l.path(op.From+"/"+name), l.path(op.To+"/"+name)); err != nil {
			return err
		}
	}
	return nil
}

// namesIn lists the names in a folder; none if it does not exist.
func (l *Lake) namesIn(folder string) (names []string, err error) {
	entries, err := l.files.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list a month: %w", err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
