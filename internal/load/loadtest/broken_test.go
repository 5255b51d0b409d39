package loadtest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// broken is the memory destination with one guarantee broken: it changes what is
// passed to the destination, or what was stored or returned.
type broken struct {
	*memory.Destination
	fault     fault
	saved     func() // called after each commit
	impatient bool

	mu         sync.Mutex
	remembered []load.Day
	digests    map[string]warehouse.Digest // first ones
}

func newBroken(d *memory.Destination, f fault, saved func()) *broken {
	if saved == nil {
		saved = func() {}
	}
	return &broken{Destination: d, fault: f, saved: saved, digests: map[string]warehouse.Digest{}}
}

func (b *broken) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	dest := load.Destination(b.Destination)
	if b.impatient || b.fault == keepsLock {
		dest = b.Destination.Impatient()
	}
	before := b.Snapshot()
	b.Edit(b.fault.unended)
	w, err := dest.Begin(ctx, owner, b.fault.locks(owner, projects)...)
	var locked *load.LockedError
	if errors.As(err, &locked) {
		b.refused(ctx, locked, owner, projects)
	}
	if err != nil {
		return nil, err
	}
	b.Edit(func(d *memory.Data) { b.fault.killed(d, before) })
	b.saved()
	return &brokenWriter{Writer: w, broken: b, staged: map[load.WindowID][]*load.Batch{}, environments: map[string][]string{}}, nil
}

// locks returns the projects whose locks a writer takes.
func (f fault) locks(owner load.Owner, projects []string) []string {
	ofItsOwn := []string{owner.RunID} // a lock that no other run needs
	switch {
	case f == twoWriters, f == wholeAmongOthers && len(projects) == 0:
		return ofItsOwn
	case f == locksEverything:
		return nil
	case f == firstProjectOnly && len(projects) > 0:
		return projects[:1]
	}
	return projects
}

// refused changes the error of a refused writer, or the locks that it has.
func (b *broken) refused(ctx context.Context, locked *load.LockedError, owner load.Owner, projects []string) {
	switch b.fault {
	case namesNoProject:
		locked.Project = ""
	case keepsRefused:
		for _, p := range projects {
			_, _ = b.Destination.Impatient().Begin(ctx, owner, p)
		}
	}
}

// unended changes the record of runs that have not finished, before a writer
// begins.
func (f fault) unended(d *memory.Data) {
	switch f {
	case forgetsKilled:
		d.Unended = nil
	case killsOthers:
		for i := range d.Unended {
			u := &d.Unended[i]
			killed := load.KilledRun(&u.Owner)
			killed.Epoch = warehouse.Some(u.Epoch)
			d.Runs = append(d.Runs, killed)
		}
		d.Unended = nil
	}
}

// killed changes the rows of killed runs that a writer recorded when it began.
func (f fault) killed(d, before *memory.Data) {
	for i := range d.Runs[len(before.Runs):] {
		run := &d.Runs[len(before.Runs)+i]
		switch f {
		case killedAlike:
			run.Kind = "incremental"
		case killedUnversioned:
			run.Version = ""
		case killedSilently:
			run.Error = ""
		case killedPerProject:
			for _, u := range before.Unended {
				if n := len(u.Projects); n > 1 && u.Owner.RunID == run.RunID {
					d.Runs = append(d.Runs, slices.Repeat([]warehouse.SyncRun{*run}, n-1)...)
				}
			}
		}
	}
}

// brokenWriter passes staged batches on in Publish.
type brokenWriter struct {
	load.Writer
	*broken
	environments map[string][]string
	abandoned    []*load.Batch

	staging sync.Mutex
	staged  map[load.WindowID][]*load.Batch
}

func (w *brokenWriter) Register(ctx context.Context, projects []load.Project) error {
	for i := range projects {
		p := &projects[i]
		w.environments[p.ProjectID] = p.Environments
		if w.fault == mixesProjects {
			w.editProject(p.ProjectID, func(stored *warehouse.Project) { stored.AccountID, stored.Region = p.AccountID, p.Region })
		}
	}
	err := w.Writer.Register(ctx, projects)
	for i := range projects {
		if w.fault == forgetsOtherID {
			w.editProject(projects[i].ProjectID, func(stored *warehouse.Project) { stored.OtherID = "" })
		}
	}
	w.saved()
	return err
}

