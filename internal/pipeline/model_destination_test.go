package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// store is the memory destination, with a record of what a run did. It fails or
// stops working as scripted.
type store struct {
	*memory.Destination
	atOnce bool // Stage stores rows, like a database; otherwise only Publish does, like files

	mu   sync.Mutex
	rows map[string]*warehouse.Rows // stored, by id

	pending map[load.WindowID][]*load.Batch
	counts  map[load.WindowID]load.Counts // of rows that Stage stored
	closed  map[load.WindowID]bool        // published or abandoned
	broken  []string                      // violations of the contract

	// Of this run:
	calls   int      // of Stage and Publish
	end     ending   // how they fail
	loss    loss     // of commits
	lost    bool     // commits were lost
	history []moment // stored state at the start of the run and after each commit
	dead    bool     // calls no longer have an effect
	visible map[load.Feed]load.VisibleAgain
	staged  map[string]bool // conversations that were not skipped
	settled map[string]bool // conversations that were compared with the stored ones
	written map[string]bool // those of settled that were written
	missing map[string]bool // newly marked as missing
	twice   int64           // ids that are listed with two starts
}

func newStore(atOnce bool) *store {
	return &store{Destination: memory.New(), atOnce: atOnce}
}

// of returns the state of a feed.
func (s *store) of(f load.Feed) load.FeedState {
	states, _ := s.State(context.Background(), []load.Feed{f})
	return states[f]
}

// sorted returns the stored rows by start and id.
func (s *store) sorted() []*warehouse.Rows {
	return slices.SortedFunc(maps.Values(s.rows), func(a, b *warehouse.Rows) int {
		return cmp.Or(cmp.Compare(a.Conversation.StartedAt, b.Conversation.StartedAt), cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID))
	})
}

// isOf reports whether a row is of a feed.
func isOf(f load.Feed, r *warehouse.Rows) bool { return r.Conversation.Environment == f.Environment }

func midnightOf(r *warehouse.Rows) warehouse.Timestamp {
	const day = warehouse.Timestamp(extract.Day * 1_000_000)
	return r.Conversation.StartedAt / day * day
}

// ending is a way in which the destination fails, or the process ends.
type ending struct {
	at    int  // number of the failing call, from 1; 0: none
	after bool // the call has its effect, but returns an error
	dead  bool // the process is killed: later calls have no effect
	stop  context.CancelFunc
}

var errScripted = errors.New("the scripted destination fails")

// begin prepares the store for a run.
func (s *store) begin(e ending, l loss) {
	s.calls, s.end, s.dead = 0, e, false
	s.loss, s.lost, s.history = l, false, nil
	s.visible = map[load.Feed]load.VisibleAgain{}
	s.remember()
	s.pending, s.counts, s.closed = map[load.WindowID][]*load.Batch{}, map[load.WindowID]load.Counts{}, map[load.WindowID]bool{}
	s.twice = 0
	s.staged = map[string]bool{}
	s.settled, s.written, s.missing = map[string]bool{}, map[string]bool{}, map[string]bool{}
}

// storeWriter is the writer of a run.
type storeWriter struct {
	load.Writer
	*store
	parts load.WindowID // of rows that Stage stores; below 0
}

func (s *store) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, err := s.Destination.Begin(ctx, owner, projects...)
	if err != nil {
		return nil, err
	}
	model := load.Project{Project: warehouse.Project{ProjectID: modelTransform.ProjectID}, Environments: modelEnvironments}
	return &storeWriter{Writer: w, store: s}, w.Register(ctx, []load.Project{model})
}

// call counts a call. It returns whether the call has an effect, and its error.
func (s *store) call() (effect bool, err error) {
	if s.dead {
		return false, errScripted
	}
	s.calls++
	if err := s.loses(); err != nil {
		return false, err
	}
	if s.calls != s.end.at {
		return true, nil
	}
	s.dead = s.end.dead
	if s.end.stop != nil {
		s.end.stop()
	}
	return s.end.after, errScripted
}

func (w *storeWriter) Stage(ctx context.Context, b *load.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed[b.Window] {
		w.broken = append(w.broken, fmt.Sprintf("window %d was staged after its end", b.Window))
	}
	for _, r := range b.Rows {
		w.staged[r.Conversation.ConversationID] = true
	}
	effect, err := w.call()
	if !effect {
		return err
	}
	if w.atOnce {
		return errors.Join(w.storeAtOnce(ctx, b), err)
	}
	w.pending[b.Window] = append(w.pending[b.Window], b)
	return errors.Join(w.Writer.Stage(ctx, b), err)
}

