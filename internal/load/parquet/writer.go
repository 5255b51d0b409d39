package parquet

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writer is the [load.Writer] of a lake. There is one at a time of each project.
type writer struct {
	lake         *Lake
	record       record
	locks        locks
	temporary    temporary
	state        *state // that of the last commit when stamp was its stamp
	stamp        string
	layouts      *layouts
	mergeable    map[projectMonth]bool // months that may have partitions to merge
	index        *idLog
	rejected     map[conversationOf]bool // conversations that have rejects, at least those of the projects
	environments map[string][]string     // by project, in configured order
	unfinished   *unfinished             // the journal that was found last
	uncovered    []load.Uncovered        // found when the writer began
	doubtful     []partition             // those that [writer.Recover] rewrites
	began        bool                    // its record is stored
	finished     bool                    // its record is removed
	// broken is the error of a commit that failed after its journal was written.
	// The next commit of any writer finishes it.
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
func (l *Lake) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	version, err := l.version()
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return nil, &load.StateError{What: "there is no lake in " + l.root, Hint: "let `convsync run` make one"}
	}
	projects = slices.Compact(slices.Sorted(slices.Values(projects)))
	held, err := l.lock(ctx, projects)
	if err != nil {
		return nil, err
	}
	w := l.newWriter(owner, projects, held)
	if err := w.takeOver(ctx); err != nil {
		return nil, errors.Join(failed("cannot write to the lake "+l.root, err), w.Close())
	}
	return w, nil
}

func (l *Lake) newWriter(owner load.Owner, projects []string, held locks) *writer {
	known := newLayouts(l.own())
	return &writer{
		lake:         l,
		record:       record{Projects: projects, Owner: owner},
		locks:        held,
		temporary:    l.temporaryOf(projects),
		layouts:      known,
		mergeable:    map[projectMonth]bool{},
		index:        newIDLog(l, known),
		environments: map[string][]string{},
		stages:       map[load.WindowID]*stage{},
	}
}

// takeOver finishes the work of previous writers, and records this one.
func (w *writer) takeOver(ctx context.Context) error {
	c := w.newCommit()
	defer c.discard()
	var r *repair
	err := w.commit(ctx, c, func(next *state) error {
		if err := w.hold(w.unfinished.projects()); err != nil {
			return err
		}
		if err := w.temporary.clear(); err != nil { // not earlier: a journal needs these files
			return err
		}
		r = w.newRepair(ctx, c, next, nil)
		if err := r.lost(w.unfinished); err != nil {
			return err
		}
		if err := r.end(); err != nil {
			return err
		}
		if err := w.lake.alignChanges(&next.position); err != nil {
			return err
		}
		return w.claim(c, next)
	})
	if err != nil {
		return err
	}
	w.began = true
	r.done()
	w.rejected, err = w.lake.rejected()
	return err
}

// hold takes the locks of further projects, without waiting: those that lost
// data of a journal. If another writer holds one, it begins as well, and repairs
// the project.
func (w *writer) hold(projects []string) error {
	for _, project := range projects {
		if w.record.has(project) {
			continue
		}
		f, err := w.lake.tryFile(projectLock(project), false)
		if err != nil {
			return err
		}
		if f == nil {
			return &load.LockedError{Where: "the lake " + w.lake.root, Project: project}
		}
		w.locks = append(w.locks, lock{projectLock(project), f})
		w.record.Projects = append(w.record.Projects, project)
	}
	return nil
}

// rewritten records that a commit has written partitions.
func (w *writer) rewritten(r *partResult) {
	for _, p := range r.old {
		w.layouts.forget(p.project, p.month())
	}
	for _, p := range r.parts {
		w.layouts.forget(p.project, p.month())
		w.mergeable[projectMonth{p.project, p.month()}] = true
	}
	w.index.put(r.project, r.came)
}

func (c *commit) extendRuns(runs ...warehouse.SyncRun) error {
	return c.extend(runsFile, func(w io.Writer) error { return writeLines(w, &warehouse.SyncRuns, runs) })
}

// Stage implements [load.Writer].
func (w *writer) Stage(_ context.Context, b *load.Batch) error {
	if len(b.Rows) == 0 {
		return nil
	}
	w.lake.step("stage")
	err := w.stageOf(b.Window).add(b)
	if err == nil {
		for _, r := range b.Rows { // they were copied
			r.Recycle()
		}
	}
	return failed("cannot stage conversations in the lake "+w.lake.root, w.explain(err))
}

func (w *writer) stageOf(id load.WindowID) *stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stages[id]
	if s == nil {
		s = w.temporary.newStage()
		w.stages[id] = s
	}
	return s
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
	return load.Counts{}, failed("cannot clear what was staged in the lake "+w.lake.root, s.drop())
}

// Close implements [load.Writer].
func (w *writer) Close() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.stages {
		err = errors.Join(err, s.drop())
		delete(w.stages, id)
	}
	if w.locks != nil {
		w.temporary.remove()
		err = errors.Join(err, w.locks.close())
		w.locks = nil
	}
	return failed("cannot close the lake "+w.lake.root, err)
}

// has reports whether a file of that name exists.
func (l *Lake) has(name string) bool {
	_, err := l.files.Stat(l.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}
