package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unique"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// Kind is the kind of a finding.
type Kind string

// The kinds of findings. IDTwice is not a difference.
const (
	NotStored  Kind = "not_stored" // listed by the source and not stored, although its range is covered
	NotRead    Kind = "not_read"   // listed and not stored, in a gap of the coverage: the next run reads it
	NotListed  Kind = "not_listed" // stored and not marked as missing, but not listed by the source
	Differs    Kind = "differs"    // stored with other content than the source returns
	IDTwice    Kind = "id_twice"   // the source lists the id with two starts, and the later one is stored: no difference
	Tampered   Kind = "tampered"   // the stored rows do not match their content hash
	NoAudio    Kind = "no_audio"   // stored without a row of an additive part, of which audio references are the first
	Unreadable Kind = "unreadable" // a range that the source fails to return: not verified
	Damaged    Kind = "damaged"    // a range whose stored data cannot be read: not compared
)

// Finding is a conversation, or a range, with a difference.
type Finding struct {
	Feed      load.Feed
	ID        string              // "" for a range
	StartedAt warehouse.Timestamp // as stored, or as listed if it is not stored; the start of a range
	Until     warehouse.Timestamp // the end of a range
	Listed    warehouse.Timestamp // as listed; 0: it is not listed
	Kind      Kind
	Reason    string // why a range cannot be read

	reseal bool // the source does not return it: a repair accepts the stored rows
}

// Result is the outcome of verifying a feed.
type Result struct {
	Feed       load.Feed
	Listed     int64          // conversations that the source lists in the span
	Stored     int64          // conversations that are stored
	Turns      int64          // turns of the stored conversations
	Same       int64          // listed and stored with equal content
	Older      int64          // stored by an older transform version and not read by the current one: no difference
	Open       int64          // in progress in the source or as stored: no difference
	Missing    int64          // stored, and marked as missing
	Unreadable int64          // listed, but rejected
	Newer      int64          // listed, not stored, and started after the end of the coverage: no difference
	Elsewhere  int64          // listed, and stored under another environment that listed it first: no difference
	Erased     int64          // listed, and not stored because it was erased on request: no difference
	Holes      []extract.Span // ranges that the source fails to return: not verified
	Findings   []Finding
	Twice      []Finding // the source lists the id with two starts: StartedAt, which is stored, and Listed, which is not

	others []Finding // stored and listed with different starts
}

// Archive is the part of a [load.Archive] that a feed is compared with.
type Archive interface {
	load.RowReader
	load.KeyReader
	load.ErasureReader
}

// Feed verifies the conversations that started within the span. read is the
// coverage of the feed before the verification: a conversation outside of it is
// not expected to be stored. siblings are the other feeds of the project: an id is
// stored under one environment only. A range that cannot be read on one side is a
// finding, and the rest is verified. Known holes of the feed are not requested.
// openSince is the age limit of open conversations.
func Feed(
	ctx context.Context, f *pipeline.Feed, archive Archive, read []load.Range, siblings []load.Feed, span extract.Span,
	openSince warehouse.Timestamp,
) (*Result, error) {
	if f.Refused != nil {
		return nil, fmt.Errorf("project %s (%s): %w", f.ProjectID, f.Environment, f.Refused)
	}
	result := &Result{Feed: f.Feed}
	known := f.Reader.Isolation.Holes()
	for _, h := range known {
		if h = h.Intersect(span); !h.Empty() {
			result.Holes = append(result.Holes, h)
		}
	}
	density, before := 0.0, extract.Second(0)
	for spans := extract.Without([]extract.Span{span}, known); len(spans) > 0; {
		var part extract.Span
		part, spans = extract.NextWindow(spans, density, before)
		v := verifier{
			feed:      f,
			archive:   archive,
			read:      read,
			siblings:  siblings,
			span:      part,
			openSince: openSince,
			result:    result,
			stored:    map[string]*stored{},
			listed:    map[string]bool{},
			rejected:  map[string]bool{},
		}
		if err := v.do(ctx); err != nil {
			return nil, fmt.Errorf("project %s (%s), %s: %w", f.ProjectID, f.Environment, part, err)
		}
		density, before = float64(len(v.stored))/float64(part.Seconds()), part.Seconds()
	}
	if err := result.resolveStarts(ctx, f, archive, read); err != nil {
		return nil, fmt.Errorf("project %s (%s): %w", f.ProjectID, f.Environment, err)
	}
	slices.SortFunc(result.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt), strings.Compare(a.ID, b.ID), strings.Compare(string(a.Kind), string(b.Kind)))
	})
	return result, nil
}

