package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// stages are the transform and the load: pools of workers behind queues.
// Reading is the first stage; it hands over by put.
type stages struct {
	writer  load.Writer
	stop    context.CancelCauseFunc // stops the run
	workers sync.WaitGroup
	chunks  chan work
	batches chan work
	bytes   *semaphore.Weighted

	inFlight atomic.Int64 // what is acquired of bytes
}

// work is a chunk of a stretch on its way: first as answered, then as rows.
type work struct {
	stretch *stretch
	chunk   *extract.Chunk
	rows    []*warehouse.Rows
	source  map[*warehouse.Rows]polyai.Value // what the rows were made of
}

// destinationError marks an error of the destination, which ends the run.
type destinationError struct{ err error }

func (e *destinationError) Error() string { return e.err.Error() }
func (e *destinationError) Unwrap() error { return e.err }

// startStages starts the workers. They work off their queues to the end, also
// when the run stops, so that every chunk that was put is done at last.
func startStages(ctx context.Context, stop context.CancelCauseFunc, w load.Writer, transformers, loaders int) *stages {
	s := &stages{
		writer: w, stop: stop, bytes: semaphore.NewWeighted(bytesInFlight),
		chunks: make(chan work, transformers), batches: make(chan work, loaders),
	}
	var transforming sync.WaitGroup
	for range transformers {
		transforming.Go(s.transform)
	}
	s.workers.Go(func() {
		transforming.Wait()
		close(s.batches)
	})
	for range loaders {
		s.workers.Go(func() { s.load(ctx) })
	}
	return s
}

// close says that nothing more is put, and waits for the workers.
func (s *stages) close() {
	close(s.chunks)
	s.workers.Wait()
}

// put hands a chunk of a stretch over, and waits while too much is in flight. A
// large chunk is alone in flight, and is waited for: what its page reads next may
// be large as well.
func (s *stages) put(ctx context.Context, st *stretch, c *extract.Chunk) error {
	weight := weightOf(c)
	if err := s.bytes.Acquire(ctx, weight); err != nil {
		return err
	}
	s.inFlight.Add(weight)
	st.pending.Add(1)
	select {
	case s.chunks <- work{stretch: st, chunk: c}:
	case <-ctx.Done():
		s.done(work{stretch: st, chunk: c})
		return ctx.Err()
	}
	if !c.IsLarge() {
		return nil
	}
	if err := s.bytes.Acquire(ctx, bytesInFlight); err != nil {
		return err
	}
	s.bytes.Release(bytesInFlight)
	return nil
}

// weightOf is what a chunk takes of bytesInFlight.
func weightOf(c *extract.Chunk) int64 {
	if c.IsLarge() {
		return bytesInFlight
	}
	return int64(min(c.Bytes(), bytesInFlight))
}

// done frees what a chunk holds.
func (s *stages) done(w work) {
	weight := weightOf(w.chunk)
	s.inFlight.Add(-weight)
	s.bytes.Release(weight)
	w.stretch.pending.Done()
}

func (s *stages) transform() {
	for w := range s.chunks {
		w.rows, w.source = w.stretch.transform(w.chunk)
		s.batches <- w
	}
}

func (s *stages) load(ctx context.Context) {
	for w := range s.batches {
		if ctx.Err() == nil && len(w.rows) > 0 {
			if err := s.stage(ctx, w); err != nil {
				s.stop(&destinationError{err})
			}
		}
		s.done(w)
	}
}

func (s *stages) stage(ctx context.Context, w work) (err error) {
	defer extract.Caught(&err)
	return s.writer.Stage(ctx, &load.Batch{
		Stretch: w.stretch.id, Feed: w.stretch.feed, Rows: w.rows, LiveSince: w.stretch.liveSince, Rewrite: w.stretch.rewrite, Moved: w.stretch.moved,
		Refuse: func(r *warehouse.Rows, reason string) { w.stretch.refuse(w.source[r], r, reason) },
	})
}

// stretch is a stretch on its way.
type stretch struct {
	id        load.StretchID
	feed      load.Feed
	span      extract.Span                  // what it is to cover; empty where it is no coverage
	whole     []extract.Span                // what of it was read whole
	tried     map[warehouse.Timestamp]error // holes that were asked for in vain, by their seconds
	rules     *transform.Options
	runID     string
	at        warehouse.Timestamp
	liveSince warehouse.Timestamp
	rewrite   bool                           // write anew whatever is stored
	judged    map[string]warehouse.Timestamp // see [load.Stretch]
	moved     map[string]load.Place          // see [load.Batch]
	shows     atomic.Bool                    // a transcript or metrics
	// hiddenRead settles that what was hidden is shown again.
	hiddenRead bool
	vanished   *vanished      // told what was answered; nil: nothing is stored yet
	pending    sync.WaitGroup // chunks that are not staged yet
	emitted    atomic.Int64   // conversations that were read
	blind      atomic.Bool    // of one of them neither id nor start is known: nothing can be called missing

	mu           sync.Mutex
	read         int64
	rejected     int64 // of these, could not be read
	rejects      map[string]warehouse.Reject
	payloadBytes int // of all of them
	drift        map[driftKey]warehouse.Drift
	paths        load.DriftPaths // of the drift of this stretch
	drifting     int64
}

type driftKey struct{ path, kind, jsonType string }

