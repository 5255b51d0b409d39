package recordings

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

// turn is a part of the work on one project, under its claim: one page of the backlog.
type turn struct {
	*worker
	buffer *buffer
	folder *store.Folder // nil: nothing is stored
	pairs  pairs
}

// newTurn starts a turn. end ends it.
func (w *worker) newTurn(ctx context.Context, claim load.RecordingClaim) (*turn, error) {
	row, err := w.options.Destination.RecordingState(ctx, w.project.StoredID)
	if err != nil {
		return nil, err
	}
	row.ProjectID = w.project.StoredID
	w.state = newState(row)
	t := &turn{worker: w, buffer: newBuffer(claim, w.state)}
	t.buffer.remove, t.buffer.storeFailed = func(uris []string) { t.remove(uris) }, w.stores.fail
	return t, nil
}

// claimFolder claims the folder of the project's copies, if the project stores copies
// and the store is available.
func (t *turn) claimFolder() error {
	if t.folder != nil {
		return nil
	}
	s := t.stores.get()
	if s == nil {
		return nil
	}
	folder, err := s.Claim(t.project.StoredID)
	if store.IsUnavailable(err) {
		t.stores.fail(err)
		return nil
	}
	t.folder, t.buffer.folder = folder, folder
	return err
}

// isStoring reports whether recordings are downloaded.
func (t *turn) isStoring() bool {
	return t.project.Policy.Mode == Store && t.folder != nil && t.stores.err() == nil
}

// end records the last results, and gives up the folder.
func (t *turn) end(ctx context.Context) error {
	err := t.buffer.finish(ctx)
	if t.folder != nil {
		err = errors.Join(err, t.folder.Close())
	}
	return err
}

// page works on the next page of a backlog. It returns the number of its
// conversations, and the place of the last one.
func (t *turn) page(ctx context.Context, b load.Backlog) (n int, last load.RecordingPlace, err error) {
	page, err := t.options.Destination.Backlog(ctx, t.project.StoredID, b)
	if err != nil || len(page) == 0 {
		return 0, last, err
	}
	t.expect(page, len(page) == b.Limit)
	end := page[len(page)-1]
	last = load.RecordingPlace{StartedAt: end.StartedAt, ConversationID: end.ConversationID}
	flusher, stopFlusher := context.WithCancel(ctx)
	flushed := make(chan error, 1)
	go func() {
		var err error
		defer func() { flushed <- err }()
		defer panics.Recover(&err)
		err = t.buffer.flushRegularly(flusher)
	}()
	err = t.pool(ctx, page, flushed)
	stopFlusher()
	err = cmp.Or(err, <-flushed)
	if held := t.gate.release(); err == nil {
		// There were too few refusals to say that the key is wrong.
		err = t.buffer.add(ctx, held...)
	}
	return len(page), last, err
}

// expect adds a page to what is due, unless more follow.
func (t *turn) expect(page []load.RecordedConversation, full bool) {
	if full && t.estimate != nil {
		t.estimate()
		return
	}
	if t.options.Progress.estimated.Load() {
		return // it includes this page
	}
	for i := range page {
		t.options.Progress.due.Add(int64(len(page[i].Recordings)))
	}
}

