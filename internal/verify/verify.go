package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// Kind says how a conversation is not as it should be.
type Kind string

// The kinds of findings.
const (
	NotStored Kind = "not_stored" // the source lists it, the destination does not hold it though it was read there
	NotRead   Kind = "not_read"   // the same, in a gap of what was read: the next run reads it
	NotListed Kind = "not_listed" // stored and not marked as missing, the source does not list it
	Differs   Kind = "differs"    // stored as the source no longer says it
	Tampered  Kind = "tampered"   // the stored rows are not those that their hash was made of
)

// Finding is a conversation that is not as it should be.
type Finding struct {
	Feed      load.Feed
	ID        string
	StartedAt warehouse.Timestamp // as stored, else as listed
	Listed    warehouse.Timestamp // as listed; 0: it is not
	Kind      Kind
}

// Result is what came of verifying a feed.
type Result struct {
	Feed       load.Feed
	Listed     int64 // conversations that the source lists in the stretch
	Stored     int64 // that are stored
	Turns      int64 // of these
	Same       int64 // listed and stored alike
	Older      int64 // stored by older rules, and not read by today's: not different
	Open       int64 // in progress here or there: they change by themselves
	Missing    int64 // stored, and marked as no longer listed
	Unreadable int64 // listed, and no conversation that can be read
	Newer      int64 // listed, not stored, and began after all that was read: no difference
	Elsewhere  int64 // listed here, and stored under another environment, where it was seen first: no difference
	Findings   []Finding
}

// Feed verifies what started within the span. read is the feed's coverage from
// before: what is listed beyond it may well not be stored. beside are the other
// feeds of the project: an id is stored under one environment only.
func Feed(ctx context.Context, f *pipeline.Feed, archive load.Archive, read []load.Range, beside []load.Feed, span extract.Span) (*Result, error) {
	if f.Refused != nil {
		return nil, fmt.Errorf("project %s (%s): %w", f.ProjectID, f.Environment, f.Refused)
	}
	result := &Result{Feed: f.Feed}
	density, before := 0.0, extract.Second(0)
	for spans := []extract.Span{span}; len(spans) > 0; {
		var part extract.Span
		part, spans = extract.NextStretch(spans, density, before)
		v := verifier{feed: f, archive: archive, read: read, beside: beside, span: part, result: result, stored: map[string]*stored{}}
		if err := v.do(ctx); err != nil {
			return nil, fmt.Errorf("project %s (%s), %s: %w", f.ProjectID, f.Environment, part, err)
		}
		density, before = float64(len(v.stored))/float64(part.Seconds()), part.Seconds()
	}
	slices.SortFunc(result.Findings, func(a, b Finding) int {
		return strings.Compare(a.StartedAt.Time().Format(sortable)+a.ID, b.StartedAt.Time().Format(sortable)+b.ID)
	})
	return result, nil
}

const sortable = "2006-01-02T15:04:05.000000"

// verifier verifies a part of the span.
type verifier struct {
	feed    *pipeline.Feed
	archive load.Archive
	read    []load.Range
	beside  []load.Feed
	span    extract.Span

	mu     sync.Mutex
	result *Result
	stored map[string]*stored
	listed map[string]bool
}

// stored is what is known of a stored conversation.
type stored struct {
	start                   warehouse.Timestamp
	hash, shape             string
	open, missing, tampered bool
}

func (v *verifier) do(ctx context.Context) error {
	from, until := warehouse.TimestampOf(v.span.From.Time()), warehouse.TimestampOf(v.span.Until.Time())
	if err := v.archive.Read(ctx, v.feed.Feed, from, until, v.note); err != nil {
		return err
	}
	v.listed = map[string]bool{}
	slices := v.feed.Reader.Slices(v.span, float64(len(v.stored))/float64(v.span.Seconds()))
	if err := v.feed.Reader.ReadSpan(ctx, slices, v.compare); err != nil {
		return err
	}
	for id, s := range v.stored {
		switch {
		case v.listed[id]:
		case s.missing:
			v.result.Missing++
		default:
			v.find(id, s.start, 0, NotListed)
		}
	}
	return nil
}

// note takes in a stored conversation.
func (v *verifier) note(r *warehouse.Rows) error {
	c := &r.Conversation
	v.stored[strings.Clone(c.ConversationID)] = &stored{
		start: c.StartedAt, hash: strings.Clone(c.ContentHash), shape: strings.Clone(c.Shape),
		open: r.IsOpen(), missing: c.MissingSince.Valid,
		tampered: r.Hash() != c.ContentHash || c.TurnsLoaded != int64(len(r.Turns)),
	}
	v.result.Stored++
	v.result.Turns += int64(len(r.Turns))
	return nil
}

