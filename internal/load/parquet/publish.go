package parquet

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"path"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// publication publishes one window.
type publication struct {
	*writer
	window *load.Window
	staged *stage // nil: nothing was staged
	second *stage // conversations that were merged with stored ones; nil: none
	counts load.Counts
	// reveals are those of all conversations that were merged with stored ones.
	reveals load.VisibilityChanges
	parts   map[partition]*partChange // changes of stored partitions
	fresh   map[partition]*partChange // of days without a partition, by a partition of one day
	commit  *commit
	// digests has those of stored partitions.
	digests knownDigests
}

// Publish implements [load.Writer].
func (w *writer) Publish(ctx context.Context, st *load.Window) (load.Counts, error) {
	p := &publication{
		writer: w,
		window: st,
		staged: w.takeStage(st.ID),
		commit: w.newCommit(),
		counts: load.Counts{Rows: map[string]int64{}},
		parts:  map[partition]*partChange{},
		fresh:  map[partition]*partChange{},

		digests: knownDigests{lake: w.lake},
	}
	err := w.broken
	if err == nil {
		err = p.do(ctx)
	}
	p.commit.discard()
	var earlier *load.EarlierStartsError
	if errors.As(err, &earlier) { // the window can continue
		w.keepStage(st.ID, p.staged)
		return load.Counts{}, earlier
	}
	for _, s := range []*stage{p.staged, p.second} {
		if s != nil {
			err = errors.Join(err, s.drop())
		}
	}
	if err != nil {
		return load.Counts{}, failed("cannot write to the lake "+w.lake.root, w.explain(err))
	}
	return p.counts, nil
}

func (p *publication) do(ctx context.Context) error {
	p.digests.scan = func(part partition, do func(*warehouse.Conversation)) error {
		return p.lake.own().scan(ctx, part, do, keyColumns...)
	}
	if err := p.state.load(p.lake, p.window.Feed.ProjectID); err != nil {
		return err
	}
	if p.staged != nil {
		if err := p.compare(ctx); err != nil {
			return err
		}
	}
	if err := p.findMissing(ctx); err != nil {
		return err
	}
	return p.write(ctx)
}

// write writes and commits the changes.
func (p *publication) write(ctx context.Context) error {
	for part := range maps.Keys(p.parts) {
		if err := p.state.load(p.lake, part.project); err != nil {
			return err
		}
	}
	for part := range maps.Keys(p.fresh) {
		if err := p.state.load(p.lake, part.project); err != nil {
			return err
		}
	}
	changes, err := p.plan()
	if err != nil {
		return err
	}
	return p.rewrite(ctx, changes)
}

// rewrite writes and commits changes of partitions, with what belongs to the
// window.
func (p *publication) rewrite(ctx context.Context, changes []*partChange) error {
	results, err := p.merge(ctx, changes)
	for _, r := range results {
		p.counts.Add(r.counts)
	}
	if err = errors.Join(err, p.commit.place(results)); err != nil { // in any case, so that the commit has the files
		return err
	}
	if p.counts.VisibleAgain, err = p.reveals.Count(p.showsTranscripts, p.showsMetrics); err != nil {
		return err
	}
	var rejected map[conversationOf]bool
	err = p.writer.commit(ctx, p.commit, func(next *state) (err error) {
		if err := p.rows(next, results); err != nil {
			return err
		}
		if rejected, err = p.rejects(next); err != nil {
			return err
		}
		return p.account(next)
	})
	if err != nil {
		return err
	}
	p.rejected = rejected
	for _, r := range results {
		p.writer.rewritten(r)
	}
	return nil
}

// stored returns the change of a stored partition, which it adds if there is none.
func (p *publication) stored(part partition) *partChange {
	return changeOf(p.parts, part)
}

func changeOf(changes map[partition]*partChange, part partition) *partChange {
	c := changes[part]
	if c == nil {
		c = newPartChange(part.project)
		changes[part] = c
	}
	return c
}

// put adds a conversation to the partition of its day.
func (p *publication) put(e *entry) error {
	part, stored, err := p.layouts.at(e.project, e.day())
	if err != nil {
		return err
	}
	changes := p.fresh
	if stored {
		changes = p.parts
	}
	c := changeOf(changes, part)
	c.put = append(c.put, e)
	return nil
}

