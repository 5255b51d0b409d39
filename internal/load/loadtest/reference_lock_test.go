package loadtest

import (
	"context"
	"slices"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// unendedRun is a run that has not finished: it runs, or was killed.
type unendedRun struct {
	Owner    load.Owner
	Projects []string
	Epoch    int64
}

// LocksProjects implements [ProjectLocks].
func (r *reference) LocksProjects() {}

// Begin waits until the other writers of its projects have closed.
func (r *reference) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	for {
		w, other := r.begin(owner, projects)
		if other == nil {
			return w, nil
		}
		select {
		case <-other.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.fault == keepsLock { // it is never released
			return nil, other.locked(projects)
		}
	}
}

// impatientReference does not wait for another writer.
type impatientReference struct{ *reference }

func (r *reference) Impatient(testing.TB) load.Destination { return impatientReference{r} }

func (r impatientReference) Begin(_ context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, other := r.begin(owner, projects)
	if other != nil {
		return nil, other.locked(projects)
	}
	return w, nil
}

// begin makes a writer, unless there is one of the same projects.
func (r *reference) begin(owner load.Owner, projects []string) (w, other *referenceWriter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.writers {
		if r.fault == twoWriters || !r.fault.overlap(other.projects, projects) {
			continue
		}
		if r.fault == keepsRefused {
			r.writers = append(r.writers, &referenceWriter{reference: r, owner: owner, projects: projects, ended: make(chan struct{})})
		}
		return nil, other
	}
	r.recordKilled(projects)
	r.epochs++
	w = &referenceWriter{
		reference: r, owner: owner, projects: projects, epoch: r.epochs,
		staged: map[load.WindowID][]*load.Batch{}, ended: make(chan struct{}),
	}
	if r.fault == epochPerProject {
		w.epoch = 1
	}
	r.unended = append(r.unended, unendedRun{owner, projects, w.epoch})
	r.saved()
	r.writers = append(r.writers, w)
	return w, nil
}

// recordKilled records the killed runs that had one of the projects.
func (r *reference) recordKilled(projects []string) {
	r.unended = slices.DeleteFunc(r.unended, func(u unendedRun) bool {
		if !overlap(u.Projects, projects) && r.fault != killsOthers {
			return false
		}
		killed := r.fault.killed(&u.Owner)
		killed.Epoch = warehouse.Some(u.Epoch)
		times := 1
		switch r.fault {
		case forgetsKilled:
			times = 0
		case killedPerProject:
			times = len(u.Projects)
		}
		for range times {
			r.data.Runs = append(r.data.Runs, killed)
		}
		return true
	})
}

// overlap reports whether writers of these projects exclude each other.
func overlap(a, b []string) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(id string) bool { return slices.Contains(b, id) })
}

// overlap is the function overlap, changed by the fault.
func (f fault) overlap(a, b []string) bool {
	switch {
	case f == locksEverything:
		return true
	case f == wholeAmongOthers && (len(a) == 0) != (len(b) == 0):
		return false
	case f == firstProjectOnly && len(a) > 0 && len(b) > 0:
		return a[0] == b[0]
	}
	return overlap(a, b)
}

// locked returns the error of the Begin of another writer.
func (w *referenceWriter) locked(projects []string) error {
	err := &load.LockedError{Where: "the reference", Owner: w.owner}
	if i := slices.IndexFunc(projects, func(id string) bool { return slices.Contains(w.projects, id) }); i >= 0 && w.fault != namesNoProject {
		err.Project = projects[i]
	}
	return err
}
