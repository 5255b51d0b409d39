package memory

import (
	"context"
	"slices"
	"sync"

	"convsync/internal/load"
)

// Destination is a [load.Destination] and [load.Inbox] in memory. It is safe for
// concurrent use, like every destination.
type Destination struct {
	mu      sync.Mutex
	data    Data
	writers []*writer // open, with locks that do not conflict
	claims  []*claim  // open, one for each project at most
}

// New returns an empty destination.
func New() *Destination { return From(&Data{}) }

// From returns a destination that stores the data, and owns it.
func From(data *Data) *Destination {
	d := &Destination{data: *data}
	if d.data.Conversations == nil {
		d.data.Conversations = Conversations{}
	}
	return d
}

// Edit changes the stored data without the loader, such as for a test to start
// from. The data is not valid after edit returns.
func (d *Destination) Edit(edit func(*Data)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit(&d.data)
}

// Snapshot returns a copy of all that is stored.
func (d *Destination) Snapshot() *Data {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data.clone()
}

// Check returns nil.
func (d *Destination) Check(context.Context) error { return nil }

// Prepare returns nil: there is nothing to set up.
func (d *Destination) Prepare(context.Context) error { return nil }

// Close returns nil, and keeps the data.
func (d *Destination) Close() error { return nil }

// Begin waits until no other writer has a lock that it needs, or ctx ends.
func (d *Destination) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	for {
		w, other, _ := d.begin(owner, projects)
		if other == nil {
			return w, nil
		}
		select {
		case <-other.closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Impatient returns the same destination with a Begin that does not wait for
// another writer, and returns a [*load.LockedError] at once.
func (d *Destination) Impatient() load.Destination { return impatient{d} }

type impatient struct{ *Destination }

func (d impatient) Begin(_ context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, other, project := d.begin(owner, projects)
	if other != nil {
		return nil, &load.LockedError{Where: "the memory", Project: project, Owner: other.unended.Owner}
	}
	return w, nil
}

// begin makes a writer, or returns the one that has a lock of it, and the project
// of that lock. Runs that had one of its locks and did not finish were killed.
func (d *Destination) begin(owner load.Owner, projects []string) (w, other *writer, project string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, other := range d.writers {
		if project, conflict := shared(other.unended.Projects, projects); conflict {
			return nil, other, project
		}
	}
	keep(&d.data.Unended, func(u *Unended) bool {
		if _, conflict := shared(u.Projects, projects); !conflict {
			return true
		}
		killed := load.KilledRun(&u.Owner)
		killed.Epoch.V, killed.Epoch.Valid = u.Epoch, true
		d.data.Runs = append(d.data.Runs, killed)
		return false
	})
	d.data.Epoch++
	w = newWriter(d, Unended{
		Owner:    owner,
		Projects: slices.Clone(projects),
		Epoch:    d.data.Epoch,
	})
	d.data.Unended = append(d.data.Unended, w.unended)
	d.writers = append(d.writers, w)
	return w, nil, ""
}

// shared reports whether two writers exclude each other, and the project that
// both write; "" if one of them has the lock of the whole destination.
func shared(a, b []string) (project string, conflict bool) {
	if len(a) == 0 || len(b) == 0 {
		return "", true
	}
	for _, p := range a {
		if slices.Contains(b, p) {
			return p, true
		}
	}
	return "", false
}
