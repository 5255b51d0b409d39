package parquet

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"unique"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// known is the stored version of a conversation: its partition, and the fields
// that decide whether a staged version replaces it.
type known struct {
	partition partition
	load.StoredKey
}

// compare finds out which of the staged conversations are new and which
// changed.
func (p *publication) compare(ctx context.Context) error {
	all := make([]*entry, len(p.staged.entries)) // they are large: a window may have all conversations of a day
	for i := range all {
		all[i] = &p.staged.entries[i]
	}
	entries, others := load.Newest(make([]*entry, 0, len(all)), all, func(e **entry) load.Version { return (*e).version() })
	p.counts.Unchanged += int64(len(p.staged.entries) - len(entries))
	p.counts.OtherStarts = others
	stored, err := p.locate(ctx, entries)
	if err != nil {
		return err
	}
	differing, err := p.sort(entries, stored)
	if err != nil {
		return err
	}
	if err := p.window.Unjudged(p.counts.OtherStarts); err != nil {
		return err
	}
	for part, wanted := range differing {
		if err := p.reconcile(ctx, part, wanted, stored); err != nil {
			return err
		}
	}
	return nil
}

// sort adds new conversations to their days. It returns those that have to be
// compared with the stored rows, by the day of the stored rows and by id.
func (p *publication) sort(entries []*entry, stored map[conversationKey]known) (differing map[partition]map[string]*entry, err error) {
	staged := stageReader{stage: p.staged}
	differing = map[partition]map[string]*entry{}
	var c warehouse.Conversation
	for _, e := range entries {
		old, ok := stored[conversationKey{e.project, e.id}]
		_, old.Erased = p.state.erased[conversationKey{e.project, e.id}]
		if !ok && !old.Erased {
			if err := p.put(e); err != nil {
				return nil, err
			}
			continue
		}
		if err := staged.head(e, &c); err != nil {
			return nil, err
		}
		decision := e.batch.Decide(p.environments[e.project], &c, old.StoredKey)
		decision.Count(&p.counts)
		if decision.Action != load.Merge {
			if !decision.KeepsDigest() {
				err = p.digests.keep(old.partition, e.id, e.digest)
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		if differing[old.partition] == nil {
			differing[old.partition] = map[string]*entry{}
		}
		differing[old.partition][e.id] = e
	}
	return differing, nil
}

// showsTranscripts reports whether, according to the manifest of the day, any
// conversation of the feed has a visible transcript.
func (p *publication) showsTranscripts(midnight warehouse.Timestamp) (bool, error) {
	days, err := p.lake.days(p.window.Feed, midnight, midnight+1)
	return len(days) > 0 && days[0].Shown > 0, err
}

// showsMetrics reports whether any conversation of a day of the feed has
// metrics.
func (p *publication) showsMetrics(midnight warehouse.Timestamp) (bool, error) {
	days, err := p.lake.days(p.window.Feed, midnight, midnight+1)
	return len(days) > 0 && days[0].Metrics > 0, err
}

// locate finds the stored versions of the conversations. If one is stored twice,
// as can happen in a copy of the lake that was made during a write, the copy in
// another partition than that of its start is dropped.
func (p *publication) locate(ctx context.Context, entries []*entry) (map[conversationKey]known, error) {
	stored := map[conversationKey]known{}
	own := map[partition]map[string]bool{}
	for i := range entries {
		part, is, err := p.layouts.at(entries[i].project, entries[i].day())
		if err != nil {
			return nil, err
		}
		if is {
			want(own, part, entries[i].id)
		}
	}
	note := func(key conversationKey, k known) {
		first, twice := stored[key]
		switch {
		case !twice:
			stored[key] = k
		case first.partition == k.partition && first.StartedAt < k.StartedAt:
			p.stored(first.partition).leave(key.id, first.StartedAt)
			stored[key] = k
		case first.partition != k.partition || first.StartedAt != k.StartedAt:
			p.stored(k.partition).leave(key.id, k.StartedAt)
		}
	}
	if err := p.look(ctx, own, note); err != nil {
		return nil, err
	}
	elsewhere, err := p.elsewhere(ctx, entries)
	if err != nil {
		return nil, err
	}
	return stored, p.look(ctx, elsewhere, note)
}

// elsewhere returns the partitions, other than those of their starts, that may
// have the conversations.
func (p *publication) elsewhere(ctx context.Context, entries []*entry) (map[partition]map[string]bool, error) {
	wanted := map[partition]map[string]bool{}
	ids := map[uint64][]*entry{} // one, unless hashes collide
	first, last := day(math.MaxInt64), day(math.MinInt64)
	for i := range entries {
		e := entries[i]
		hash := warehouse.HashID(e.id)
		ids[hash] = append(ids[hash], e)
		first, last = min(first, dayOf(e.start)), max(last, dayOf(e.start))
	}
	if len(ids) == 0 {
		return wanted, nil
	}
	project := p.window.Feed.ProjectID
	found, err := p.index.find(ctx, project, p.state.logged(project), first, last, slices.Collect(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	for part, hashes := range found {
		for _, hash := range hashes {
			for _, e := range ids[hash] {
				if !part.has(e.day()) {
					want(wanted, part, e.id)
				}
			}
		}
	}
	return wanted, nil
}

func want(wanted map[partition]map[string]bool, p partition, id string) {
	if wanted[p] == nil {
		wanted[p] = map[string]bool{}
	}
	wanted[p][id] = true
}

// look reads the stored versions of the wanted conversations of the partitions.
func (p *publication) look(ctx context.Context, wanted map[partition]map[string]bool, note func(conversationKey, known)) error {
	for part, ids := range wanted {
		err := p.lake.own().scan(ctx, part, func(c *warehouse.Conversation) {
			if !ids[c.ConversationID] {
				return
			}
			key := load.KeyOf(c) // its text is valid only during this call
			key.ContentHash = strings.Clone(key.ContentHash)
			key.Environment, key.Lifecycle = unique.Make(key.Environment).Value(), unique.Make(key.Lifecycle).Value()
			note(conversationKey{part.project, strings.Clone(c.ConversationID)}, known{part, key})
		}, "conversation_id", "environment", "started_at", "content_hash", "lifecycle", "missing_since")
		if err != nil {
			return err
		}
	}
	return nil
}

// reconcile merges wanted conversations with the stored rows of a partition. Those that
// keep their place are left to [merger.update] once it is known that the partition
// changes: it is read again to be written, and most partitions that are compared
// change. If none does, it is not written.
func (p *publication) reconcile(ctx context.Context, part partition, wanted map[string]*entry, stored map[conversationKey]known) (err error) {
	moving, staying, err := p.divideMoving(part, wanted, stored)
	if err != nil {
		return err
	}
	leave := func() { p.stored(part).updates, staying = staying, nil }
	if p.parts[part] != nil {
		leave()
	}
	if len(moving)+len(staying) == 0 {
		return nil
	}
	rows, err := p.lake.own().openPart(ctx, part, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.close()) }()
	staged := stageReader{stage: p.staged}
	var old, in warehouse.Rows
	for len(moving)+len(staying) > 0 {
		more, err := rows.next(&old)
		if err != nil || !more {
			return err
		}
		id := old.Conversation.ConversationID
		e, moves := moving[id]
		if !moves {
			e = staying[id]
		}
		if e == nil || old.Conversation.StartedAt != stored[conversationKey{part.project, id}].StartedAt {
			continue
		}
		if err := staged.read(e, &in); err != nil {
			return err
		}
		decision := e.batch.Merge(&in, &old, p.window.At, p.window.RunID)
		if !moves && decision.Writes() {
			leave()
			continue
		}
		delete(moving, id)
		delete(staying, id)
		if err := p.accept(part, e, &in, old.Conversation.StartedAt, &decision); err != nil {
			return err
		}
	}
	return nil
}

// divideMoving returns the conversations that are to be stored at another place than
// in the partition, and those that stay in their place.
func (p *publication) divideMoving(part partition, wanted map[string]*entry, stored map[conversationKey]known) (moving, staying map[string]*entry, err error) {
	moving, staying = map[string]*entry{}, map[string]*entry{}
	for id, e := range wanted {
		at, _, err := p.layouts.at(e.project, e.day())
		if err != nil {
			return nil, nil, err
		}
		if at == part && e.start == stored[conversationKey{e.project, id}].StartedAt {
			staying[id] = e
		} else {
			moving[id] = e
		}
	}
	return moving, staying, nil
}

// accept adds a conversation that was merged with the stored rows of a partition to
// the partition of its day.
func (p *publication) accept(from partition, e *entry, in *warehouse.Rows, start warehouse.Timestamp, decision *load.Decision) error {
	decision.Count(&p.counts)
	p.reveals.Add(decision)
	if !decision.Writes() {
		if decision.KeepsDigest() {
			return nil
		}
		return p.digests.keep(from, e.id, e.digest)
	}
	if p.second == nil {
		p.second = p.temporary.newStage()
	}
	if err := p.second.add(&load.Batch{Rows: []*warehouse.Rows{in}}); err != nil {
		return err
	}
	written := &p.second.entries[len(p.second.entries)-1]
	written.reconciled = true
	p.stored(from).leave(written.id, start)
	return p.put(written)
}
