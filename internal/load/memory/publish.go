package memory

import (
	"cmp"
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Publish implements [load.Writer]. It commits everything at once.
func (w *writer) Publish(_ context.Context, window *load.Window) (load.Counts, error) {
	data, unlock := w.lock()
	defer unlock()
	counts := load.Counts{Rows: map[string]int64{}}
	staged := w.staged[window.ID]
	newest, others := load.Newest(nil, staged, func(v *version) load.Version {
		c := &v.rows.Conversation
		return load.Version{
			ID:        c.ConversationID,
			StartedAt: c.StartedAt,
			Open:      v.rows.IsOpen(),
			Batch:     v.batch,
			Digest:    &v.digest,
		}
	})
	counts.Unchanged, counts.OtherStarts = int64(len(staged)-len(newest)), others
	merged, unchanged := w.decide(data, newest, &counts)
	if err := window.Unjudged(counts.OtherStarts); err != nil {
		return load.Counts{}, err
	}
	delete(w.staged, window.ID)
	for _, v := range unchanged {
		data.setDigest(idOf(&v.rows.Conversation), v.digest)
	}
	w.write(data, window, merged, &counts)
	w.applyMissing(data, window, &counts)
	data.resolve(window, newest)
	data.addRejects(window, &counts)
	data.addDrift(window, &counts)
	data.addLateness(window.Feed, counts.Lateness)
	data.setVisibleAgain(window, counts.VisibleAgain)
	data.cover(window)
	return counts, nil
}

// decide compares versions with the keys of what is stored, and returns those to
// be merged with the stored rows, and those that are unchanged.
func (w *writer) decide(data *Data, newest []version, counts *load.Counts) (merged, unchanged []version) {
	for _, v := range newest {
		c := &v.rows.Conversation
		d := load.Decision{Action: load.Merge}
		if stored := data.Conversations[idOf(c)]; stored != nil {
			d = v.batch.Decide(w.environments[c.ProjectID], c, load.KeyOf(&stored.Conversation))
		}
		if slices.Contains(data.Erased, idOf(c)) {
			d = load.Decision{Action: load.Skip}
		}
		d.Count(counts)
		switch {
		case d.Action == load.Merge:
			merged = append(merged, v)
		case !d.KeepsDigest():
			unchanged = append(unchanged, v)
		}
	}
	return merged, unchanged
}

// write stores the versions that the stored rows do not outrank.
func (w *writer) write(data *Data, window *load.Window, versions []version, counts *load.Counts) {
	var again load.VisibilityChanges
	var written []version
	for _, v := range versions {
		d := v.batch.Merge(v.rows, data.Conversations[idOf(&v.rows.Conversation)], window.At, w.unended.Owner.RunID)
		d.Count(counts)
		again.Add(&d)
		switch {
		case d.Writes():
			written = append(written, v)
		case !d.KeepsDigest():
			data.setDigest(idOf(&v.rows.Conversation), v.digest)
		}
	}
	counts.VisibleAgain, _ = again.Count( // by what was stored before
		data.dayShows(window.Feed, load.ShowsTranscript),
		data.dayShows(window.Feed, func(c *warehouse.Conversation) bool { return !load.NoMetrics(c.Metrics) }))
	for _, v := range written {
		id := idOf(&v.rows.Conversation)
		data.Put(v.rows)
		data.setDigest(id, v.digest)
		w.change(data, id, warehouse.OperationUpsert, window.At)
		for _, member := range warehouse.Members() {
			counts.Rows[member.Spec().Name] += int64(member.Len(v.rows))
		}
	}
}

// dayShows returns whether a condition holds for any stored conversation of a feed
// on a day.
func (d *Data) dayShows(feed load.Feed, such func(*warehouse.Conversation) bool) load.DayShows {
	return func(day warehouse.Timestamp) (bool, error) {
		for _, rows := range d.Conversations {
			if c := &rows.Conversation; feedOf(c) == feed && midnight(c.StartedAt) == day && such(c) {
				return true, nil
			}
		}
		return false, nil
	}
}

// applyMissing marks or deletes conversations that the source no longer lists.
func (w *writer) applyMissing(data *Data, window *load.Window, counts *load.Counts) {
	for _, key := range window.Missing {
		id := ID{window.Feed.ProjectID, key.ID}
		stored := data.Conversations[id]
		if stored == nil || load.PlaceOf(&stored.Conversation) != (load.Place{Environment: window.Feed.Environment, StartedAt: key.StartedAt}) {
			continue
		}
		switch {
		case window.DeleteMissing:
			delete(data.Conversations, id)
			delete(data.Digests, id)
			w.change(data, id, warehouse.OperationDelete, window.At)
		case !stored.Conversation.MissingSince.Valid:
			marked := *stored
			marked.Conversation.MissingSince = warehouse.Some(window.At)
			data.Put(&marked)
			counts.Rows[warehouse.Conversations.Name]++
			w.change(data, id, warehouse.OperationUpsert, window.At)
		default:
			continue
		}
		counts.Missing++
	}
}

// addLateness adds counted lateness to the stored one of a feed.
func (d *Data) addLateness(feed load.Feed, counted map[load.LatenessKey]int64) {
	for key, n := range counted {
		row := warehouse.Lateness{
			ProjectID:    feed.ProjectID,
			Environment:  feed.Environment,
			Measure:      key.Measure,
			UpperSeconds: key.UpperSeconds,
			Count:        n,
		}
		put(&d.Lateness, row, func(l *warehouse.Lateness) bool {
			return l.ProjectID == row.ProjectID && l.Environment == row.Environment && l.Measure == row.Measure && l.UpperSeconds == row.UpperSeconds
		}, func(stored, row *warehouse.Lateness) { row.Count += stored.Count })
	}
	slices.SortFunc(d.Lateness, func(a, b warehouse.Lateness) int {
		return cmp.Or(cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.UpperSeconds, b.UpperSeconds))
	})
}