func (w *brokenWriter) editProject(id string, edit func(*warehouse.Project)) {
	w.Edit(func(d *memory.Data) {
		for i := range d.Projects {
			if d.Projects[i].ProjectID == id {
				edit(&d.Projects[i])
			}
		}
	})
}

func (w *brokenWriter) Stage(_ context.Context, batch *load.Batch) error {
	w.staging.Lock()
	defer w.staging.Unlock()
	w.staged[batch.Window] = append(w.staged[batch.Window], batch)
	return nil
}

func (w *brokenWriter) Abandon(ctx context.Context, window load.WindowID) (load.Counts, error) {
	w.staging.Lock()
	defer w.staging.Unlock()
	if w.fault == keepsAbandoned {
		w.abandoned = append(w.abandoned, w.staged[window]...)
	}
	delete(w.staged, window)
	return w.Writer.Abandon(ctx, window)
}

func (w *brokenWriter) Mend(ctx context.Context, m *load.Mending) (load.Counts, error) {
	before := w.Snapshot()
	if w.fault == acceptsNothing {
		ignored := *m
		ignored.Reseal = nil
		m = &ignored
	}
	counts, err := w.Writer.Mend(ctx, m)
	w.Edit(func(d *memory.Data) {
		switch w.fault {
		case mendsNothing:
			d.Faults = before.Faults
		case mendsByDeleting:
			for _, f := range before.Faults[m.ProjectID] {
				delete(d.Conversations, memory.ID{m.ProjectID, f.ID})
			}
		}
	})
	return counts, err
}

// Finish restores or deletes what the fault requires after rows have expired.
func (w *brokenWriter) Finish(ctx context.Context, run *warehouse.SyncRun) error {
	before := w.Snapshot()
	ages, ok := load.AgesAt(run)
	source := run.SourceAt
	if w.fault == oneClock {
		run.SourceAt = run.FinishedAt
		w.Edit(func(d *memory.Data) {
			for i := range d.Runs {
				d.Runs[i].SourceAt = d.Runs[i].FinishedAt
			}
		})
	}
	err := w.Writer.Finish(ctx, run)
	run.SourceAt = source
	if w.fault == epochPerProject {
		run.Epoch = warehouse.Some(int64(1))
	}
	w.Edit(func(d *memory.Data) { w.fault.unexpire(d, before, ages, ok, source) })
	w.saved()
	return err
}

func (f fault) unexpire(d, before *memory.Data, ages load.Ages, ok bool, source warehouse.Null[warehouse.Timestamp]) {
	last := len(d.Runs) - 1
	switch f {
	case oneClock:
		for i := range d.Runs {
			at := slices.IndexFunc(before.Runs, func(r warehouse.SyncRun) bool { return r.RunID == d.Runs[i].RunID })
			if d.Runs[i].SourceAt = source; at >= 0 {
				d.Runs[i].SourceAt = before.Runs[at].SourceAt
			}
		}
	case epochPerProject:
		d.Runs[last].Epoch = warehouse.Some(int64(1))
	case losesRuns:
		d.Runs = d.Runs[:last]
	case keepsRuns:
		d.Runs = append(before.Runs, d.Runs[last])
	case keepsChanges:
		d.Changes = before.Changes
	case keepsEvents:
		d.Events = before.Events
	case losesWaiting:
		d.Events = slices.DeleteFunc(d.Events, func(e warehouse.WebhookEvent) bool {
			return ok && e.ReceivedAt < ages.Cutoff(load.KeepEvents)
		})
	case keepsAlerts:
		d.Alerts = before.Alerts
	case keepsRejects:
		d.Rejects = before.Rejects
	case keepsErasedRejects:
		for _, r := range before.Rejects {
			if slices.Contains(d.Erased, memory.ID{r.ProjectID, string(r.ConversationID)}) {
				d.Rejects = append(d.Rejects, r)
			}
		}
	case keepsFutureDrift:
		d.Drift = slices.DeleteFunc(before.Drift, func(x warehouse.Drift) bool {
			return ok && x.LastSeenAt < ages.Cutoff(load.KeepDrift)
		})
	}
}

func (w *brokenWriter) Close() error {
	if w.fault == keepsLock {
		return nil
	}
	return w.Writer.Close()
}