// transform makes the rows of a chunk, and keeps count of what is odd in it.
func (st *stretch) transform(c *extract.Chunk) (rows []*warehouse.Rows, source map[*warehouse.Rows]polyai.Value) {
	rows, source = make([]*warehouse.Rows, 0, c.Len()), make(map[*warehouse.Rows]polyai.Value, c.Len())
	for v := range c.Values() {
		r, drift, err := rowsOf(v, st.rules)
		if err != nil {
			st.reject(v, err)
			continue
		}
		rows, source[r] = append(rows, r), v
		st.note(drift)
		st.saw(r.Conversation.ConversationID, r.Conversation.StartedAt)
		if len(r.Turns)+len(r.Metrics) > 0 {
			st.shows.Store(true)
		}
	}
	for _, v := range c.Broken() {
		st.reject(v, polyai.RejectBroken(v))
	}
	st.mu.Lock()
	st.read += int64(c.Len() + len(c.Broken()))
	st.mu.Unlock()
	return rows, source
}

// rowsOf makes the rows of a conversation. One that the rules break on is a
// reject as others are: kept whole, and no reason to read nothing else.
func rowsOf(v polyai.Value, rules *transform.Options) (r *warehouse.Rows, drift []polyai.Drift, err error) {
	defer extract.Caught(&err)
	return transform.Rows(v, rules)
}

// saw notes that a conversation was answered.
func (st *stretch) saw(id string, start warehouse.Timestamp) {
	if st.vanished != nil {
		st.vanished.saw(id, start)
	}
}

// reject makes a reject of a conversation that could not be read.
func (st *stretch) reject(v polyai.Value, err error) {
	r := warehouse.Reject{Reason: err.Error()}
	var reject *polyai.RejectError
	if errors.As(err, &reject) {
		r.Reason, r.ConversationID = reject.Reason, warehouse.Text(reject.ID)
		r.StartedAt = warehouse.Null[warehouse.Timestamp]{V: warehouse.Timestamp(reject.StartedAt.V), Valid: reject.StartedAt.Valid}
	} else { // the rules broke on it
		reject = polyai.RejectBroken(v)
	}
	st.sawReject(reject)
	st.addReject(v, r)
}

// sawReject notes that a conversation was answered that could not be read: it is
// listed, too.
func (st *stretch) sawReject(r *polyai.RejectError) {
	switch id, start := idAndStart(r); {
	case id == "" && start == anyStart:
		st.blind.Store(true)
		if st.vanished != nil {
			st.vanished.blind.Store(true)
		}
	default:
		st.saw(id, start)
	}
}

// idAndStart are what is known of a reject; "" and [anyStart] where they are not.
func idAndStart(r *polyai.RejectError) (id string, start warehouse.Timestamp) {
	if r.StartedAt.Valid {
		return r.ID, warehouse.Timestamp(r.StartedAt.V)
	}
	return r.ID, anyStart
}

// refuse makes a reject of a conversation that the destination refused.
func (st *stretch) refuse(v polyai.Value, r *warehouse.Rows, reason string) {
	st.addReject(v, warehouse.Reject{
		Reason: reason, ConversationID: warehouse.Text(r.Conversation.ConversationID), StartedAt: warehouse.Some(r.Conversation.StartedAt),
	})
}

// maxPayloadBytes bounds what is kept of the rejects of a stretch, which are in
// memory until it is published.
const maxPayloadBytes = 64 << 20

// addReject adds a reject with what it was made of.
func (st *stretch) addReject(v polyai.Value, r warehouse.Reject) {
	id, payload := contentOfReject(v)
	r.ProjectID, r.Environment = st.feed.ProjectID, st.feed.Environment
	r.RejectID, r.Payload = id, warehouse.Text(payload)
	r.FirstSeenAt, r.LastSeenAt, r.RunID = st.at, st.at, st.runID
	if st.vanished != nil {
		st.vanished.sawReject(id)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.rejected++
	if old, again := st.rejects[r.RejectID]; again {
		r.Reason, r.Payload = old.Reason, old.Payload
	} else if st.payloadBytes += len(payload); st.payloadBytes > maxPayloadBytes {
		st.payloadBytes -= len(payload)
		r.Reason += fmt.Sprintf("; its %d bytes are too many to be kept", len(payload))
		r.Payload = ""
	}
	st.rejects[r.RejectID] = r
}

// contentOfReject is what is kept of a conversation, and its hash. What is no
// JSON is kept as it was answered, but for what no text may hold.
func contentOfReject(v polyai.Value) (id, payload string) {
	if !polyai.IsSound(v) {
		return extract.Digest(v), strings.ReplaceAll(strings.ToValidUTF8(string(v), "\uFFFD"), "\x00", "\uFFFD")
	}
	canonical, _ := warehouse.Canonical(string(v))
	sum := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(sum[:]), string(canonical)
}

func (st *stretch) note(drift []polyai.Drift) {
	if len(drift) == 0 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, d := range drift {
		path := st.paths.Bound(d.Path, string(d.Kind))
		key := driftKey{path, string(d.Kind), d.Type}
		row, seen := st.drift[key]
		if !seen {
			row = warehouse.Drift{
				ProjectID: st.feed.ProjectID, Environment: st.feed.Environment,
				Path: path, Kind: string(d.Kind), JSONType: d.Type, FirstSeenAt: st.at, LastSeenAt: st.at,
			}
		}
		row.Count++
		row.MaxLengthBytes = max(row.MaxLengthBytes, int64(d.Length))
		st.drift[key] = row
		st.drifting++
	}
}
