package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// changeData applies the faults that change what was stored by a Publish.
func (p *publishing) changeData(d *memory.Data) {
	p.changeConversations(d)
	p.changeMissing(d)
	p.changeRejects(d)
	p.changeDrift(d)
	p.changeLateness(d)
	p.changeVisible(d)
	feed, new := p.asked.Feed, len(p.before.Changes)
	elsewhere := func(project, environment string) bool {
		return project == feed.ProjectID && environment != feed.Environment
	}
	switch p.fault {
	case noChanges:
		d.Changes = p.before.Changes
	case noSequence:
		for i := range d.Changes[new:] {
			d.Changes[new+i].Sequence = 1
		}
	case coverageOfAll:
		d.Coverage = slices.DeleteFunc(d.Coverage, func(c warehouse.CoverageRange) bool {
			return p.asked.Coverage != nil && elsewhere(c.ProjectID, c.Environment)
		})
	case holesOfAll:
		d.Holes = slices.DeleteFunc(d.Holes, func(h warehouse.Hole) bool {
			return p.asked.Holes != nil && elsewhere(h.ProjectID, h.Environment)
		})
	case forgetsTwice:
		p.counts.Unchanged -= p.duplicates()
	case loadsErased:
		d.Erased = p.before.Erased
	}
}

// duplicates returns how many rows were staged of an id that was staged before.
func (p *publishing) duplicates() (n int64) {
	for _, b := range p.batches {
		n += int64(len(b.Rows))
	}
	return n - int64(len(p.staged))
}

// changeConversations applies the faults that change the rows of written
// conversations.
func (p *publishing) changeConversations(d *memory.Data) {
	for id, shown := range p.staged {
		was, is := p.before.Conversations[id], d.Conversations[id]
		if is == nil || was != nil && Diff(was, is) == "" {
			continue
		}
		spoiled := Clone(is)
		p.fault.values(spoiled)
		if was != nil {
			p.fault.parts(spoiled, shown, was, p.asked.At)
		}
		d.Conversations[id] = spoiled
	}
}

// values applies the faults that change values.
func (f fault) values(in *warehouse.Rows) {
	c := &in.Conversation
	switch f {
	case emptyTags:
		if len(c.Tags) == 0 {
			c.Tags = nil
		}
	case cutsText:
		c.Summary = c.Summary[:min(len(c.Summary), 1000)]
	case cutsTime:
		c.FinishedAt.V -= c.FinishedAt.V % 1000
	case positiveZero:
		if c.PolyScore.V == 0 {
			c.PolyScore.V = 0
		}
	}
}

// parts applies the faults that change what replaces a stored conversation. shown
// is what the source returned.
func (f fault) parts(in, shown, stored *warehouse.Rows, at warehouse.Timestamp) {
	c := &in.Conversation
	switch f {
	case keepsOldTurns:
		if n := len(in.Turns); n < len(stored.Turns) {
			in.Turns = append(in.Turns, stored.Turns[n:]...)
		}
	case losesEntities:
		in.Entities = slices.Clone(stored.Entities)
	case losesHidden:
		in.Turns, in.Entities = shown.Turns, shown.Entities
		c.TurnsLoaded, c.TranscriptStatus = shown.Conversation.TurnsLoaded, shown.Conversation.TranscriptStatus
	case losesMetrics:
		in.Metrics, c.Metrics = shown.Metrics, shown.Conversation.Metrics
	case doublesAudio:
		in.Audio = append(in.Audio, shown.Audio...)
	case losesAudio:
		in.Audio = nil
	case losesStart:
		for i := range in.Turns {
			in.Turns[i].StartedAt = stored.Turns[0].StartedAt
		}
	case oldHash:
		c.ContentHash = shown.Conversation.ContentHash
	case forgetsFirst:
		c.FirstSeenAt = at
	case keepsMark:
		c.MissingSince = stored.Conversation.MissingSince
	}
}

// changeMissing applies the faults of conversations that are marked or deleted.
func (p *publishing) changeMissing(d *memory.Data) {
	for _, key := range p.asked.Missing {
		id := memory.ID{p.asked.Feed.ProjectID, key.ID}
		stored := p.before.Conversations[id]
		if stored == nil {
			continue
		}
		was := &stored.Conversation
		sameFeed, sameStart := was.Environment == p.asked.Feed.Environment, was.StartedAt == key.StartedAt
		switch {
		case p.fault == marksAgain && was.MissingSince.Valid,
			p.fault == marksElsewhere && !sameFeed && sameStart && !was.MissingSince.Valid,
			p.fault == marksMoved && sameFeed && !sameStart && !was.MissingSince.Valid:
			p.mark(d, id)
		case p.fault == markIsAChange && sameFeed && sameStart:
			marked := Clone(d.Conversations[id])
			marked.Conversation.UpdatedAt = p.asked.At
			d.Put(marked)
		case p.fault == marksSilently && !p.asked.DeleteMissing, p.fault == deletesSilently && p.asked.DeleteMissing:
			d.Changes = slices.DeleteFunc(d.Changes, func(c warehouse.Change) bool {
				return c.ConversationID == key.ID && c.RunID == p.asked.RunID && c.At == p.asked.At
			})
		}
	}
}