// setVisibleAgain marks that data of a feed is visible again, until its hidden
// days were read.
func (d *Data) setVisibleAgain(window *load.Window, again load.VisibleAgain) {
	feed := window.Feed
	marked := func(r *warehouse.Reveal) bool {
		return r.ProjectID == feed.ProjectID && r.Environment == feed.Environment
	}
	if window.HiddenRead {
		keep(&d.VisibleAgain, func(r *warehouse.Reveal) bool { return !marked(r) })
	} else if again.Any() {
		put(&d.VisibleAgain, warehouse.Reveal{ProjectID: feed.ProjectID, Environment: feed.Environment, RevealedAt: window.At}, marked,
			func(stored, row *warehouse.Reveal) { *row = *stored })
	}
}

// cover stores coverage, holes, the watermark and the other form of the project's
// id.
func (d *Data) cover(window *load.Window) {
	feed := window.Feed
	if window.Coverage != nil {
		keep(&d.Coverage, func(c *warehouse.CoverageRange) bool {
			return feed != load.Feed{ProjectID: c.ProjectID, Environment: c.Environment}
		})
		for _, c := range window.Coverage {
			d.Coverage = append(d.Coverage, warehouse.CoverageRange{
				ProjectID:   feed.ProjectID,
				Environment: feed.Environment,
				From:        c.From,
				Until:       c.Until,
				ReadAt:      c.ReadAt,
				Shape:       c.Shape,
			})
		}
	}
	if window.Holes != nil {
		keep(&d.Holes, func(h *warehouse.Hole) bool {
			return feed != load.Feed{ProjectID: h.ProjectID, Environment: h.Environment}
		})
		d.Holes = append(d.Holes, window.Holes...)
		slices.SortFunc(d.Holes, func(a, b warehouse.Hole) int { return cmp.Compare(a.From, b.From) })
	}
	d.moveWatermark(window)
	for i := range d.Projects {
		if p := &d.Projects[i]; p.ProjectID == feed.ProjectID && window.OtherID != "" {
			p.OtherID = warehouse.Text(window.OtherID)
		}
	}
}

// moveWatermark stores a later watermark, or a correction.
func (d *Data) moveWatermark(window *load.Window) {
	row := warehouse.Watermark{
		ProjectID:   window.Feed.ProjectID,
		Environment: window.Feed.Environment,
		Watermark:   window.Watermark,
		UpdatedAt:   window.At,
	}
	same := func(w *warehouse.Watermark) bool {
		return w.ProjectID == row.ProjectID && w.Environment == row.Environment
	}
	if row.Watermark == 0 {
		keep(&d.Watermarks, func(w *warehouse.Watermark) bool { return !same(w) || !window.CorrectWatermark })
		return
	}
	put(&d.Watermarks, row, same, func(stored, row *warehouse.Watermark) {
		switch {
		case row.Watermark == stored.Watermark, row.Watermark < stored.Watermark && !window.CorrectWatermark:
			*row = *stored
		case !window.CorrectWatermark:
			row.UpdatedAt = max(row.UpdatedAt, stored.UpdatedAt)
		}
	})
}
