package verify

import (
	"context"
	"slices"
	"strings"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// resolveStarts classifies conversations whose stored start differs from the
// listed one. Either the start changed, or the source lists the id with both
// starts; then the later one is stored, which is not a difference.
func (r *Result) resolveStarts(ctx context.Context, f *pipeline.Feed, archive Archive, read []load.Range) error {
	later, err := r.storedLater(ctx, archive, read)
	if err != nil {
		return err
	}
	listed, err := listedNow(ctx, f, append(slices.Clone(r.others), later...))
	if err != nil {
		return err
	}
	twice := func(o Finding) bool { return listed[load.Key{ID: o.ID, StartedAt: o.StartedAt}] }
	for _, o := range later {
		if twice(o) {
			r.Twice = append(r.Twice, o)
			r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.ID == o.ID && f.Listed == o.Listed })
		}
	}
	for _, o := range r.others {
		if twice(o) {
			r.Twice = append(r.Twice, o)
			continue
		}
		r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.ID == o.ID && f.Kind == NotListed })
		o.Kind = Differs
		r.Findings = append(r.Findings, o)
	}
	return nil
}

// otherStart records a conversation whose stored start differs from the listed one.
func (v *verifier) otherStart(in *warehouse.Conversation, s *stored) {
	other := Finding{
		Feed:      v.feed.Feed,
		ID:        strings.Clone(in.ConversationID),
		StartedAt: s.start,
		Listed:    in.StartedAt,
		Kind:      IDTwice,
	}
	if !slices.Contains(v.result.others, other) { // pages overlap
		v.result.others = append(v.result.others, other)
		v.result.Listed++
	}
}

// keysAtOnce is the length of the range whose keys are read at once: 31 days.
const keysAtOnce = warehouse.Timestamp(31 * 24 * 60 * 60 * 1e6)

// storedLater returns the conversations that count as not stored although their id
// is stored with a later start.
func (r *Result) storedLater(ctx context.Context, archive Archive, read []load.Range) (later []Finding, err error) {
	absent := map[string][]Finding{}
	for _, f := range r.Findings {
		if f.Kind == NotStored || f.Kind == NotRead {
			absent[f.ID] = append(absent[f.ID], f)
		}
	}
	if len(absent) == 0 || len(read) == 0 {
		return nil, nil
	}
	for from, end := read[0].From, read[len(read)-1].Until+keysAtOnce; from < end; from += keysAtOnce {
		keys, err := archive.Keys(ctx, r.Feed, from, from+keysAtOnce)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			for _, f := range absent[k.ID] {
				if k.StartedAt > f.Listed && !k.Missing {
					f.StartedAt, f.Kind = k.StartedAt, IDTwice
					later = append(later, f)
				}
			}
		}
	}
	return later, nil
}

// listedNow requests the seconds of stored starts, and returns the keys that the
// source lists there.
func listedNow(ctx context.Context, f *pipeline.Feed, of []Finding) (listed map[load.Key]bool, err error) {
	listed = map[load.Key]bool{}
	if len(of) == 0 {
		return listed, nil
	}
	var spans []extract.Span
	for _, o := range of {
		at := extract.SecondOf(o.StartedAt.Time())
		spans = append(spans, extract.Span{From: at, Until: at + 1})
	}
	var mu sync.Mutex
	// A second that cannot be read remains a difference.
	_, err = f.Reader.ReadParts(ctx, extract.Together(spans), func(_ context.Context, chunk *extract.Chunk) error {
		for v := range chunk.Values() {
			if c, err := polyai.Decode(v); err == nil {
				mu.Lock()
				listed[load.Key{ID: c.ID, StartedAt: warehouse.Timestamp(c.StartedAt)}] = true
				mu.Unlock()
			}
		}
		return nil
	}, nil)
	return listed, err
}