// compare takes in what the source lists.
func (v *verifier) compare(ctx context.Context, chunk *extract.Chunk) error {
	for value := range chunk.Values() {
		r, _, err := transform.Rows(value, &v.feed.Rules)
		if err != nil {
			v.unreadable(value, err)
			continue
		}
		at := extract.SecondOf(r.Conversation.StartedAt.Time())
		if at < v.span.From || at >= v.span.Until {
			continue // of the second that is asked for beyond the ends
		}
		if err := v.conversation(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// unreadable counts what cannot be read, once; where it has an id it is listed.
func (v *verifier) unreadable(value polyai.Value, err error) {
	key := "\x00" + string(value)
	var reject *polyai.RejectError
	if errors.As(err, &reject) && reject.ID != "" {
		key = reject.ID
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.listed[key] {
		v.listed[key] = true
		v.result.Unreadable++
	}
}

func (v *verifier) conversation(ctx context.Context, in *warehouse.Rows) error {
	c := &in.Conversation
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.listed[c.ConversationID] {
		return nil // pages overlap
	}
	v.listed[c.ConversationID] = true
	v.result.Listed++
	s, ok := v.stored[c.ConversationID]
	switch {
	case !ok:
		return v.absent(ctx, c.ConversationID, c.StartedAt)
	case s.tampered:
		v.find(c.ConversationID, s.start, c.StartedAt, Tampered)
	case s.missing: // and listed after all
		v.find(c.ConversationID, s.start, c.StartedAt, Differs)
	case s.hash == c.ContentHash:
		v.result.Same++
	case s.shape != c.Shape && !v.isReadBy(c.Shape, c.StartedAt):
		v.result.Older++
	case s.open || in.IsOpen():
		v.result.Open++
	default:
		kept, err := v.isKept(ctx, in, s)
		if err != nil {
			return err
		}
		if kept {
			v.result.Same++
			return nil
		}
		v.find(c.ConversationID, s.start, c.StartedAt, Differs)
	}
	return nil
}

// isReadBy tells whether a moment was read by rules of a shape. The row of what
// came out the same by both is not written again, and keeps its older shape.
func (v *verifier) isReadBy(shape string, at warehouse.Timestamp) bool {
	return slices.ContainsFunc(v.read, func(r load.Range) bool { return at >= r.From && at < r.Until && r.Shape == shape })
}

// absent judges what is listed and not stored here, by whether it is stored
// elsewhere, or was read at all.
func (v *verifier) absent(ctx context.Context, id string, start warehouse.Timestamp) error {
	for _, other := range v.beside {
		keys, err := v.archive.Keys(ctx, other, start, start+1)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(keys, func(k load.Key) bool { return k.ID == id }) {
			v.result.Elsewhere++
			return nil
		}
	}
	newer := len(v.read) > 0
	for _, r := range v.read {
		if start >= r.From && start < r.Until {
			v.find(id, start, start, NotStored)
			return nil
		}
		newer = newer && start >= r.Until
	}
	if newer {
		v.result.Newer++
		return nil
	}
	v.find(id, start, start, NotRead)
	return nil
}

// isKept tells whether a stored conversation differs only by what was kept of
// it when the source hid its transcript or its metrics.
func (v *verifier) isKept(ctx context.Context, in *warehouse.Rows, s *stored) (kept bool, err error) {
	err = v.archive.Read(ctx, v.feed.Feed, s.start, s.start+1, func(r *warehouse.Rows) error {
		if r.Conversation.ConversationID == in.Conversation.ConversationID {
			kept = !load.Reconcile(in, r, 0, "")
		}
		return nil
	})
	return kept, err
}

func (v *verifier) find(id string, start, listed warehouse.Timestamp, kind Kind) {
	v.result.Findings = append(v.result.Findings, Finding{v.feed.Feed, id, start, listed, kind})
}

// Repairs tells what a run has to read again, and what it has to mark, to mend
// what was found.
func Repairs(results []*Result) map[load.Feed]pipeline.Repair {
	repairs := map[load.Feed]pipeline.Repair{}
	for _, r := range results {
		var repair pipeline.Repair
		for _, f := range r.Findings {
			if f.Listed == 0 {
				repair.Gone = append(repair.Gone, load.Key{ID: f.ID, StartedAt: f.StartedAt})
				continue
			}
			at := extract.SecondOf(f.Listed.Time())
			repair.Spans = append(repair.Spans, extract.Span{From: at, Until: at + 1})
		}
		if len(r.Findings) > 0 {
			repairs[r.Feed] = repair
		}
	}
	return repairs
}
