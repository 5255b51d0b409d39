package recordings

import (
	"context"
	"slices"

	"convsync/internal/warehouse"
)

// recordRemovedAfter is how many changes of the destination pass before the state
// is recorded only to shorten the next search for removed conversations.
const recordRemovedAfter = 10_000

// removeDeleted removes the copies of conversations that were deleted, erased or
// expired since the last time.
func (t *turn) removeDeleted(ctx context.Context) error {
	s := t.state.get()
	isUsed := t.project.Policy.requests() || s.Enlisted != "" || s.LastRunID != ""
	if t.options.OpenStore == nil || !isUsed {
		return nil
	}
	ids, last, err := t.options.Destination.Removed(ctx, t.project.StoredID, s.RemovedUpTo)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		if err := t.claimFolder(); err != nil {
			return err
		}
		if t.folder == nil || !t.removeCopies(ctx, ids) {
			return ctx.Err() // the next run tries again
		}
	}
	if len(ids) > 0 || last-s.RemovedUpTo >= recordRemovedAfter {
		t.state.change(func(s *warehouse.RecordingState) { s.RemovedUpTo = last })
	}
	return nil
}

// removeCopies removes all copies of conversations.
func (t *turn) removeCopies(ctx context.Context, conversations []string) bool {
	copies := t.stores.get()
	if copies == nil {
		return false
	}
	found, err := copies.Find(ctx, t.project.StoredID, conversations)
	if err != nil {
		t.stores.fail(err)
		return false
	}
	var uris []string
	for _, of := range found {
		uris = append(uris, of...)
	}
	return t.remove(uris)
}

// remove removes copies durably. Every removal goes through it. It returns false if
// the store is unavailable: the next run finds them again by [load.RecordingReader].
func (t *turn) remove(uris []string) bool {
	if t.folder == nil || len(uris) == 0 {
		return true
	}
	slices.Sort(uris)
	uris = slices.Compact(uris) // two versions may share a file
	for _, uri := range uris {
		if err := t.folder.Remove(uri); err != nil {
			t.stores.fail(err)
			return false
		}
		t.counters.removed.Add(1)
	}
	if err := t.folder.Sync(); err != nil {
		t.stores.fail(err)
		return false
	}
	t.log.Info("removed copies of recordings whose conversations are no longer stored", "files", len(uris))
	return true
}
