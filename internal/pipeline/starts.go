package pipeline

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// maxLater limits how many later starts of a feed are recorded, to determine at the
// end of its run whether the earlier ones are listed as well.
const maxLater = 1000

// sameIDs finds ids that the source lists with two starts. The warehouse stores the
// later one.
type sameIDs struct {
	mu    sync.Mutex
	found map[string]warehouse.Timestamp // later starts by id; each id is counted once per run
	later []load.OtherStart              // stored with an earlier start before, which may still be listed
}

// resolveStarts handles conversations that were returned with an earlier start than
// the stored one. Either the start changed, or the source lists the id with both
// starts. Those that changed are staged again as moved. If the source cannot be
// asked about a second, the second is not covered, and the next run reads it.
func (f *feedRun) resolveStarts(ctx context.Context, st *window, earlier []load.OtherStart) error {
	unknown := make([]load.Key, 0, len(earlier))
	for _, o := range earlier {
		if listed, gone := f.knows(st, &o); !listed && !gone {
			unknown = append(unknown, load.Key{ID: o.ID, StartedAt: o.Stored})
		}
	}
	asked, err := f.ask(ctx, unknown)
	if err != nil {
		return err
	}
	st.judged, st.moved = orMake(st.judged), map[string]load.Place{}
	var again []extract.Span
	for _, o := range earlier {
		st.judged[o.ID] = max(st.judged[o.ID], o.Stored)
		second := wholeSecond(o.Answered)
		listed, gone := f.knows(st, &o)
		switch failed := asked.failedAt(o.Stored); {
		case listed || asked.lists(o.ID, o.Stored):
			f.countTwice(st, &o)
		case failed != nil && failed.Hole && !gone:
			// The later start remains stored until the source returns its second: a
			// known hole must not leave a gap in each run.
		case failed != nil && !gone:
			st.whole = extract.Without(st.whole, []extract.Span{second})
			f.fail(&extract.SpanError{Span: second, Err: failed.Err})
		default:
			st.moved[o.ID] = load.Place{Environment: f.feed.Environment, StartedAt: o.Stored}
			again = append(again, second)
		}
	}
	return f.readAgain(ctx, st, again)
}

// knows reports whether this run found the stored start listed, or read its second
// completely without finding it.
func (f *feedRun) knows(st *window, o *load.OtherStart) (listed, gone bool) {
	latest, answered := f.tracker.latest(o.ID)
	at := secondOf(o.Stored)
	inside := func(s extract.Span) bool { return s.From < at && at < s.Until-1 }
	listed = answered && latest == o.Stored || f.twice.lists(o)
	gone = answered && latest != anyStart && latest < o.Stored && slices.ContainsFunc(st.whole, inside)
	return listed, gone && !listed
}

// lists reports whether this run already found the stored start listed.
func (t *sameIDs) lists(o *load.OtherStart) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	later, ok := t.found[o.ID]
	return ok && later == o.Stored
}

// readAgain reads some seconds of a window again, before it is published.
func (f *feedRun) readAgain(ctx context.Context, st *window, spans []extract.Span) error {
	if len(spans) == 0 {
		return nil
	}
	failed, err := f.feed.Reader.ReadParts(ctx, extract.Without(extract.Together(spans), f.holeSpans()), f.emitter(st), nil)
	for _, part := range failed {
		st.whole = extract.Without(st.whole, []extract.Span{part.Span})
	}
	f.fail(failed...)
	st.pending.Wait()
	return cmp.Or(err, ctx.Err()) // a part of it may not be staged
}

// fail records parts that could not be read, except for holes, which the reader
// records.
func (f *feedRun) fail(parts ...*extract.SpanError) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, part := range parts {
		if !part.Hole {
			f.failed = append(f.failed, part)
		}
	}
}

// countTwice counts an id that the source lists with two starts.
func (f *feedRun) countTwice(st *window, o *load.OtherStart) {
	f.twice.mu.Lock()
	_, counted := f.twice.found[o.ID]
	f.twice.found = orMake(f.twice.found)
	f.twice.found[o.ID] = max(o.Stored, o.Answered)
	f.twice.mu.Unlock()
	if counted {
		return
	}
	f.log.Warn("the source lists one id with two starts; the later one is stored, the other is not",
		"conversation", o.ID, "stored", max(o.Stored, o.Answered).Time(), "not_stored", min(o.Stored, o.Answered).Time())
	st.note([]polyai.Drift{{Path: "id", Type: "string", Length: len(o.ID) + len(`""`), Kind: load.DriftIDTwice}})
}

