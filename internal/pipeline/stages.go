package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// stages holds the workers of transform and load, with their queues. Readers pass
// chunks to them with put.
type stages struct {
	writer  load.Stager
	stop    context.CancelCauseFunc // stops the run
	workers sync.WaitGroup
	chunks  chan work
	batches chan work
	shares  *Shares

	inFlight atomic.Int64 // acquired bytes of shares
}

// work is a chunk of a window: first as it was returned, then as rows.
type work struct {
	window *window
	chunk  *extract.Chunk
	rows   []*warehouse.Rows
	source map[*warehouse.Rows]polyai.Value // conversations that the rows were made from
}

// destinationError marks an error of the destination, which ends the run.
type destinationError struct{ err error }

func (e *destinationError) Error() string { return e.err.Error() }
func (e *destinationError) Unwrap() error { return e.err }

// startStages starts the workers. They drain their queues even if the run is
// stopped, so that done is called for every chunk.
func startStages(ctx context.Context, stop context.CancelCauseFunc, w load.Stager, shares *Shares, transformers, loaders int) *stages {
	s := &stages{
		writer:  w,
		stop:    stop,
		shares:  shares,
		chunks:  make(chan work, transformers),
		batches: make(chan work, loaders),
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

// close closes the queues and waits for the workers. put must not be called any
// longer.
func (s *stages) close() {
	close(s.chunks)
	s.workers.Wait()
}

// put passes a chunk of a window to the workers, and waits while too many bytes are
// in flight. A large chunk is processed alone, and put returns when it is done: the
// next conversation of its page may be large as well.
func (s *stages) put(ctx context.Context, st *window, c *extract.Chunk) error {
	weight := weightOf(c)
	if err := s.shares.bytes.Acquire(ctx, weight); err != nil {
		return err
	}
	s.inFlight.Add(weight)
	st.pending.Add(1)
	select {
	case s.chunks <- work{window: st, chunk: c}:
	case <-ctx.Done():
		s.done(work{window: st, chunk: c})
		return ctx.Err()
	}
	if !c.IsLarge() {
		return nil
	}
	if err := s.shares.bytes.Acquire(ctx, bytesInFlight); err != nil {
		return err
	}
	s.shares.bytes.Release(bytesInFlight)
	return nil
}

// weightOf returns the share of a chunk in bytesInFlight.
func weightOf(c *extract.Chunk) int64 {
	if c.IsLarge() {
		return bytesInFlight
	}
	return int64(min(c.Bytes(), bytesInFlight))
}

// done releases the bytes of a chunk.
func (s *stages) done(w work) {
	weight := weightOf(w.chunk)
	s.inFlight.Add(-weight)
	s.shares.bytes.Release(weight)
	w.chunk.Release()
	w.window.pending.Done()
}

func (s *stages) transform() {
	for w := range s.chunks {
		s.shares.transform.use(func() { w.rows, w.source = w.window.transform(w.chunk) })
		s.batches <- w
	}
}

func (s *stages) load(ctx context.Context) {
	for w := range s.batches {
		if ctx.Err() == nil && len(w.rows) > 0 {
			s.shares.load.use(func() {
				if err := s.stage(ctx, w); err != nil {
					s.stop(&destinationError{err})
				}
			})
		}
		s.done(w)
	}
}

func (s *stages) stage(ctx context.Context, w work) (err error) {
	defer panics.Recover(&err)
	return s.writer.Stage(ctx, &load.Batch{
		Window:    w.window.id,
		Feed:      w.window.feed,
		Rows:      w.rows,
		LiveSince: w.window.liveSince,
		Rewrite:   w.window.rewrite,
		Moved:     w.window.moved,
		Rules:     w.window.options.Stored,
		Refuse:    func(r *warehouse.Rows, reason string) { w.window.refuse(w.source[r], r, reason) },
	})
}

// window is a window in progress: a unit of work that is committed at once.
type window struct {
	id        load.WindowID
	feed      load.Feed
	span      extract.Span                  // to be covered; empty if it adds no coverage
	whole     []extract.Span                // parts that were read completely
	left      []extract.Span                // parts that another window reads
	tried     map[warehouse.Timestamp]error // holes that could not be read, by their seconds
	options   *transform.Options
	openSince warehouse.Timestamp // age limit of open conversations
	runID     string
	at        warehouse.Timestamp
	liveSince warehouse.Timestamp
	rewrite   bool // write rows again even if they are unchanged
	unchanged *unchanged
	judged    map[string]warehouse.Timestamp // see [load.Window]
	moved     map[string]load.Place          // see [load.Batch]
	visible   atomic.Bool                    // a transcript or metrics were returned
	// hiddenRead means that all hidden days were read again.
	hiddenRead bool
	tracker    *missingTracker // nil: nothing is stored yet
	pending    sync.WaitGroup  // chunks that are not staged yet
	emitted    atomic.Int64    // conversations that were read
	blind      atomic.Bool     // one of them has neither id nor start: none can be reported as missing

	mu           sync.Mutex
	read         int64
	rejected     int64 // rejects among them
	rejects      map[string]warehouse.Reject
	payloadBytes int // of all of them
	drift        map[driftKey]warehouse.Drift
	paths        load.DriftPaths // of the drift of this window
	drifting     int64
}

// seconds returns the length of the span without the parts that are left.
func (st *window) seconds() extract.Second {
	seconds := st.span.Seconds()
	for _, left := range st.left {
		seconds -= left.Seconds()
	}
	return seconds
}

type driftKey struct{ path, kind, jsonType string }

// transform returns the rows of a chunk, without conversations that are unchanged,
// and records its rejects and drift.
func (st *window) transform(c *extract.Chunk) (rows []*warehouse.Rows, source map[*warehouse.Rows]polyai.Value) {
	rows, source = make([]*warehouse.Rows, 0, c.Len()), make(map[*warehouse.Rows]polyai.Value, c.Len())
	for v := range c.Values() {
		digest, same := st.unchanged.skips(v)
		if same != nil {
			st.noteListed(same.ID, same.StartedAt)
			st.visible.Store(true)
			continue
		}
		r, drift, err := rowsOf(v, st.options, st.openSince)
		if err != nil {
			st.reject(v, err)
			continue
		}
		rows, source[r] = append(rows, r), v
		st.note(drift)
		st.noteListed(r.Conversation.ConversationID, r.Conversation.StartedAt)
		st.unchanged.noteStaged(&r.Conversation)
		if isComparable(r) {
			r.Digest = digest
		}
		if len(r.Turns)+len(r.Metrics) > 0 {
			st.visible.Store(true)
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

// rowsOf returns the rows of a conversation. A panic of the transform is an error,
// so that the conversation becomes a reject and the others are loaded.
func rowsOf(v polyai.Value, options *transform.Options, openSince warehouse.Timestamp) (r *warehouse.Rows, drift []polyai.Drift, err error) {
	defer panics.Recover(&err)
	return transform.Rows(v, options, openSince)
}

// noteListed records that the source returned a conversation.
func (st *window) noteListed(id string, start warehouse.Timestamp) {
	if st.tracker != nil {
		st.tracker.noteListed(id, start)
	}
}

// reject adds a reject for a conversation that could not be read.
func (st *window) reject(v polyai.Value, err error) {
	r := warehouse.Reject{Reason: err.Error()}
	var reject *polyai.RejectError
	if errors.As(err, &reject) {
		r.Reason, r.ConversationID = reject.Reason, warehouse.Text(reject.ID)
		r.StartedAt = warehouse.Null[warehouse.Timestamp]{V: warehouse.Timestamp(reject.StartedAt.V), Valid: reject.StartedAt.Valid}
	} else { // the transform panicked
		reject = polyai.RejectBroken(v)
	}
	st.noteRejected(reject)
	st.addReject(v, r)
}

// noteRejected records that the source returned a conversation that could not be
// read: it is listed nevertheless.
func (st *window) noteRejected(r *polyai.RejectError) {
	switch id, start := idAndStart(r); {
	case id == "" && start == anyStart:
		st.blind.Store(true)
		if st.tracker != nil {
			st.tracker.blind.Store(true)
		}
	default:
		st.noteListed(id, start)
	}
}

// idAndStart returns id and start of a reject; "" and [anyStart] if unknown.
func idAndStart(r *polyai.RejectError) (id string, start warehouse.Timestamp) {
	if r.StartedAt.Valid {
		return r.ID, warehouse.Timestamp(r.StartedAt.V)
	}
	return r.ID, anyStart
}

// refuse adds a reject for a conversation that the destination refused.
func (st *window) refuse(v polyai.Value, r *warehouse.Rows, reason string) {
	st.addReject(v, warehouse.Reject{
		Reason: reason, ConversationID: warehouse.Text(r.Conversation.ConversationID), StartedAt: warehouse.Some(r.Conversation.StartedAt),
	})
}

// maxPayloadBytes limits the payloads of the rejects of a window, which are in
// memory until it is published.
const maxPayloadBytes = 64 << 20

// addReject adds a reject with the conversation as its payload.
func (st *window) addReject(v polyai.Value, r warehouse.Reject) {
	id, payload, err := contentOfReject(v, st.options.Rules)
	if err != nil {
		r.Reason += "; its payload is not stored: " + err.Error()
	}
	r.ProjectID, r.Environment = st.feed.ProjectID, st.feed.Environment
	r.RejectID, r.Payload = id, warehouse.Text(payload)
	r.FirstSeenAt, r.LastSeenAt, r.RunID = st.at, st.at, st.runID
	if st.tracker != nil {
		st.tracker.noteRejected(id)
	}
	st.unchanged.addRejected(string(r.ConversationID))
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

// errUnruled is why a payload that is not JSON is not stored. It could contain what
// the rules remove.
var errUnruled = errors.New("it is not JSON, so the rules cannot be applied")

// contentOfReject returns the payload of a reject, and its hash. The payload is
// canonical JSON, to which the rules were applied, or, if the conversation is not
// JSON, its text with replacement characters for bytes that cannot be stored. It is
// empty if the rules cannot be applied; err is why.
func contentOfReject(v polyai.Value, rules transform.Rules) (id, payload string, err error) {
	switch {
	case polyai.IsSound(v):
		canonical, err := ruledPayload(v, rules)
		if err != nil {
			return extract.Digest(v), "", err
		}
		return extract.Digest(polyai.Value(canonical)), string(canonical), nil
	case len(rules) > 0:
		return extract.Digest(v), "", errUnruled
	}
	return extract.Digest(v), strings.ReplaceAll(strings.ToValidUTF8(string(v), "\uFFFD"), "\x00", "\uFFFD"), nil
}

// ruledPayload returns a panic of a rule as an error.
func ruledPayload(v polyai.Value, rules transform.Rules) (payload warehouse.JSON, err error) {
	defer panics.Recover(&err)
	return rules.Payload(v), nil
}

func (st *window) note(drift []polyai.Drift) {
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
				ProjectID:   st.feed.ProjectID,
				Environment: st.feed.Environment,
				Path:        path,
				Kind:        string(d.Kind),
				JSONType:    d.Type,
				FirstSeenAt: st.at,
				LastSeenAt:  st.at,
			}
		}
		row.Count++
		row.MaxLengthBytes = max(row.MaxLengthBytes, int64(d.Length))
		st.drift[key] = row
		st.drifting++
	}
}
