package parquet

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writer is the [load.Writer] of a lake. There is one at a time.
type writer struct {
	lake               *Lake
	owner              load.Owner
	locked             *os.File // closing it frees the lock
	state              *state
	index              *idLog
	rejected           map[conversationOf]bool // conversations that have rejects
	environments       map[string][]string     // by project, in configured order
	takeover, claiming takeover                // the takeover that must be recorded while this writer owns the lake
	uncovered          []load.Uncovered        // found when the writer began
	doubtful           []partition             // days that [writer.Recover] rewrites
	// broken is the error of a commit that failed after its journal was written.
	// The next writer finishes it.
	broken error

	mu     sync.Mutex
	stages map[load.WindowID]*stage
}

// startTables are the names of the tables that are partitioned by start.
var startTables = func() (names []string) {
	for _, s := range warehouse.Specs() {
		if s.ByStart {
			names = append(names, s.Name)
		}
	}
	return names
}()

// Begin implements [load.Destination].
func (l *Lake) Begin(ctx context.Context, owner load.Owner, _ ...string) (load.Writer, error) {
	version, err := l.version()
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return nil, &load.StateError{What: "there is no lake in " + l.root, Hint: "let `convsync run` make one"}
	}
	locked, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		lake: l, owner: owner, locked: locked, index: newIDLog(l),
		environments: map[string][]string{}, stages: map[load.WindowID]*stage{},
	}
	if err := w.takeOver(ctx); err != nil {
		return nil, errors.Join(failed("cannot write to the lake "+l.root, err), w.Close())
	}
	return w, nil
}

// takeOver finishes the work of the previous writer, and records this one as
// the owner. It upgrades a lake of an older version.
func (w *writer) takeOver(ctx context.Context) (err error) {
	unfinished, err := w.lake.recover()
	if err != nil {
		return err
	}
	if err := w.lake.clearTemporary(); err != nil { // not earlier: a journal needs these files
		return err
	}
	if w.state, err = w.lake.own().readState(); err != nil {
		return err
	}
	w.takeover = w.state.position.takeover
	if w.rejected, err = w.lake.rejected(); err != nil {
		return err
	}
	r := w.newRepair(ctx)
	defer r.commit.discard()
	if err := w.upgrade(r); err != nil {
		return err
	}
	if err := r.lost(unfinished); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if err := w.lake.alignChanges(&r.next.position); err != nil {
		return err
	}
	if killed := w.lake.owner(); killed.RunID != "" {
		row := load.KilledRun(&killed)
		row.Epoch = warehouse.Some(w.takeover.Epoch)
		if err := r.commit.extendRuns(row); err != nil {
			return err
		}
	}
	w.claiming = takeover{Epoch: w.takeover.Epoch + 1, Writer: rand.Text()}
	r.next.position.takeover = w.claiming
	if err := errors.Join(r.commit.putJSON(positionFile, r.next.position), r.commit.putJSON(ownerFile, w.owner)); err != nil {
		return err
	}
	if err := w.do(r.commit); err != nil {
		return err
	}
	w.takeover = w.claiming
	r.done()
	return nil
}

// upgrade upgrades a lake of an older version.
func (w *writer) upgrade(r *repair) error {
	format, err := w.lake.format() // now that no other writer changes it
	if err != nil || format.Version == formatVersion && format.Contents {
		return err
	}
	projects := map[string]bool{}
	for _, p := range w.state.projects {
		projects[p.ProjectID] = true
	}
	folders, err := w.lake.readFolder(w.lake.path(manifestDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range folders {
		if project, ok := projectOf(f.Name()); ok {
			projects[project] = true
		}
	}
	for _, project := range slices.Sorted(maps.Keys(projects)) {
		if err := r.project(project, false); err != nil {
			return err
		}
	}
	return r.commit.putJSON(formatFile, lakeFormat{Contents: true, Version: formatVersion})
}

func (c *commit) extendRuns(run warehouse.SyncRun) error {
	return c.extend(runsFile, func(w io.Writer) error {
		return writeLines(w, &warehouse.SyncRuns, []warehouse.SyncRun{run})
	})
}

// do runs a commit, unless it is empty.
func (w *writer) do(c *commit) error {
	if w.broken != nil || len(c.operations) == 0 {
		return w.broken
	}
	err := c.do()
	if err != nil && c.durable {
		w.broken = err
	}
	return err
}

// Stage implements [load.Writer].
func (w *writer) Stage(_ context.Context, b *load.Batch) error {
	if len(b.Rows) == 0 {
		return nil
	}
	w.lake.step("stage")
	s, err := w.stageOf(b.Window)
	if err == nil {
		err = s.add(b)
	}
	return failed("cannot stage conversations in the lake "+w.lake.root, err)
}

func (w *writer) stageOf(id load.WindowID) (*stage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.stages[id]; s != nil {
		return s, nil
	}
	s, err := w.lake.newStage()
	if err != nil {
		return nil, err
	}
	w.stages[id] = s
	return s, nil
}

// takeStage removes and returns what was staged for a window; nil if nothing
// was. The caller owns the result.
func (w *writer) takeStage(id load.WindowID) *stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stages[id]
	delete(w.stages, id)
	return s
}

// keepStage puts back the stage of a window.
func (w *writer) keepStage(id load.WindowID, s *stage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stages[id] = s
}

// Abandon implements [load.Writer].
func (w *writer) Abandon(_ context.Context, id load.WindowID) (load.Counts, error) {
	s := w.takeStage(id)
	if s == nil {
		return load.Counts{}, nil
	}
	return load.Counts{}, failed("cannot clear what was staged in the lake "+w.lake.root, w.lake.drop(s))
}

// Close implements [load.Writer].
func (w *writer) Close() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.stages {
		err = errors.Join(err, w.lake.drop(s))
		delete(w.stages, id)
	}
	if w.locked != nil {
		err = errors.Join(err, w.locked.Close())
		w.locked = nil
	}
	return failed("cannot close the lake "+w.lake.root, err)
}

// has reports whether a file of that name exists.
func (l *Lake) has(name string) bool {
	_, err := os.Stat(l.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}
