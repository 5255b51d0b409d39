package parquet

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Finish implements [load.Writer]. A partial run merges partitions as well: a project
// whose source fails now and then would otherwise keep a file for each day.
func (w *writer) Finish(stopped context.Context, run *warehouse.SyncRun) error {
	ctx := context.WithoutCancel(stopped)
	f := &finishing{writer: w, commit: w.newCommit(), run: run}
	defer f.commit.discard()
	err := w.broken
	if err == nil {
		err = w.foldRecordings(ctx, run.RunID)
	}
	if err == nil && run.Status != warehouse.RunFailed && stopped.Err() == nil {
		err = w.settle(stopped, run)
	}
	if err == nil {
		err = f.finish(ctx)
	}
	return failed("cannot record the end of the run in the lake "+w.lake.root, w.explain(err))
}

// finishing is the commit at the end of a run.
type finishing struct {
	*writer
	commit *commit
	run    *warehouse.SyncRun
	log    *load.RunLog
	own    int64 // a sequence up to which all changes of this run are
	// Copies that were written before the commit, because they take long and other
	// writers would wait for them; nil: none.
	changes, runs, rejects *preparedCopy
}

// preparedCopy is a Parquet copy of one of the sync's own tables.
type preparedCopy struct {
	name string // of the temporary file
	info fileInfo
	of   os.FileInfo // the file that it was made of; nil: it did not exist
}

// prepareCopy writes a copy of a table that is stored in a file. The file may be
// replaced or appended to meanwhile: then the copy is of neither version.
func prepareCopy[R any](f *finishing, t *warehouse.Table[R], file string, rows func(func(*R)) error) (p *preparedCopy, err error) {
	p = &preparedCopy{}
	if p.of, err = f.look(file); err != nil {
		return nil, err
	}
	p.name, p.info, err = writeCopy(f.commit, t, rows)
	return p, err
}