// storeAtOnce stores a batch in a window of its own, without earlier starts, which
// have not been judged.
func (w *storeWriter) storeAtOnce(ctx context.Context, b *load.Batch) error {
	w.parts--
	part, window := *b, &load.Window{ID: w.parts, Feed: b.Feed, Judged: map[string]warehouse.Timestamp{}}
	part.Window = w.parts
	for _, r := range b.Rows {
		window.Judged[r.Conversation.ConversationID] = math.MaxInt64
	}
	if err := w.Writer.Stage(ctx, &part); err != nil {
		return err
	}
	counts, err := w.commit(ctx, window, []*load.Batch{&part})
	all := w.counts[b.Window]
	all.Add(counts)
	w.counts[b.Window] = all
	return err
}

// commit publishes a window, and records what was compared and written.
func (w *storeWriter) commit(ctx context.Context, window *load.Window, batches []*load.Batch) (load.Counts, error) {
	before := w.rows
	settled := w.compared(batches)
	counts, err := w.Writer.Publish(ctx, window)
	if err != nil {
		return counts, err
	}
	w.remember()
	for id, in := range settled {
		w.settled[id] = true
		if w.rows[id] == in { // the memory stores the rows that were staged
			w.written[id] = true
		}
	}
	for _, k := range window.Missing {
		was, is := before[k.ID], w.rows[k.ID]
		if was != nil && (is == nil || is.Conversation.MissingSince.Valid && !was.Conversation.MissingSince.Valid) {
			w.missing[k.ID] = true
		}
	}
	return counts, nil
}

// compared returns the versions that are compared with the stored ones, by id: one
// of each, unless the stored one wins.
func (s *store) compared(batches []*load.Batch) map[string]*warehouse.Rows {
	type staged struct {
		rows  *warehouse.Rows
		batch *load.Batch
	}
	var all []staged
	for _, b := range batches {
		for _, r := range b.Rows {
			all = append(all, staged{r, b})
		}
	}
	newest, _ := load.Newest(nil, all, func(v *staged) load.Version {
		c := &v.rows.Conversation
		return load.Version{ID: c.ConversationID, StartedAt: c.StartedAt, Open: v.rows.IsOpen(), Batch: v.batch}
	})
	compared := map[string]*warehouse.Rows{}
	for _, v := range newest {
		c := &v.rows.Conversation
		stored := s.rows[c.ConversationID]
		if stored == nil || v.batch.Decide(modelEnvironments, c, load.KeyOf(&stored.Conversation)).Action != load.Skip {
			compared[c.ConversationID] = v.rows
		}
	}
	return compared
}

func (w *storeWriter) Publish(ctx context.Context, st *load.Window) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	effect, err := w.call()
	if !effect {
		return load.Counts{}, err
	}
	if err := st.Unjudged(w.counts[st.ID].OtherStarts); err != nil {
		return load.Counts{}, err
	}
	counts, failed := w.commit(ctx, st, w.pending[st.ID])
	if failed != nil {
		return load.Counts{}, failed
	}
	w.closed[st.ID] = true
	delete(w.pending, st.ID)
	counts.Add(w.counts[st.ID])
	for _, d := range st.Drift {
		if d.Kind == load.DriftIDTwice {
			w.twice += d.Count
		}
	}
	if st.Coverage != nil {
		n := w.visible[st.Feed]
		n.Transcripts += counts.VisibleAgain.Transcripts
		n.Metrics += counts.VisibleAgain.Metrics
		w.visible[st.Feed] = n
	}
	if err != nil {
		return load.Counts{}, err
	}
	return counts, nil
}

func (w *storeWriter) Abandon(ctx context.Context, id load.WindowID) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed[id] = true
	delete(w.pending, id)
	_, err := w.Writer.Abandon(ctx, id)
	return w.counts[id], err
}

func (w *storeWriter) Finish(ctx context.Context, run *warehouse.SyncRun) error {
	switch {
	case w.lost:
		return errLostCommits
	case w.dead:
		return errScripted
	}
	return w.Writer.Finish(ctx, run)
}

// Close releases the lock, as the end of the process does.
func (w *storeWriter) Close() error { return w.Writer.Close() }
