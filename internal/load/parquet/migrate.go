package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// A lake of layout 1 or 2 is converted next to what is stored, below migrateDir:
// nothing else changes until the last commit, which exchanges all folders. A
// migration that was interrupted continues with the months that it has not done.
// Until the last commit, the program that wrote the lake can still write to it:
// months that it changes meanwhile are converted again.

// migrateDir has the new and, after the last commit, the old folders. The next
// writer removes it.
const migrateDir = tmpDir + "/migrate"

const (
	migrateNew   = migrateDir + "/new"
	migrateOld   = migrateDir + "/old"
	migrateFiles = migrateDir + "/files" // unfinished ones
)

// migratedFolders are those that the last commit exchanges.
func migratedFolders() []string {
	return append([]string{contentsDir, idsDir, manifestDir}, startTables...)
}

// Layout returns the version of the lake's layout, 0 if there is no lake, and the
// one that this program supports.
func (l *Lake) Layout() (stored, supported int64, err error) {
	format, err := l.format()
	return format.Version, formatVersion, err
}

// Migrate converts a lake of an older layout. It needs as much free space as the
// lake takes. If it is interrupted, the lake is as before, and another call
// continues.
func (l *Lake) Migrate(ctx context.Context) (err error) {
	if err := l.finishMigration(ctx); err != nil {
		return err
	}
	format, err := l.format()
	if err != nil || format.Version == formatVersion {
		return err
	}
	if format.Version == 0 {
		return &load.StateError{What: "there is no lake in " + l.root, Hint: "check destination.parquet.path"}
	}
	held, err := l.lock(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, held.close()) }()
	m := &migration{lake: l, unsettled: dayOf(warehouse.TimestampOf(time.Now())) - settledAfter}
	return failed("cannot migrate the lake "+l.root, m.run(ctx))
}

// finishMigration finishes the last commit of a migration that was killed.
func (l *Lake) finishMigration(ctx context.Context) error {
	v, err := l.view()
	if err == nil {
		return v.close()
	}
	if !errors.Is(err, load.ErrNeedsMigration) {
		return err
	}
	held, err := l.lock(ctx, nil)
	if err != nil {
		return err
	}
	if err = l.recoverAlone(ctx); err == nil {
		err = l.files.RemoveAll(l.path(migrateDir))
	}
	return errors.Join(err, held.close())
}

// recoverAlone finishes the journal of a killed writer. The caller holds the lock
// of the lake.
func (l *Lake) recoverAlone(ctx context.Context) error {
	lock, err := l.lockCommits(ctx)
	if err != nil {
		return err
	}
	journal, err := l.recover()
	if err == nil && len(journal.lost) > 0 {
		err = errUnfinished()
	}
	return errors.Join(err, lock.Close())
}

// errUnfinished says what to do if files of a commit are gone.
func errUnfinished() error {
	return &load.StateError{
		What: "an interrupted commit cannot be finished: its new files under " + tmpDir + " are missing",
		Hint: "restore the lake from its backup; if the migration had begun to replace folders, the old ones are in " + migrateOld,
	}
}

// errForeign says what to do about a file of somebody else.
func errForeign(name string) error {
	return &load.StateError{
		What: name + " is not from convsync, and would be removed with the old layout",
		Hint: "move it out of the lake, then run `convsync migrate` again",
	}
}

type migration struct {
	lake      *Lake
	unsettled day // the first day that is not settled
}

// errNotSound says what to do about a lake that differs from its records.
func errNotSound(what string) error {
	return &load.StateError{
		What: what,
		Hint: "move what convsync did not write out of the lake, or repair the lake with the version that wrote it (`convsync verify --repair`); " +
			"then run `convsync migrate` again",
	}
}

func (m *migration) run(ctx context.Context) error {
	l := m.lake
	if err := l.recoverAlone(ctx); err != nil {
		return err
	}
	if err := l.files.RemoveAll(l.path(migrateFiles)); err != nil {
		return err
	}
	for _, folder := range append([]string{migrateFiles, migrateOld}, prefixed(migrateNew, migratedFolders())...) {
		if err := l.mkdirAll(l.path(folder)); err != nil {
			return err
		}
	}
	s, err := l.own().readState()
	if err != nil {
		return err
	}
	projects, err := m.projects(s)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if err := m.project(ctx, s, project); err != nil {
			return err
		}
	}
	return m.exchange(ctx)
}

