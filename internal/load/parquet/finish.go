package parquet

import (
	"context"
	"os"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Finish implements [load.Writer].
func (w *writer) Finish(_ context.Context, run *warehouse.SyncRun) error {
	c := w.newCommit()
	defer c.discard()
	err := w.broken
	if err == nil {
		err = w.finish(c, run)
	}
	return failed("cannot record the end of the run in the lake "+w.lake.root, err)
}

func (w *writer) finish(c *commit, run *warehouse.SyncRun) error {
	next := *w.state
	run.Epoch, run.LastChange = warehouse.Some(next.position.Epoch), warehouse.Null[int64]{V: next.position.Sequence, Valid: next.position.Sequence > 0}
	log, err := w.readRunLog(run)
	if err != nil {
		return err
	}
	w.lake.step("copy")
	if err := w.expire(c, &next, run); err != nil {
		return err
	}
	if err := w.copies(c, &next, run, log); err != nil {
		return err
	}
	if err := w.fold(c, run); err != nil {
		return err
	}
	if err := w.writeRuns(c, run, log); err != nil {
		return err
	}
	c.remove(ownerFile)
	if err := w.do(c); err != nil {
		return err
	}
	w.state = &next
	return nil
}

// copies adds Parquet copies of the sync's own tables to a commit.
func (w *writer) copies(c *commit, next *state, run *warehouse.SyncRun, log *load.RunLog) error {
	lock := warehouse.SyncLock{Name: "writer", Epoch: next.position.Epoch}
	for _, put := range []func() error{
		func() error { return copyTable(c, &warehouse.Projects, each(next.projects)) },
		func() error { return copyTable(c, &warehouse.SyncCoverage, each(next.coverage)) },
		func() error { return copyTable(c, &warehouse.SyncWatermarks, each(next.watermarks)) },
		func() error { return copyTable(c, &warehouse.OpenConversations, each(next.openQueue())) },
		func() error { return copyTable(c, &warehouse.SyncLateness, each(next.lateness)) },
		func() error { return copyTable(c, &warehouse.SyncRevealed, each(next.revealed)) },
		func() error { return copyTable(c, &warehouse.SyncHoles, each(next.holes)) },
		func() error { return w.copyRejects(c, next) },
		func() error { return copyTable(c, &warehouse.SchemaDrift, each(next.drift)) },
		func() error { return copyTable(c, &warehouse.Erasures, each(next.tombstones())) },
		func() error { return copyTable(c, &warehouse.SyncLocks, each([]warehouse.SyncLock{lock})) },
		func() error { return w.copyRuns(c, run, log) },
		func() error { return w.copyChanges(c, next, log) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	if next.position == w.state.position {
		return nil
	}
	return c.putJSON(positionFile, next.position)
}

// copyRuns copies the log of runs, including the run that ends.
func (w *writer) copyRuns(c *commit, run *warehouse.SyncRun, log *load.RunLog) error {
	return copyTable(c, &warehouse.SyncRuns, func(do func(*warehouse.SyncRun)) error {
		err := w.eachKeptRun(log, func(line []byte) error {
			r, err := parseLine(&warehouse.SyncRuns, line)
			if err != nil {
				return damaged(w.lake.path(runsFile), err)
			}
			do(&r)
			return nil
		})
		do(run)
		return err
	})
}

// copyChanges copies the feed of changes, unless it is unchanged.
func (w *writer) copyChanges(c *commit, next *state, log *load.RunLog) error {
	before := len(c.operations)
	files, err := c.expireChanges(log.ExpiredChanges(), &next.position)
	if err != nil {
		return err
	}
	same := next.position.Copied == next.position.Sequence && len(c.operations) == before
	if same && w.lake.isCopy(warehouse.Changes.Name, next.position.ChangesCopyBytes) {
		return nil
	}
	next.position.Copied = next.position.Sequence
	err = copyTable(c, &warehouse.Changes, func(do func(*warehouse.Change)) error {
		return w.lake.eachChange(files, do)
	})
	if err == nil {
		next.position.ChangesCopyBytes = c.last().Bytes
	}
	return err
}

// copyRejects copies the rejects, unless they are unchanged.
func (w *writer) copyRejects(c *commit, next *state) error {
	if next.position.RejectsCopied && w.lake.isCopy(warehouse.Rejects.Name, next.position.RejectsCopyBytes) {
		return nil
	}
	next.position.RejectsCopied = true
	err := copyTable(c, &warehouse.Rejects, func(do func(*warehouse.Reject)) error {
		return eachLine(c.view(), &warehouse.Rejects, statePath(warehouse.Rejects.Name), func(r *warehouse.Reject) error {
			do(r)
			return nil
		})
	})
	if err == nil {
		next.position.RejectsCopyBytes = c.last().Bytes
	}
	return err
}

// isCopy reports whether the copy of one of the sync's own tables is the latest
// one, by its size.
func (l *Lake) isCopy(table string, bytes int64) bool {
	size, err := sizeOf(l.path(copyPath(table)))
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
	name := c.lake.temporary(t.Name + ".parquet")
	f, err := createFile(newFormat(t, batchRows), c.lake.access, c.lake.path(name))
	if err != nil {
		return err
	}
	if err := rows(func(row *R) { f.Add(row) }); err != nil {
		f.Abandon()
		_ = os.Remove(c.lake.path(name)) // the next writer removes it otherwise
		return err
	}
	info, err := f.Close()
	c.place(name, copyPath(t.Name), info)
	return err
}

var _ load.Writer = (*writer)(nil)