// verifier verifies one window of the span.
type verifier struct {
	feed      *pipeline.Feed
	archive   Archive
	read      []load.Range
	siblings  []load.Feed
	span      extract.Span
	openSince warehouse.Timestamp

	damaged    []load.Range // of the stored data
	unanswered []load.Range // by the source

	mu       sync.Mutex
	result   *Result
	stored   map[string]*stored
	listed   map[string]bool
	rejected map[string]bool // listed, and cannot be read
	absent   []load.Key      // listed, and not stored
}

// stored describes a stored conversation.
type stored struct {
	start                   warehouse.Timestamp
	turns                   int64
	hash, shape, lifecycle  string
	added                   string // rows of additive parts, by [additive]
	open, missing, tampered bool
}

func (v *verifier) do(ctx context.Context) error {
	if err := v.readStored(ctx); err != nil {
		return err
	}
	parts := v.feed.Reader.Slices(v.span, float64(len(v.stored))/float64(v.span.Seconds()))
	failed, err := v.feed.Reader.ReadParts(ctx, parts, v.compare, nil)
	if err != nil {
		return err
	}
	for _, f := range failed {
		r := load.Range{From: warehouse.TimestampOf(f.From.Time()), Until: warehouse.TimestampOf(f.Until.Time())}
		v.unanswered = append(v.unanswered, r)
		v.findRange(r, Unreadable, f.Err)
	}
	v.classifyUnlisted()
	return v.classifyAbsent(ctx)
}

// readStored reads the stored conversations, except for damaged ranges.
func (v *verifier) readStored(ctx context.Context) error {
	from, until := warehouse.TimestampOf(v.span.From.Time()), warehouse.TimestampOf(v.span.Until.Time())
	for {
		err := v.archive.Read(ctx, v.feed.Feed, from, until, v.note)
		var damage *load.DamagedError
		if !errors.As(err, &damage) {
			return err
		}
		r := load.Range{From: damage.From, Until: damage.Until}
		maps.DeleteFunc(v.stored, func(_ string, s *stored) bool {
			if !within(s.start, []load.Range{r}) {
				return false
			}
			v.result.Stored--
			v.result.Turns -= s.turns
			return true
		})
		v.damaged = append(v.damaged, r)
		v.findRange(r, Damaged, damage.Err)
		from = r.Until
	}
}

func within(at warehouse.Timestamp, ranges []load.Range) bool {
	return slices.ContainsFunc(ranges, func(r load.Range) bool { return at >= r.From && at < r.Until })
}

// classifyUnlisted classifies the stored conversations that were not compared.
func (v *verifier) classifyUnlisted() {
	for id, s := range v.stored {
		unanswered := within(s.start, v.unanswered)
		switch {
		case v.listed[id] && !v.rejected[id]:
			continue
		case s.tampered:
			v.find(Finding{ID: id, StartedAt: s.start, Kind: Tampered, reseal: !unanswered})
		}
		switch {
		case v.listed[id]:
		case s.missing:
			v.result.Missing++
		case !unanswered:
			v.find(Finding{ID: id, StartedAt: s.start, Kind: NotListed})
		}
	}
}

// note records a stored conversation.
func (v *verifier) note(r *warehouse.Rows) error {
	c := &r.Conversation
	v.stored[strings.Clone(c.ConversationID)] = &stored{
		start:     c.StartedAt,
		turns:     int64(len(r.Turns)),
		hash:      strings.Clone(c.ContentHash),
		shape:     unique.Make(c.Shape).Value(),
		lifecycle: unique.Make(c.Lifecycle).Value(),
		added:     unique.Make(strings.Join(additive(r), "\n")).Value(),
		open:      r.IsOpen(),
		missing:   c.MissingSince.Valid,
		tampered:  r.Hash() != c.ContentHash || c.TurnsLoaded != int64(len(r.Turns)),
	}
	v.result.Stored++
	v.result.Turns += int64(len(r.Turns))
	return nil
}

// additive returns the labels of the rows of additive parts.
func additive(r *warehouse.Rows) (labels []string) {
	for _, p := range warehouse.Parts {
		if !p.AddsOnly() {
			continue
		}
		for i := range p.Len(r) {
			labels = append(labels, p.Label(p.Row(r, i)))
		}
	}
	return labels
}

// lacks reports whether a row of an additive part is not stored.
func (s *stored) lacks(in *warehouse.Rows) bool {
	added := strings.Split(s.added, "\n")
	return slices.ContainsFunc(additive(in), func(label string) bool { return !slices.Contains(added, label) })
}

