package memory

import (
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// writer is the [load.Writer]. Everything that it changes is under the mutex of
// the destination.
type writer struct {
	destination  *Destination
	unended      Unended             // this run
	environments map[string][]string // of the registered projects, by id
	staged       map[load.WindowID][]version
	closed       chan struct{}
}

// version is a staged version of a conversation.
type version struct {
	rows   *warehouse.Rows // without its digest
	digest warehouse.Digest
	batch  *load.Batch
}

func newWriter(d *Destination, run Unended) *writer {
	return &writer{
		destination:  d,
		unended:      run,
		environments: map[string][]string{},
		staged:       map[load.WindowID][]version{},
		closed:       make(chan struct{}),
	}
}

// lock locks the destination, and returns its data and the function to unlock it.
func (w *writer) lock() (data *Data, unlock func()) {
	w.destination.mu.Lock()
	return &w.destination.data, w.destination.mu.Unlock
}

// Register implements [load.Writer].
func (w *writer) Register(_ context.Context, projects []load.Project) error {
	data, unlock := w.lock()
	defer unlock()
	for i := range projects {
		if err := load.MixedAmong(data.Projects, &projects[i].Project); err != nil {
			return err
		}
	}
	for _, p := range projects {
		w.environments[p.ProjectID] = p.Environments
		put(&data.Projects, p.Project, func(stored *warehouse.Project) bool { return stored.ProjectID == p.ProjectID },
			func(stored, project *warehouse.Project) { *project = load.Registered(stored, *project) })
	}
	return nil
}

// Stage implements [load.Writer]. Nothing is visible before Publish.
func (w *writer) Stage(_ context.Context, batch *load.Batch) error {
	_, unlock := w.lock()
	defer unlock()
	for _, rows := range batch.Rows {
		v := version{rows, rows.Digest, batch}
		rows.Digest = warehouse.Digest{}
		w.staged[batch.Window] = append(w.staged[batch.Window], v)
	}
	return nil
}

// Abandon implements [load.Writer].
func (w *writer) Abandon(_ context.Context, window load.WindowID) (load.Counts, error) {
	_, unlock := w.lock()
	defer unlock()
	delete(w.staged, window)
	return load.Counts{}, nil
}

// Mend removes the faults of the project, and seals conversations again.
func (w *writer) Mend(_ context.Context, m *load.Mending) (load.Counts, error) {
	data, unlock := w.lock()
	defer unlock()
	for _, f := range data.Faults[m.ProjectID] {
		id := ID{m.ProjectID, f.ID}
		w.change(data, id, warehouse.OperationUpsert, m.At)
		delete(data.Digests, id)
	}
	delete(data.Faults, m.ProjectID)
	for _, key := range m.Reseal {
		id := ID{m.ProjectID, key.ID}
		if stored := data.Conversations[id]; stored != nil {
			sealed := cloneRows(stored)
			load.Reseal(sealed, m.At, m.RunID)
			data.Put(sealed)
			w.change(data, id, warehouse.OperationUpsert, m.At)
		}
	}
	return load.Counts{}, nil
}

// change records a change of a conversation.
func (w *writer) change(data *Data, id ID, operation string, at warehouse.Timestamp) {
	data.Sequence++
	data.Changes = append(data.Changes, warehouse.Change{
		Sequence:       data.Sequence,
		ProjectID:      id[0],
		ConversationID: id[1],
		Operation:      operation,
		At:             at,
		RunID:          w.unended.Owner.RunID,
	})
}

// Finish implements [load.Writer].
func (w *writer) Finish(_ context.Context, run *warehouse.SyncRun) error {
	data, unlock := w.lock()
	defer unlock()
	data.expire(run)
	run.Epoch = warehouse.Some(w.unended.Epoch)
	if data.Sequence > 0 {
		run.LastChange = warehouse.Some(data.Sequence)
	}
	data.Runs = append(data.Runs, *run)
	keep(&data.Unended, func(u *Unended) bool { return u.Epoch != w.unended.Epoch })
	return nil
}

// Close releases the locks. A second call does nothing.
func (w *writer) Close() error {
	_, unlock := w.lock()
	defer unlock()
	if i := slices.Index(w.destination.writers, w); i >= 0 {
		w.destination.writers = slices.Delete(w.destination.writers, i, i+1)
		close(w.closed)
	}
	clear(w.staged)
	return nil
}