// noteLater records ids that were stored with an earlier start.
func (f *feedRun) noteLater(others []load.OtherStart) {
	f.twice.mu.Lock()
	defer f.twice.mu.Unlock()
	for _, o := range others {
		if _, counted := f.twice.found[o.ID]; !o.Earlier() && !counted && len(f.twice.later) < maxLater {
			f.twice.later = append(f.twice.later, o)
		}
	}
}

// countLater counts the ids whose earlier start, which is no longer stored, is
// still listed. It changes no row. Seconds that cannot be read are not counted.
func (f *feedRun) countLater(ctx context.Context, st *window) error {
	var keys []load.Key
	for _, o := range f.twice.later {
		keys = append(keys, load.Key{ID: o.ID, StartedAt: o.Stored})
	}
	asked, err := f.ask(ctx, keys)
	if err != nil && !sourceError(ctx, err) {
		return err
	}
	for _, o := range f.twice.later {
		if asked.lists(o.ID, o.Stored) {
			f.countTwice(st, &o)
		}
	}
	return nil
}

// listing holds what the source lists of some ids in the requested seconds.
type listing struct {
	mu       sync.Mutex
	starts   map[string][]warehouse.Timestamp
	nameless map[warehouse.Timestamp]bool // starts of conversations without a readable id
	failed   []*extract.SpanError
}

// anyStart is the start of a listed conversation whose start cannot be read.
const anyStart warehouse.Timestamp = 0

// lists reports whether the source lists an id with a start.
func (a *listing) lists(id string, start warehouse.Timestamp) bool {
	return slices.Contains(a.starts[id], start) || slices.Contains(a.starts[id], anyStart) || a.nameless[start]
}

// failedAt returns the error for the second of a start; nil if it was read.
func (a *listing) failedAt(start warehouse.Timestamp) *extract.SpanError {
	second := secondOf(start)
	for _, part := range a.failed {
		if part.From <= second && second < part.Until {
			return part
		}
	}
	return nil
}

// ask requests the seconds in which conversations started.
func (f *feedRun) ask(ctx context.Context, keys []load.Key) (*listing, error) {
	a := &listing{starts: map[string][]warehouse.Timestamp{}, nameless: map[warehouse.Timestamp]bool{}}
	if len(keys) == 0 || f.feed.Refused != nil {
		return a, f.feed.Refused
	}
	spans := make([]extract.Span, len(keys))
	for i, k := range keys {
		a.starts[k.ID] = nil
		spans[i] = wholeSecond(k.StartedAt)
	}
	holes := f.holeSpans()
	failed, err := f.feed.Reader.ReadParts(ctx, extract.Without(extract.Together(spans), holes), func(_ context.Context, chunk *extract.Chunk) error {
		for v := range chunk.Values() {
			a.note(v)
		}
		for _, v := range chunk.Broken() {
			a.noteReject(polyai.RejectBroken(v))
		}
		return nil
	}, nil)
	for _, h := range holes {
		failed = append(failed, &extract.SpanError{Span: h, Err: errHole, Hole: true})
	}
	a.failed = append(a.failed, failed...)
	return a, err
}

var errHole = errors.New("the source fails to return it")

// noteReject records a conversation that cannot be read. Without an id, it may be
// any of the wanted ones with the same start; without id and start, any of them.
func (a *listing) noteReject(reject *polyai.RejectError) {
	id, start := idAndStart(reject)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case id != "":
		a.add(id, anyStart)
	case start != anyStart:
		a.nameless[start] = true
	default:
		a.failed = append(a.failed, &extract.SpanError{Span: extract.Span{From: math.MinInt64, Until: math.MaxInt64}, Err: reject})
	}
}

// note records a listed conversation.
func (a *listing) note(v polyai.Value) {
	c, err := polyai.Decode(v)
	var reject *polyai.RejectError
	switch {
	case errors.As(err, &reject):
		a.noteReject(reject)
	case err == nil:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.add(c.ID, warehouse.Timestamp(c.StartedAt))
	}
}

// add adds a start if its id is wanted.
func (a *listing) add(id string, start warehouse.Timestamp) {
	if starts, wanted := a.starts[id]; wanted && !slices.Contains(starts, start) {
		a.starts[id] = append(starts, start)
	}
}

func orMake[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}