// look returns the current version of a file; nil if there is none.
func (f *finishing) look(file string) (os.FileInfo, error) {
	info, err := f.lake.files.Stat(f.lake.path(file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot look at "+f.lake.path(file), err)
	}
	return info, nil
}

// putCopy adds a copy of a table to the commit: the prepared one, if the file is
// still the one that it was made of.
func putCopy[R any](f *finishing, p *preparedCopy, t *warehouse.Table[R], file string, rows func(func(*R)) error) error {
	now, err := f.look(file)
	if err != nil {
		return err
	}
	if p == nil || !sameFile(now, p.of) {
		return copyTable(f.commit, t, rows)
	}
	f.commit.placeFile(p.name, copyPath(t.Name), p.info)
	return nil
}

func (f *finishing) finish(ctx context.Context) error {
	f.lake.step("copy")
	if err := f.prepare(); err != nil {
		return err
	}
	err := f.writer.commit(ctx, f.commit, f.build)
	f.finished = f.finished || err == nil
	return err
}

// build adds the end of the run to the commit.
func (f *finishing) build(next *state) (err error) {
	f.run.Epoch = warehouse.Some(f.record.Epoch)
	if f.log, err = f.readRunLog(f.run); err != nil {
		return err
	}
	if err := f.expire(f.commit, next, f.run); err != nil {
		return err
	}
	if err := f.copies(next); err != nil {
		return err
	}
	if err := f.fold(f.commit, f.run); err != nil {
		return err
	}
	if err := f.writeRuns(f.commit, f.run, f.log); err != nil {
		return err
	}
	if err := f.refreshViews(); err != nil {
		return err
	}
	if !f.finished {
		f.commit.remove(f.record.name())
	}
	return nil
}

// prepare copies what may be large. Other writers may commit meanwhile.
func (f *finishing) prepare() (err error) {
	var now position
	if err = f.lake.own().readJSON(positionFile, &now); err != nil {
		return err
	}
	f.run.Epoch = warehouse.Some(f.record.Epoch)
	f.run.LastChange = warehouse.Null[int64]{V: now.Sequence, Valid: now.Sequence > 0}
	logged, err := f.look(runsFile) // not later: another run may replace the file that the log is of
	if err != nil {
		return err
	}
	if f.log, err = f.readRunLog(f.run); err != nil {
		return err
	}
	if f.runs, err = prepareCopy(f, &warehouse.SyncRuns, runsFile, f.eachRun); err != nil {
		return err
	}
	f.runs.of = logged
	if !f.hasRejects(&now) {
		if f.rejects, err = prepareCopy(f, &warehouse.Rejects, statePath(warehouse.Rejects.Name), f.eachReject); err != nil {
			return err
		}
	}
	return f.prepareChanges(&now)
}

// prepareChanges copies the feed of changes, unless the copy is complete. If
// another writer removes a file of the feed meanwhile, it is copied under the
// lock.
func (f *finishing) prepareChanges(now *position) error {
	f.own = now.Sequence
	kept, expired, err := f.lake.splitChanges(f.log.ExpiredChanges(), now)
	if err != nil || f.hasChanges(now) && len(expired) == 0 {
		return err
	}
	p := &preparedCopy{}
	p.name, p.info, err = writeCopy(f.commit, &warehouse.Changes, func(do func(*warehouse.Change)) error {
		return f.lake.eachChange(kept, 0, do)
	})
	switch {
	case err == nil:
		f.changes = p
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	return err
}

// hasChanges reports whether there is a copy of the feed of changes that has all
// changes of this run.
func (f *finishing) hasChanges(at *position) bool {
	return at.Copied >= f.own && f.lake.isCopy(warehouse.Changes.Name, at.ChangesCopyBytes)
}

// hasRejects reports whether the copy of the rejects is up to date.
func (f *finishing) hasRejects(at *position) bool {
	return at.RejectsCopied && f.lake.isCopy(warehouse.Rejects.Name, at.RejectsCopyBytes)
}

// copies adds Parquet copies of the sync's own tables to the commit.
func (f *finishing) copies(next *state) error {
	c := f.commit
	lock := warehouse.SyncLock{Name: "writer", Epoch: next.position.Epoch}
	for _, put := range []func() error{
		func() error { return refreshTable(c, &warehouse.Projects, each(next.projects)) },
		func() error { return refreshTable(c, &warehouse.SyncCoverage, each(next.coverage)) },
		func() error { return refreshTable(c, &warehouse.SyncWatermarks, each(next.watermarks)) },
		func() error { return refreshTable(c, &warehouse.OpenConversations, each(next.openQueue())) },
		func() error { return refreshTable(c, &warehouse.SyncLateness, each(next.lateness)) },
		func() error { return refreshTable(c, &warehouse.SyncRevealed, each(next.revealed)) },
		func() error { return refreshTable(c, &warehouse.SyncHoles, each(next.holes)) },
		func() error { return f.copyRejects(next) },
		func() error { return refreshTable(c, &warehouse.SchemaDrift, each(next.drift)) },
		func() error { return refreshTable(c, &warehouse.Erasures, each(next.tombstones())) },
		func() error { return refreshTable(c, &warehouse.SyncRecordings, each(next.recordings)) },
		func() error { return refreshTable(c, &warehouse.SyncLocks, each([]warehouse.SyncLock{lock})) },
		func() error { return putCopy(f, f.runs, &warehouse.SyncRuns, runsFile, f.eachRun) },
		func() error { return f.copyChanges(next) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}

// eachRun yields the runs that are kept, including the one that ends.
func (f *finishing) eachRun(do func(*warehouse.SyncRun)) error {
	err := f.eachKeptRun(f.log, func(line []byte) error {
		r, err := parseLine(&warehouse.SyncRuns, line)
		if err != nil {
			return damaged(f.lake.path(runsFile), err)
		}
		do(&r)
		return nil
	})
	do(f.run)
	return err
}

// copyChanges places the copy of the feed of changes, unless there is a newer
// one, which is made again if changes expire. The prepared copy may lack changes
// that another writer has committed since it was made: that writer has not
// finished yet, and copies them then.
func (f *finishing) copyChanges(next *state) error {
	at := &next.position
	kept, expired, err := f.lake.splitChanges(f.log.ExpiredChanges(), at)
	if err != nil || f.hasChanges(at) && len(expired) == 0 {
		return err
	}
	for _, name := range expired {
		f.commit.remove(changesDir + "/" + name)
	}
	if len(kept) == 0 {
		at.ChangesFile, at.ChangesDay, at.ChangesBytes = "", "", 0
	}
	if f.changes != nil && f.own >= at.Copied {
		at.Copied, at.ChangesCopyBytes = f.own, f.changes.info.Bytes
		f.commit.placeFile(f.changes.name, copyPath(warehouse.Changes.Name), f.changes.info)
		return nil
	}
	at.Copied = at.Sequence
	err = copyTable(f.commit, &warehouse.Changes, func(do func(*warehouse.Change)) error { return f.lake.eachChange(kept, 0, do) })
	if err == nil {
		at.ChangesCopyBytes = f.commit.last().Bytes
	}
	return err
}

// copyRejects copies the rejects, unless they are unchanged.
func (f *finishing) copyRejects(next *state) error {
	if f.hasRejects(&next.position) {
		return nil
	}
	prepared := f.rejects
	name := statePath(warehouse.Rejects.Name)
	if slices.ContainsFunc(f.commit.operations, func(op operation) bool { return op.To == name }) { // some expire
		prepared = nil
	}
	next.position.RejectsCopied = true
	err := putCopy(f, prepared, &warehouse.Rejects, name, f.eachReject)
	if err == nil {
		next.position.RejectsCopyBytes = f.commit.last().Bytes
	}
	return err
}

// eachReject yields the rejects that the commit leaves.
func (f *finishing) eachReject(do func(*warehouse.Reject)) error {
	return eachLine(f.commit.view(), &warehouse.Rejects, statePath(warehouse.Rejects.Name), func(r *warehouse.Reject) error {
		do(r)
		return nil
	})
}

// isCopy reports whether the copy of one of the sync's own tables is the latest
// one, by its size.
func (l *Lake) isCopy(table string, bytes int64) bool {
	size, err := l.sizeOf(l.path(copyPath(table)))
	return err == nil && size == bytes && size > 0
}

// copyPath returns the name of the copy of one of the sync's own tables.
func copyPath(table string) string { return table + "/" + partName }

func each[R any](rows []R) func(func(*R)) error {
	return func(do func(*R)) error {
		for i := range rows {
			do(&rows[i])
		}
		return nil
	}
}

// copyTable adds one of the sync's own tables to a commit, as one Parquet file.
func copyTable[R any](c *commit, t *warehouse.Table[R], rows func(func(*R)) error) error {
	name, info, err := writeCopy(c, t, rows)
	if err == nil {
		c.placeFile(name, copyPath(t.Name), info)
	}
	return err
}

// refreshTable is copyTable for a small table. It keeps a copy that is equal
// already: to sync and rename a dozen files would take most of the time of a run
// that has nothing to do.
func refreshTable[R any](c *commit, t *warehouse.Table[R], rows func(func(*R)) error) error {
	if err := copyTable(c, t, rows); err != nil {
		return err
	}
	if c.lake.isDone(c.lake.path(copyPath(t.Name)), 0, c.last()) != nil { // another one, or it cannot be read
		return nil
	}
	return c.dropLast()
}

// writeCopy writes one of the sync's own tables to a temporary file of a commit.
func writeCopy[R any](c *commit, t *warehouse.Table[R], rows func(func(*R)) error) (name string, info fileInfo, err error) {
	name = c.writer.temporary.file(t.Name + ".parquet")
	c.own(name)
	f, err := c.lake.createFile(newFormat(t, batchRows), c.lake.path(name))
	if err != nil {
		return name, info, err
	}
	if err := rows(func(row *R) { f.Add(row) }); err != nil {
		f.Abandon()
		return name, info, err
	}
	info, err = f.Close()
	return name, info, err
}

var _ load.Writer = (*writer)(nil)