// mark marks a conversation as missing, and counts and records it.
func (p *publishing) mark(d *memory.Data, id memory.ID) {
	marked := Clone(d.Conversations[id])
	marked.Conversation.MissingSince = warehouse.Some(p.asked.At)
	d.Put(marked)
	p.counts.Missing++
	p.counts.Rows["conversations"]++
	d.Sequence++
	d.Changes = append(d.Changes, warehouse.Change{
		Sequence:       d.Sequence,
		ProjectID:      id[0],
		ConversationID: id[1],
		Operation:      warehouse.OperationUpsert,
		At:             p.asked.At,
		RunID:          p.asked.RunID,
	})
}

// changeRejects applies the faults of rejects.
func (p *publishing) changeRejects(d *memory.Data) {
	w := p.asked
	sameFeed := func(r *warehouse.Reject) bool { return isFeed(w.Feed, r.ProjectID, r.Environment) }
	isOf := func(r *warehouse.Reject) memory.ID { return memory.ID{w.Feed.ProjectID, string(r.ConversationID)} }
	isSent := func(r *warehouse.Reject) bool {
		return slices.ContainsFunc(w.Rejects, func(s warehouse.Reject) bool { return s.RejectID == r.RejectID })
	}
	for _, r := range p.before.Rejects {
		id := isOf(&r)
		switch {
		case !sameFeed(&r):
		case p.fault == keepsRejected && p.staged[id] != nil,
			p.fault == resolvesChanged && p.staged[id] != nil && p.before.Conversations[id] != nil,
			p.fault == keepsResolved && slices.Contains(w.Resolved, r.RejectID):
			d.Rejects = append(d.Rejects, r)
		}
	}
	d.Rejects = slices.DeleteFunc(d.Rejects, func(r warehouse.Reject) bool {
		return p.fault == resolvesAllFeeds && !sameFeed(&r) && p.staged[isOf(&r)] != nil || p.fault == resolvesAnywhere && slices.Contains(w.Resolved, r.RejectID)
	})
	for i := range d.Rejects {
		r := &d.Rejects[i]
		missing := slices.Contains(w.MissingRejects, r.RejectID)
		switch {
		case p.fault == marksRejectsAnywhere && missing && !r.MissingSince.Valid, p.fault == marksRejectsAgain && missing && sameFeed(r):
			r.MissingSince = warehouse.Some(w.At)
		case p.fault == keepsRejectMark && isSent(r):
			at := slices.IndexFunc(p.before.Rejects, func(old warehouse.Reject) bool { return old.RejectID == r.RejectID })
			if at >= 0 {
				r.MissingSince = p.before.Rejects[at].MissingSince
			}
		}
	}
	switch {
	case p.fault == countsRejectsAgain && len(w.Rejects) > 0:
		p.counts.NewRejects = int64(len(w.Rejects))
	case p.fault == keepsErasedRejects:
		for _, r := range w.Rejects {
			if slices.Contains(d.Erased, isOf(&r)) {
				d.Rejects = append(d.Rejects, r)
			}
		}
	}
}

// changeDrift applies the faults of drift.
func (p *publishing) changeDrift(d *memory.Data) {
	same := func(a warehouse.Drift) func(warehouse.Drift) bool {
		return func(b warehouse.Drift) bool {
			return a.ProjectID == b.ProjectID && a.Environment == b.Environment && a.Path == b.Path && a.Kind == b.Kind && a.JSONType == b.JSONType
		}
	}
	switch p.fault {
	case environmentsAlike:
		d.Drift = slices.DeleteFunc(d.Drift, func(x warehouse.Drift) bool { return x.Kind == load.DriftTwoEnvironments })
	case driftOverwritten:
		for _, x := range p.asked.Drift {
			if i := slices.IndexFunc(d.Drift, same(x)); i >= 0 {
				d.Drift[i] = x
			}
		}
	case driftUnbounded:
		d.Drift = slices.Clone(p.before.Drift)
		for _, x := range p.asked.Drift {
			if i := slices.IndexFunc(d.Drift, same(x)); i >= 0 {
				d.Drift[i].Count += x.Count
				d.Drift[i].LastSeenAt = x.LastSeenAt
			} else {
				d.Drift = append(d.Drift, x)
			}
		}
	}
}

// changeLateness applies the faults of lateness.
func (p *publishing) changeLateness(d *memory.Data) {
	feed := p.asked.Feed
	switch p.fault {
	default:
		return
	case latenessAnywhere:
		feed = live("p")
	case latenessAlways:
		p.counts.Lateness = nil
		for id, r := range p.staged {
			load.Observe(p.counts, r, nil, p.asked.At, p.of[id].LiveSince)
		}
	case latenessReplaced:
	}
	d.Lateness = slices.Clone(p.before.Lateness)
	for key, n := range p.counts.Lateness {
		row := warehouse.Lateness{
			ProjectID:    feed.ProjectID,
			Environment:  feed.Environment,
			Measure:      key.Measure,
			UpperSeconds: key.UpperSeconds,
			Count:        n,
		}
		i := slices.IndexFunc(d.Lateness, func(l warehouse.Lateness) bool {
			return isFeed(feed, l.ProjectID, l.Environment) && l.Measure == key.Measure && l.UpperSeconds == key.UpperSeconds
		})
		switch {
		case i < 0:
			d.Lateness = append(d.Lateness, row)
		case p.fault == latenessReplaced:
			d.Lateness[i] = row
		default:
			d.Lateness[i].Count += row.Count
		}
	}
}
