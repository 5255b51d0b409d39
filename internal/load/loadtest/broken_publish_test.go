package loadtest

import (
	"context"
	"errors"
	"math"
	"slices"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// publishing is one Publish with a broken guarantee.
type publishing struct {
	*brokenWriter
	window  load.Window // as it is passed on
	asked   *load.Window
	before  *memory.Data
	batches []*load.Batch
	staged  map[memory.ID]*warehouse.Rows // as the source returned them; the last one of each id
	of      map[memory.ID]*load.Batch
	counts  *load.Counts
	dropped int64 // rows that are not passed on
}

func (w *brokenWriter) Publish(ctx context.Context, window *load.Window) (load.Counts, error) {
	p := &publishing{
		brokenWriter: w,
		window:       *window,
		asked:        window,
		before:       w.Snapshot(),
		staged:       map[memory.ID]*warehouse.Rows{},
		of:           map[memory.ID]*load.Batch{},
	}
	p.take(window.ID)
	p.changeBatches()
	p.changeWindow()
	for _, b := range p.batches {
		if err := w.Writer.Stage(ctx, b); err != nil {
			return load.Counts{}, err
		}
	}
	if w.fault == coverageFirst {
		p.publish(ctx, coverageOf(window))
	}
	counts, err := w.Writer.Publish(ctx, &p.window)
	var earlier *load.EarlierStartsError
	if errors.As(err, &earlier) && w.fault == judgesLate {
		p.publish(ctx, coverageOf(window))
	}
	if err != nil {
		return counts, err
	}
	p.counts = &counts
	counts.Unchanged += p.dropped
	w.Edit(p.changeData)
	p.commit(ctx)
	return counts, nil
}

// coverageOf returns a window that stores only the coverage.
func coverageOf(window *load.Window) *load.Window {
	return &load.Window{
		ID:        -1,
		Feed:      window.Feed,
		Coverage:  window.Coverage,
		Watermark: window.Watermark,
		At:        window.At,
	}
}

// publish commits a window without conversations.
func (p *publishing) publish(ctx context.Context, window *load.Window) {
	if _, err := p.Writer.Publish(ctx, window); err != nil {
		panic(err) // it has no conversations
	}
	p.saved()
}

// commit saves the result, in two steps if the fault requires it.
func (p *publishing) commit(ctx context.Context) {
	after := p.Snapshot()
	p.Edit(func(d *memory.Data) {
		switch p.fault {
		case changesLate:
			d.Changes, d.Coverage, d.Watermarks = p.before.Changes, p.before.Coverage, p.before.Watermarks
		case tornParts:
			d.Coverage, d.Watermarks, d.Changes = p.before.Coverage, p.before.Watermarks, p.before.Changes
			for id := range p.staged {
				if stored := p.before.Conversations[id]; stored != nil {
					d.Conversations[id].Turns = stored.Turns
				}
			}
		case latenessLate:
			d.Lateness = p.before.Lateness
		}
	})
	switch p.fault {
	case changesLate, tornParts, latenessLate:
		p.saved()
		p.Edit(func(d *memory.Data) { *d = *after })
	case missingLate:
		p.saved()
		p.publish(ctx, &load.Window{
			ID:            -1,
			Feed:          p.asked.Feed,
			Missing:       p.asked.Missing,
			DeleteMissing: p.asked.DeleteMissing,
			At:            p.asked.At,
		})
		return
	}
	p.saved()
}

// take takes the batches of a window, and copies the rows.
func (p *publishing) take(window load.WindowID) {
	p.staging.Lock()
	defer p.staging.Unlock()
	p.batches = p.brokenWriter.staged[window]
	delete(p.brokenWriter.staged, window)
	for _, b := range p.abandoned {
		again := *b
		again.Window = window
		p.batches = append(p.batches, &again)
	}
	p.abandoned = nil
	for _, b := range p.batches {
		for _, r := range b.Rows {
			id := memory.ID{r.Conversation.ProjectID, r.Conversation.ConversationID}
			p.staged[id], p.of[id] = Clone(r), b
		}
	}
}

// changeBatches applies the faults that change what is staged.
func (p *publishing) changeBatches() {
	if p.fault == firstStaged {
		slices.Reverse(p.batches)
	}
	for _, b := range p.batches {
		switch p.fault {
		case firstStaged:
			slices.Reverse(b.Rows)
		case oldOverNew:
			b.SeenAt = 0
		case writesUnchanged:
			b.Rewrite = true
		case trustsHashes:
			b.Rewrite = false
		case ignoresRules:
			b.Rules = nil
		case movesNothing:
			b.Moved = nil
		}
		b.Rows = slices.DeleteFunc(b.Rows, func(r *warehouse.Rows) bool {
			stored := p.before.Conversations[memory.ID{r.Conversation.ProjectID, r.Conversation.ConversationID}]
			return p.drops(b, &r.Conversation, stored)
		})
	}
	if p.fault == loadsErased {
		p.Edit(func(d *memory.Data) { d.Erased = nil })
	}
}

// drops changes the batch or the stored version of a conversation. It reports
// whether the conversation is not passed on.
func (p *publishing) drops(b *load.Batch, in *warehouse.Conversation, rows *warehouse.Rows) (drop bool) {
	if p.fault == latenessOfOld {
		b.LiveSince = min(b.LiveSince, in.StartedAt)
	}
	if rows == nil {
		return false
	}
	stored := &rows.Conversation
	sameFeed := in.Environment == stored.Environment
	switch {
	case p.fault == movesAll && len(b.Moved) > 0, p.fault == lastEnvironment && !sameFeed, p.fault == lastStart && sameFeed:
		moved := map[string]load.Place{in.ConversationID: load.PlaceOf(stored)}
		for id, place := range b.Moved {
			if id != in.ConversationID {
				moved[id] = place
			}
		}
		b.Moved = moved
	case p.fault == missingStays && stored.MissingSince.Valid:
		rank := func(e string) int { return slices.Index(p.environments[in.ProjectID], e) }
		drop = rank(in.Environment) > rank(stored.Environment)
	case p.fault == hashOnly:
		drop = in.ContentHash == stored.ContentHash
	case p.fault == replaysMissing && b.SeenAt != 0 && stored.MissingSince.Valid:
		p.Edit(func(d *memory.Data) {
			marked := Clone(rows)
			marked.Conversation.MissingSince.V = min(stored.MissingSince.V, b.SeenAt-1)
			d.Put(marked)
		})
	}
	if drop {
		p.dropped++
	}
	return drop
}

// changeWindow applies the faults that change a window.
func (p *publishing) changeWindow() {
	w := &p.window
	switch p.fault {
	case neverAsks:
		w.Judged = map[string]warehouse.Timestamp{}
		for id := range p.staged {
			w.Judged[id[1]] = math.MaxInt64
		}
	case nilClearsCoverage:
		w.Coverage = append([]load.Range{}, w.Coverage...)
	case losesCoverage:
		w.Coverage = nil
	case watermarkBack:
		w.CorrectWatermark = w.Watermark != 0
	case keepsFuture:
		w.CorrectWatermark = false
	case nilClearsHoles:
		w.Holes = append([]warehouse.Hole{}, w.Holes...)
	case keepsHoles:
		for _, h := range p.before.Holes {
			if w.Holes != nil && isFeed(w.Feed, h.ProjectID, h.Environment) {
				w.Holes = append(w.Holes, h)
			}
		}
	case forgetsTries:
		w.Holes = slices.Clone(w.Holes)
		for i := range w.Holes {
			w.Holes[i].Tries = 1
		}
	case deletesNothing:
		w.DeleteMissing = false
	case missingLate:
		w.Missing = nil
	}
}

func isFeed(f load.Feed, project, environment string) bool {
	return f == load.Feed{ProjectID: project, Environment: environment}
}