// compare compares a chunk from the source with what is stored.
func (v *verifier) compare(ctx context.Context, chunk *extract.Chunk) error {
	for _, value := range chunk.Broken() {
		v.unreadable(value, polyai.RejectBroken(value))
	}
	for value := range chunk.Values() {
		r, _, err := transform.Rows(value, &v.feed.Transform, v.openSince)
		if err != nil {
			v.unreadable(value, err)
			continue
		}
		at := extract.SecondOf(r.Conversation.StartedAt.Time())
		if at < v.span.From || at >= v.span.Until {
			continue // a request asks for one second more on both sides
		}
		if err := v.conversation(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// unreadable counts a rejected conversation, once. It counts as listed.
func (v *verifier) unreadable(value polyai.Value, err error) {
	key := "\x00" + string(value)
	var reject *polyai.RejectError
	if errors.As(err, &reject) && reject.ID != "" {
		key = reject.ID
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.listed[key] {
		v.listed[key], v.rejected[key] = true, true
		v.result.Unreadable++
	}
}

func (v *verifier) conversation(ctx context.Context, in *warehouse.Rows) error {
	c := &in.Conversation
	v.mu.Lock()
	defer v.mu.Unlock()
	if s, ok := v.stored[c.ConversationID]; ok && s.start != c.StartedAt {
		v.otherStart(c, s)
		return nil
	}
	if v.listed[c.ConversationID] {
		return nil // pages overlap
	}
	v.listed[c.ConversationID] = true
	v.result.Listed++
	s, ok := v.stored[c.ConversationID]
	switch {
	case !ok && within(c.StartedAt, v.damaged):
		return nil
	case !ok:
		v.absent = append(v.absent, load.Key{ID: strings.Clone(c.ConversationID), StartedAt: c.StartedAt})
		return nil
	}
	kind, err := v.classify(ctx, in, s)
	if err == nil && kind != "" {
		v.find(Finding{ID: strings.Clone(c.ConversationID), StartedAt: s.start, Listed: c.StartedAt, Kind: kind})
	}
	return err
}

// classify compares a conversation with the stored one, and counts it. It returns
// the kind of the finding, or "" if there is none.
func (v *verifier) classify(ctx context.Context, in *warehouse.Rows, s *stored) (Kind, error) {
	c := &in.Conversation
	switch {
	case s.tampered:
		return Tampered, nil
	case s.missing: // although it is listed
		return Differs, nil
	case s.hash == c.ContentHash && s.lifecycle != c.Lifecycle:
		if s.open && c.Lifecycle == warehouse.LifecycleAbandoned { // it is past the age limit now: the next run updates it
			v.result.Open++
			return "", nil
		}
		return Differs, nil
	case s.hash == c.ContentHash:
	case s.shape != c.Shape && !v.isReadBy(c.Shape, c.StartedAt):
		v.result.Older++
		return "", nil
	case s.open || in.IsOpen():
		v.result.Open++
		return "", nil
	default:
		kept, err := v.isKept(ctx, in, s)
		if err != nil || !kept {
			return Differs, err
		}
	}
	if s.lacks(in) {
		return NoAudio, nil
	}
	v.result.Same++
	return "", nil
}

// isReadBy reports whether a time was read by a transform version. A row that has
// the same content in both versions is not written again, and keeps the older
// version in its column.
func (v *verifier) isReadBy(shape string, at warehouse.Timestamp) bool {
	return slices.ContainsFunc(v.read, func(r load.Range) bool { return at >= r.From && at < r.Until && r.Shape == shape })
}

// isKept reports whether a stored conversation differs only by a transcript or
// metrics that were stored before the source hid them.
func (v *verifier) isKept(ctx context.Context, in *warehouse.Rows, s *stored) (kept bool, err error) {
	err = v.archive.Read(ctx, v.feed.Feed, s.start, s.start+1, func(r *warehouse.Rows) error {
		if r.Conversation.ConversationID == in.Conversation.ConversationID {
			kept = !load.Reconcile(in, v.feed.Transform.Stored(r), 0, "")
		}
		return nil
	})
	return kept, err
}

func (v *verifier) find(f Finding) {
	f.Feed = v.feed.Feed
	v.result.Findings = append(v.result.Findings, f)
}

func (v *verifier) findRange(r load.Range, kind Kind, reason error) {
	v.find(Finding{StartedAt: r.From, Until: r.Until, Kind: kind, Reason: reason.Error()})
}
