package recordings

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// fakeClaim notes what is recorded.
type fakeClaim struct {
	mu      sync.Mutex
	batches []int
	states  []warehouse.RecordingState
	at      []time.Time
	err     error
}

func (f *fakeClaim) Record(_ context.Context, results []load.RecordingResult, state *warehouse.RecordingState) ([]load.RecordingKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	f.batches, f.at = append(f.batches, len(results)), append(f.at, time.Now())
	if state != nil {
		f.states = append(f.states, *state)
	}
	return nil, nil
}

// fail makes Record return an error, or nil.
func (f *fakeClaim) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeClaim) Lost() <-chan error { return nil }
func (f *fakeClaim) Close() error       { return nil }

// results returns results of different recordings.
func results(n int) (list []load.RecordingResult) {
	for i := range n {
		list = append(list, load.RecordingResult{AudioReference: warehouse.AudioReference{ConversationID: strconv.Itoa(i)}})
	}
	return list
}

func TestBuffer_Merge(t *testing.T) {
	t.Parallel()
	b := newBuffer(&fakeClaim{}, newState(warehouse.RecordingState{}))
	a := results(1)[0]
	a.Availability, a.CheckedAt = warehouse.AudioAvailable, warehouse.Some(warehouse.Timestamp(1))
	evidence := results(1)[0]
	evidence.Availability, evidence.RedactionEvidence = warehouse.AudioUnknown, warehouse.EvidenceVerified
	if err := b.add(t.Context(), evidence, a, evidence); err != nil {
		t.Fatal(err)
	}
	batch := b.take()
	if len(batch) != 1 || batch[0].Availability != warehouse.AudioAvailable || batch[0].RedactionEvidence != warehouse.EvidenceVerified {
		t.Errorf("batch %+v", batch)
	}
}

func TestBuffer_Regularly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claim := &fakeClaim{}
		b := newBuffer(claim, newState(warehouse.RecordingState{}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.flushRegularly(ctx) }()
		began := time.Now()
		if err := b.add(ctx, load.RecordingResult{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(35 * time.Second)
		synctest.Wait()
		if len(claim.batches) != 1 || claim.at[0].Sub(began) != flushEvery {
			t.Errorf("recorded %v at %v", claim.batches, claim.at)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := b.add(ctx, results(2)...); err != nil {
			t.Error(err)
		}
		if err := b.finish(ctx); err != nil || len(claim.batches) != 2 || claim.batches[1] != 2 {
			t.Errorf("%v, recorded %v after the cancel", err, claim.batches)
		}
	})
}

func TestBuffer_Full(t *testing.T) {
	t.Parallel()
	claim := &fakeClaim{}
	b := newBuffer(claim, newState(warehouse.RecordingState{}))
	if err := b.add(t.Context(), results(2500)...); err != nil {
		t.Fatal(err)
	}
	if len(claim.batches) != 3 || claim.batches[0] != 1000 || claim.batches[2] != 500 {
		t.Errorf("recorded %v", claim.batches)
	}
}

// TestBuffer_Locked has a destination that refuses every writer for a while: those
// who add results wait, and nothing is lost.
func TestBuffer_Locked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		claim := &fakeClaim{err: &load.LockedError{}}
		b := newBuffer(claim, newState(warehouse.RecordingState{}))
		done := make(chan error)
		go func() { done <- b.add(t.Context(), results(1000)...) }()
		<-time.After(25 * time.Second)
		claim.fail(nil)
		if err := <-done; err != nil || len(claim.batches) != 1 || claim.batches[0] != 1000 {
			t.Errorf("%v, recorded %v", err, claim.batches)
		}
		claim.fail(&load.LockedError{})
		if err := b.add(t.Context(), load.RecordingResult{}); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if err := b.finish(t.Context()); !isLocked(err) || time.Since(began) != (lastAttempts-1)*flushEvery {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.finish(ctx); !isLocked(err) {
			t.Error(err)
		}
	})
}

// TestBuffer_Failed records again what could not be recorded.
func TestBuffer_Failed(t *testing.T) {
	t.Parallel()
	claim := &fakeClaim{err: errors.New("made up")}
	s := newState(warehouse.RecordingState{})
	b := newBuffer(claim, s)
	s.compared(different, begin)
	if err := b.add(t.Context(), results(1000)...); !errors.Is(err, claim.err) {
		t.Error(err)
	}
	claim.err = nil
	if err := b.finish(t.Context()); err != nil || len(claim.batches) != 1 || claim.batches[0] != 1000 ||
		len(claim.states) != 1 || claim.states[0].PIIAccess != warehouse.PIIAccessYes {
		t.Errorf("%v, recorded %v and %+v", err, claim.batches, claim.states)
	}
	if err := b.finish(t.Context()); err != nil || len(claim.batches) != 1 {
		t.Errorf("%v, recorded %v again", err, claim.batches)
	}
}
