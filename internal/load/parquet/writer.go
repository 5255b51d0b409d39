package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writer is the one writer of a lake. It is a [load.Writer].
type writer struct {
	lake         *Lake
	owner        load.Owner
	locked       *os.File // frees the lock when it is closed
	state        *state
	index        *index
	rejected     map[conversationOf]bool // of which there are rejects
	environments map[string][]string     // of each project, in the order configured
	// broken is why a commit could not be finished once its journal was
	// written: the next writer finishes it.
	broken error

	mu     sync.Mutex
	stages map[load.StretchID]*stage
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
func (l *Lake) Begin(ctx context.Context, owner load.Owner) (load.Writer, error) {
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
		lake: l, owner: owner, locked: locked, index: newIndex(l),
		environments: map[string][]string{}, stages: map[load.StretchID]*stage{},
	}
	if err := w.takeOver(); err != nil {
		return nil, errors.Join(failed("cannot write to the lake "+l.root, err), w.Close())
	}
	return w, nil
}

// takeOver finishes what the last writer left behind, and puts this one in its
// place. It takes a lake of an older version up to this one.
func (w *writer) takeOver() (err error) {
	if err := errors.Join(w.lake.recover(), w.lake.clearTemporary()); err != nil {
		return err
	}
	if w.state, err = w.lake.own().readState(); err != nil {
		return err
	}
	if w.rejected, err = w.lake.rejected(); err != nil {
		return err
	}
	c := w.lake.newCommit()
	defer c.discard()
	version, err := w.lake.version() // now that nobody else changes it
	if err != nil {
		return err
	}
	if version < formatVersion {
		if err := c.putJSON(formatFile, lakeFormat{Version: formatVersion}); err != nil {
			return err
		}
	}
	if killed := w.lake.owner(); killed.RunID != "" {
		if err := c.extendRuns(load.KilledRun(&killed)); err != nil {
			return err
		}
	}
	w.state.position.Epoch++
	if err := errors.Join(c.putJSON(positionFile, w.state.position), c.putJSON(ownerFile, w.owner)); err != nil {
		return err
	}
	return w.do(c)
}

func (c *commit) extendRuns(run warehouse.SyncRun) error {
	return c.extend(runsFile, func(w io.Writer) error {
		return writeLines(w, &warehouse.SyncRuns, []warehouse.SyncRun{run})
	})
}

// do does a commit, when there is something to do.
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

// Register implements [load.Writer].
func (w *writer) Register(_ context.Context, projects []load.Project) error {
	all := slices.Clone(w.state.projects)
	for _, p := range projects {
		if name := projectDir(p.ProjectID); len(name) > maxNameBytes {
			return &load.StateError{
				What: fmt.Sprintf("the name of project %.40s… makes a folder name of %d bytes, and %d is the most", p.ProjectID, len(name), maxNameBytes),
				Hint: "give it a shorter name with `as:` in its entry under projects",
			}
		}
		i := slices.IndexFunc(all, func(s warehouse.Project) bool { return s.ProjectID == p.ProjectID })
		if i < 0 {
			all = append(all, p.Project)
			continue
		}
		if err := load.Mixed(&all[i], &p.Project); err != nil {
			return err
		}
		all[i] = load.Registered(&all[i], p.Project)
	}
	for _, p := range projects {
		w.environments[p.ProjectID] = slices.Clone(p.Environments)
	}
	if slices.Equal(all, w.state.projects) {
		return nil
	}
	c := w.lake.newCommit()
	defer c.discard()
	err := putTable(c, &warehouse.Projects, all)
	if err == nil {
		err = w.do(c)
	}
	if err != nil {
		return failed("cannot write to the lake "+w.lake.root, err)
	}
	next := *w.state
	next.projects = all
	w.state = &next
	return nil
}

// Stage implements [load.Writer].
func (w *writer) Stage(_ context.Context, b *load.Batch) error {
	if len(b.Rows) == 0 {
		return nil
	}
	w.lake.step("stage")
	s, err := w.stageOf(b.Stretch)
	if err == nil {
		err = s.add(b)
	}
	return failed("cannot stage conversations in the lake "+w.lake.root, err)
}

func (w *writer) stageOf(id load.StretchID) (*stage, error) {
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

// takeStage is what was staged for a stretch; nil: nothing. It is the caller's
// from now on.
func (w *writer) takeStage(id load.StretchID) *stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stages[id]
	delete(w.stages, id)
	return s
}

// keepStage puts back what was taken of a stretch.
func (w *writer) keepStage(id load.StretchID, s *stage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stages[id] = s
}

// Abandon implements [load.Writer].
func (w *writer) Abandon(_ context.Context, id load.StretchID) (load.Counts, error) {
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

// has reports whether there is a file of that name.
func (l *Lake) has(name string) bool {
	_, err := os.Stat(l.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}