// merge writes the new files of the partitions that change, one after another.
// The tables of a partition are encoded concurrently. On an error it also returns
// the finished ones.
func (p *publication) merge(ctx context.Context, changes []*partChange) (results []*partResult, err error) {
	for _, change := range changes {
		m := &merger{
			lake:       p.lake,
			temporary:  p.temporary,
			change:     change,
			window:     p.window,
			staged:     stageReader{stage: p.staged},
			reconciled: stageReader{stage: p.second},
			digests:    &p.digests,
			reveals:    &p.reveals,
			queue:      p.state.open,
		}
		result, err := m.merge(ctx)
		results = append(results, result)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

// rows adds what belongs to the new files to the commit: their manifests, the
// changes and the open-conversation queue.
func (p *publication) rows(next *state, results []*partResult) error {
	if err := p.digests.put(p.commit, results); err != nil || len(results) == 0 {
		return err
	}
	var old []partition
	infos := map[partition]*partInfo{}
	next.open = maps.Clone(p.state.open)
	for _, r := range results {
		old = append(old, r.old...)
		for _, n := range r.parts {
			infos[n.partition] = n.info
		}
		for _, key := range r.closed {
			delete(next.open, key)
		}
		for _, o := range r.open {
			next.open[conversationKey{o.ProjectID, o.ConversationID}] = o
		}
	}
	if err := p.commit.putManifests(next, old, infos); err != nil {
		return err
	}
	for project, came := range arrivals(results) {
		if err := p.commit.ids(next, project, came); err != nil {
			return err
		}
	}
	if !maps.Equal(next.open, p.state.open) {
		if err := putTable(p.commit, &warehouse.OpenConversations, next.openQueue()); err != nil {
			return err
		}
	}
	return p.changes(next, results)
}

// arrivals returns the conversations that are new to their days, by project.
func arrivals(results []*partResult) map[string]map[day][]uint64 {
	came := map[string]map[day][]uint64{}
	for _, r := range results {
		for d, hashes := range r.came {
			if came[r.project] == nil {
				came[r.project] = map[day][]uint64{}
			}
			came[r.project][d] = append(came[r.project][d], hashes...)
		}
	}
	return came
}

// place adds the files of new partitions to the commit, and removes those of
// tables and old partitions that no longer have rows. The conversations come last,
// so that their parts are in place before them.
func (c *commit) place(results []*partResult) error {
	for _, table := range slices.Backward(startTables) {
		months := map[string]*monthPlace{}
		of := func(p partition) *monthPlace {
			m := months[p.folder(table)]
			if m == nil {
				m = &monthPlace{folder: p.folder(table), put: map[string]placedFile{}}
				months[m.folder] = m
			}
			return m
		}
		for _, r := range results {
			for _, p := range r.parts {
				for _, f := range p.files {
					if f.table == table {
						c.own(f.name)
						of(p.partition).put[path.Base(p.file(table))] = f
					}
				}
			}
		}
		for _, r := range results {
			for _, p := range r.old {
				name, m := path.Base(p.file(table)), of(p)
				if _, put := m.put[name]; !put && c.lake.has(p.file(table)) {
					m.gone = append(m.gone, name)
				}
			}
		}
		for _, folder := range sortedNames(months) {
			if err := c.placeMonth(months[folder]); err != nil {
				return err
			}
		}
	}
	return nil
}

// changes appends to the feed of changes.
func (p *publication) changes(next *state, results []*partResult) error {
	first, n := next.position.Sequence+1, 0
	for _, r := range results {
		n += len(r.changed)
	}
	if n == 0 {
		return nil
	}
	next.position.Sequence += int64(n)
	at := &next.position
	if today := dayOf(p.window.At).String(); at.ChangesFile == "" || at.ChangesDay != today {
		at.ChangesFile, at.ChangesDay, at.ChangesBytes = changesFile(first), today, 0
	}
	err := p.commit.extendAt(at.ChangesFile, at.ChangesBytes, func(w io.Writer) error { return appendChanges(w, p.eachChanged(first, results)) })
	at.ChangesBytes += p.commit.last().Bytes
	return err
}

// eachChanged returns the changes of conversations, from a sequence on. They are not all
// made at once: a first load may change all conversations of a dense day.
func (p *publication) eachChanged(sequence int64, results []*partResult) iter.Seq[*warehouse.Change] {
	return func(yield func(*warehouse.Change) bool) {
		c := warehouse.Change{Sequence: sequence, At: p.window.At, RunID: p.window.RunID}
		for _, r := range results {
			c.ProjectID = r.project
			for _, changed := range r.changed {
				c.ConversationID, c.Operation = changed.id, changed.operation
				if !yield(&c) {
					return
				}
				c.Sequence++
			}
		}
	}
}

// account adds drift, lateness and, last of all, the coverage to the commit.
func (p *publication) account(next *state) error {
	st := p.window
	if len(p.counts.Lateness) > 0 {
		next.lateness = p.state.late(st.Feed, p.counts.Lateness)
		if err := putTable(p.commit, &warehouse.SyncLateness, next.lateness); err != nil {
			return err
		}
	}
	if p.counts.VisibleAgain.Any() || st.HiddenRead {
		next.revealed = p.state.visibleAgain(st.Feed, st.At, !st.HiddenRead)
		if err := putTable(p.commit, &warehouse.SyncRevealed, next.revealed); err != nil {
			return err
		}
	}
	if drift := st.ElsewhereDrift(&p.counts); len(drift) > 0 {
		next.drift = p.state.drifting(st.Feed, drift)
		if err := putTable(p.commit, &warehouse.SchemaDrift, next.drift); err != nil {
			return err
		}
	}
	if st.Holes != nil {
		next.holes = p.state.holed(st.Feed, st.Holes)
		if err := putTable(p.commit, &warehouse.SyncHoles, next.holes); err != nil {
			return err
		}
	}
	if projects, learned := p.state.named(st); learned {
		next.projects = projects
		if err := putTable(p.commit, &warehouse.Projects, projects); err != nil {
			return err
		}
	}
	if st.Coverage == nil && st.Watermark == 0 && !st.CorrectWatermark {
		return nil
	}
	next.change(st.Feed.ProjectID)
	next.coverage, next.watermarks = p.state.cover(st)
	return errors.Join(
		putTable(p.commit, &warehouse.SyncCoverage, next.coverage),
		putTable(p.commit, &warehouse.SyncWatermarks, next.watermarks),
	)
}
