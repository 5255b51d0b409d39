package extract_test

import (
	"context"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// hashStore is a destination that stores only hashes and coverage. Methods that
// the benchmarks do not call are missing.
type hashStore struct {
	load.Destination

	mu      sync.Mutex
	hashes  map[string]string // by conversation
	states  map[load.Feed]load.FeedState
	written int // conversations that were new or changed
}

func (f *hashStore) Prepare(context.Context) error { return nil }

func (f *hashStore) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := map[load.Feed]load.FeedState{}
	for _, feed := range feeds {
		states[feed] = f.states[feed]
	}
	return states, nil
}

func (f *hashStore) Keys(context.Context, load.Feed, warehouse.Timestamp, warehouse.Timestamp) ([]load.Key, error) {
	return nil, nil
}

func (f *hashStore) Begin(context.Context, load.Owner, ...string) (load.Writer, error) {
	return hashStoreWriter{hashStore: f}, nil
}

type hashStoreWriter struct {
	load.Mender // not called
	*hashStore
}

func (w hashStoreWriter) Register(context.Context, []load.Project) error { return nil }

func (w hashStoreWriter) Stage(_ context.Context, batch *load.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range batch.Rows {
		id, hash := r.Conversation.ConversationID, r.Hash()
		if w.hashes[id] != hash {
			w.hashes[id] = hash
			w.written++
		}
	}
	return nil
}

func (w hashStoreWriter) Publish(_ context.Context, s *load.Window) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Coverage != nil {
		w.states[s.Feed] = load.FeedState{Coverage: s.Coverage, Watermark: s.Watermark}
	}
	return load.Counts{}, nil
}

func (w hashStoreWriter) Abandon(context.Context, load.WindowID) (load.Counts, error) {
	return load.Counts{}, nil
}
func (w hashStoreWriter) Finish(context.Context, *warehouse.SyncRun) error { return nil }
func (w hashStoreWriter) Close() error                                     { return nil }