func prefixed(prefix string, names []string) (all []string) {
	for _, name := range names {
		all = append(all, prefix+"/"+name)
	}
	return all
}

// projects lists the projects that are registered or have data.
func (m *migration) projects(s *state) ([]string, error) {
	all := map[string]bool{}
	for _, p := range s.projects {
		all[p.ProjectID] = true
	}
	for _, folder := range append([]string{manifestDir}, startTables...) {
		entries, err := m.lake.files.ReadDir(m.lake.path(folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			project, ok := projectOf(e.Name())
			if !ok && folder != manifestDir {
				return nil, errForeign(folder + "/" + e.Name())
			}
			if ok {
				all[project] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// project converts a project, and writes its log of ids and its contents.
func (m *migration) project(ctx context.Context, s *state, project string) error {
	l := m.lake
	old, err := l.own().readContents(project)
	if err != nil {
		return err
	}
	months, err := m.months(project, old)
	if err != nil {
		return err
	}
	known := newContents(project)
	hashes := map[string]map[day][]uint64{} // by year
	for _, month := range slices.Sorted(maps.Keys(months)) {
		if err := m.month(ctx, project, month, months[month]); err != nil {
			return err
		}
		stored, err := m.finished(ctx, project, month, hashes)
		if err != nil {
			return err
		}
		known.Months[month] = stored
	}
	if err := m.removeOthers(project, months); err != nil {
		return err
	}
	for year, days := range hashes {
		n, err := m.put(idsFile(project, year), func(w io.Writer) error {
			for _, d := range slices.Sorted(maps.Keys(days)) {
				if err := writeIDs(w, d, days[d]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		known.IDs[year] = n
	}
	if old != nil { // as in [repair.adopt], they are those that belong to the manifests
		known.Coverage, known.Open = old.Coverage, old.Open
	} else if err := known.take(s); err != nil {
		return err
	}
	_, err = m.put(contentsFile(project), func(w io.Writer) error { return json.NewEncoder(w).Encode(known) })
	return err
}

// put writes a file of the new lake durably, and returns its size.
func (m *migration) put(name string, write func(io.Writer) error) (int64, error) {
	l := m.lake
	to := l.path(migrateNew + "/" + name)
	if err := l.mkdirAll(filepath.Dir(to)); err != nil {
		return 0, err
	}
	from := l.path(m.temporary().file("state"))
	f, err := l.files.OpenFile(from, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return 0, err
	}
	counted := &counter{}
	err = errors.Join(write(io.MultiWriter(f, counted)), f.Sync(), f.Close())
	if err == nil {
		l.step("migrate file")
		err = l.files.Rename(from, to)
	}
	return counted.bytes, err
}

func (m *migration) temporary() temporary { return temporary{lake: m.lake, folder: migrateFiles} }

// exchange is the last commit: the new folders replace the old ones.
func (m *migration) exchange(ctx context.Context) error {
	l := m.lake
	if err := m.syncFolders(); err != nil {
		return err
	}
	lock, err := l.lockCommits(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	w := l.newWriter(load.Owner{}, nil, nil)
	w.temporary = m.temporary()
	c := w.newCommit()
	if err := c.putJSON(formatFile, lakeFormat{Version: formatVersion}); err != nil {
		return err
	}
	for _, folder := range migratedFolders() {
		if l.has(folder) {
			c.operations = append(c.operations, operation{Kind: opMove, From: folder, To: migrateOld + "/" + folder})
		}
		c.operations = append(c.operations, operation{Kind: opMove, From: migrateNew + "/" + folder, To: folder})
	}
	name, err := c.writeJournal()
	if err != nil {
		return err
	}
	l.step("journal")
	if err := l.files.Rename(l.path(name), l.path(journalFile)); err != nil {
		return err
	}
	if err := l.files.Sync(l.path(syncDir)); err != nil {
		return err
	}
	journal, err := l.recover()
	if err != nil {
		return err
	}
	if len(journal.lost) > 0 { // the old files are all that is left
		return errUnfinished()
	}
	return l.files.RemoveAll(l.path(migrateDir))
}

// syncFolders makes the new folders durable.
func (m *migration) syncFolders() error {
	var folders []string
	err := m.lake.files.WalkDir(m.lake.path(migrateDir), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	return errors.Join(err, m.lake.syncAll(append(folders, m.lake.path(tmpDir))))
}