// pool works on conversations concurrently. It ends with the first error, also one of
// flushed, which it leaves there.
func (t *turn) pool(ctx context.Context, page []load.RecordedConversation, flushed chan error) error {
	group, ctx := errgroup.WithContext(ctx)
	work := make(chan *load.RecordedConversation)
	group.Go(func() error {
		defer close(work)
		for i := range page {
			select {
			case work <- &page[i]:
			case err := <-flushed:
				flushed <- err
				return err
			case <-ctx.Done():
				return nil // another function of the group has the error
			}
		}
		return nil
	})
	for range t.options.Workers {
		group.Go(func() (err error) {
			defer panics.Recover(&err)
			for c := range work {
				// After a stop, the others complete what they have begun.
				if err := t.conversation(ctx, c); err != nil && !errors.Is(err, errStopped) {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// conversation works on the recordings of a conversation that are due.
func (t *turn) conversation(ctx context.Context, c *load.RecordedConversation) error {
	ended := endOf(c, t.now())
	if !isSettled(ended, t.now()) {
		return nil
	}
	slices.SortFunc(c.Recordings, func(a, b warehouse.AudioReference) int {
		return inOrder(load.RecordingKeyOf(&a).RecordingKind, load.RecordingKeyOf(&b).RecordingKind)
	})
	known := map[load.RecordingKind]*found{}
	for i := range c.Recordings {
		a := &c.Recordings[i]
		if t.options.isStopped() {
			return errStopped
		}
		f, asked, err := t.tryAsk(ctx, a, known)
		if cause := context.Cause(ctx); cause != nil && (err != nil || f.outage != nil) {
			return cause // the failure says nothing about the recording
		}
		if err != nil {
			return err
		}
		if !asked {
			continue
		}
		other := t.compare(a, f, known)
		known[load.RecordingKeyOf(a).RecordingKind] = f
		t.count(f)
		t.pairs.note(a, f)
		if err := t.accept(ctx, f, append(other, f.result(a, t.now(), ended))); err != nil {
			return err
		}
	}
	return nil
}

// tryAsk is ask. A panic fails the recording only: it would come back in each run, and
// end the process, or the work on all others.
func (t *turn) tryAsk(ctx context.Context, a *warehouse.AudioReference, known map[load.RecordingKind]*found) (f *found, asked bool, err error) {
	defer func() {
		var panicked *panics.Error
		if errors.As(err, &panicked) {
			t.log.Error("a recording caused a panic; the others continue", "conversation", a.ConversationID, "error", err.Error(), "stack", string(panicked.Stack))
			result := failed(reasonPanic)
			f, asked, err = &result, true, nil
		}
	}()
	defer panics.Recover(&err)
	return t.ask(ctx, a, known)
}

// ask requests a recording as the policy wants. It returns false if there is nothing
// to learn: the recording is known to be available, and the store is not.
func (t *turn) ask(ctx context.Context, a *warehouse.AudioReference, known map[load.RecordingKind]*found) (*found, bool, error) {
	if t.isStoring() {
		twin, err := t.twinOf(ctx, a, known)
		if err == nil {
			var f found
			if f, err = t.copyInto(ctx, t.folder, a, twin); err == nil {
				f.twin = twin
				return &f, true, nil
			}
		}
		if !store.IsUnavailable(err) {
			return &found{}, false, err
		}
		t.stores.fail(err)
	}
	if t.project.Policy.Mode == Store && a.Availability == warehouse.AudioAvailable && !slices.Contains(t.options.Recheck, a.Availability) {
		return &found{}, false, nil
	}
	f, err := t.check(ctx, a)
	return &f, err == nil, err
}

// accept adds the results of a recording, unless the gate holds them.
func (t *turn) accept(ctx context.Context, f *found, results []load.RecordingResult) error {
	results, stop := t.gate.pass(f, results)
	return cmp.Or(t.buffer.add(ctx, results...), stop)
}

// count counts a recording that was asked for.
func (w *worker) count(f *found) {
	w.options.Progress.done.Add(1)
	w.counters.checked.Add(1)
	switch f.availability {
	case warehouse.AudioAvailable:
		w.counters.available.Add(1)
	case warehouse.AudioMissing:
		w.counters.missing.Add(1)
	case warehouse.AudioForbidden:
		w.counters.forbidden.Add(1)
	default:
		w.counters.failed.Add(1)
	}
	if f.copy == nil {
		return
	}
	w.counters.stored.Add(1)
	if !f.copy.IsTwin {
		w.counters.storedBytes.Add(f.copy.Bytes)
	}
	if f.adopted {
		w.counters.adopted.Add(1)
	}
}
