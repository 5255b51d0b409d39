package parquet

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Mend implements [load.Mender]. Foreign and damaged files are moved to
// _sync/quarantine first. Then each faulty partition is rewritten from what can be
// read of it, in a commit of its own. Finally copies in several partitions are
// merged.
func (w *writer) Mend(ctx context.Context, m *load.Mending) (counts load.Counts, err error) {
	counts.Rows = map[string]int64{}
	if err = w.broken; err == nil {
		err = w.mend(ctx, m, &counts)
	}
	return counts, failed("cannot mend the lake "+w.lake.root, w.explain(err))
}

func (w *writer) mend(ctx context.Context, m *load.Mending, counts *load.Counts) error {
	for _, r := range m.Ranges {
		if r.From >= r.Until {
			continue
		}
		span, err := w.mendManifests(m, daySpan{dayOf(r.From), dayOf(r.Until - 1)})
		if err != nil {
			return err
		}
		if err := w.mendParts(ctx, m, span, counts); err != nil {
			return err
		}
		if err := w.mendCopies(ctx, m, span, counts); err != nil {
			return err
		}
	}
	reseal := map[string]map[partition]bool{}
	for _, k := range m.Reseal {
		part, _, err := w.layouts.at(m.ProjectID, dayOf(k.StartedAt))
		if err != nil {
			return err
		}
		reseal[k.ID] = map[partition]bool{part: true}
	}
	return w.merge(ctx, m, reseal, true, counts)
}

// mendManifests moves unreadable manifests to the quarantine. It extends the
// span to all days of their months: no other file lists what is stored on them.
func (w *writer) mendManifests(m *load.Mending, span daySpan) (daySpan, error) {
	folder := manifestDir + "/" + projectDir(m.ProjectID)
	entries, err := w.lake.files.ReadDir(w.lake.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return span, err
	}
	wider := span
	for _, e := range entries {
		month := manifestMonth(e.Name())
		days, err := monthSpan(month)
		if err != nil || days.last < span.first || days.first > span.last || w.lake.own().readJSON(folder+"/"+e.Name(), &manifest{}) == nil {
			continue
		}
		if err := w.lake.moveAside(folder+"/"+e.Name(), m.RunID); err != nil {
			return span, err
		}
		w.layouts.forget(m.ProjectID, month)
		wider = daySpan{min(wider.first, days.first), max(wider.last, days.last)}
	}
	return wider, nil
}

// audit audits a partition.
func (w *writer) audit(ctx context.Context, p partition) (*partAudit, error) {
	arranged, err := w.layouts.month(p.project, p.month())
	if err != nil {
		return nil, err
	}
	a := newPartAudit(w.lake.own(), auditedPart{p, slices.Contains(arranged.extra, p)})
	return a, a.do(ctx)
}

// mendParts repairs each partition separately.
func (w *writer) mendParts(ctx context.Context, m *load.Mending, span daySpan, counts *load.Counts) error {
	foreign, err := w.lake.foreign(m.ProjectID, span)
	if err != nil {
		return err
	}
	for _, f := range foreign {
		if err := w.lake.moveAside(f.Path, m.RunID); err != nil {
			return err
		}
	}
	parts, err := w.lake.auditedParts(m.ProjectID, span)
	if err != nil {
		return err
	}
	var later []partition // have rows of other partitions, which must be repaired first
	for _, p := range parts {
		a, err := w.audit(ctx, p.partition)
		if err != nil {
			return err
		}
		switch {
		case a.strays || a.extra:
			later = append(later, p.partition)
		case len(a.faults) > 0:
			if err := w.rebuild(ctx, m, a, false, counts); err != nil {
				return err
			}
		}
	}
	for _, p := range later {
		a, err := w.audit(ctx, p)
		if err != nil {
			return err
		}
		if err := w.rebuild(ctx, m, a, false, counts); err != nil {
			return err
		}
	}
	return nil
}

// mendCopies merges the conversations of the span that are stored in several
// partitions.
func (w *writer) mendCopies(ctx context.Context, m *load.Mending, span daySpan, counts *load.Counts) error {
	known := newIndex(w.lake)
	known.lenient = true
	parts, err := w.lake.auditedParts(m.ProjectID, span)
	if err != nil {
		return err
	}
	for _, p := range parts {
		a := newPartAudit(w.lake.own(), p)
		if err := a.conversations(ctx); err != nil {
			return err
		}
		copies, err := w.lake.copiesOf(ctx, a, known, span)
		if err != nil {
			return err
		}
		where := map[string]map[partition]bool{}
		for _, f := range copies {
			if where[f.ID] == nil {
				where[f.ID] = map[partition]bool{a.part: true}
			}
			where[f.ID][f.in] = true
		}
		if err := w.merge(ctx, m, where, false, counts); err != nil {
			return err
		}
	}
	return nil
}

// mending is a publication that repairs stored data.
type mending struct {
	*publication
	asked *load.Mending
	spool *stage // stored rows, in pieces
	// distrust makes the conversations differ from any version of the source, so
	// that the next read replaces them.
	distrust bool
}

func (w *writer) newMending(m *load.Mending) *mending {
	return &mending{
		publication: &publication{
			writer: w,
			second: w.temporary.newStage(),
			commit: w.newCommit(),
			parts:  map[partition]*partChange{},
			fresh:  map[partition]*partChange{},
			window: &load.Window{Feed: load.Feed{ProjectID: m.ProjectID}, RunID: m.RunID, At: m.At},
			counts: load.Counts{Rows: map[string]int64{}},

			digests: knownDigests{lake: w.lake},
		},
		asked: m, spool: w.temporary.newStage(),
	}
}

// finish commits, and counts the written rows.
func (p *mending) finish(ctx context.Context, err error, counts *load.Counts) error {
	if err == nil {
		err = p.write(ctx)
	}
	p.commit.discard()
	if err == nil {
		counts.Add(load.Counts{Rows: p.counts.Rows})
	}
	return errors.Join(err, p.spool.drop(), p.second.drop())
}

// add adds a conversation to the files of its day.
func (p *mending) add(r *warehouse.Rows, unchanged bool) error {
	if err := p.second.add(&load.Batch{Rows: []*warehouse.Rows{r}}); err != nil {
		return err
	}
	e := &p.second.entries[len(p.second.entries)-1]
	e.reconciled, e.unchanged = true, unchanged
	return p.put(e)
}

// rebuild rewrites a partition from what can be read of its files.
func (w *writer) rebuild(ctx context.Context, m *load.Mending, a *partAudit, distrust bool, counts *load.Counts) error {
	if err := w.setAside(a, m.RunID); err != nil {
		return err
	}
	p := w.newMending(m)
	p.distrust = distrust
	d := p.stored(a.part)
	d.afresh = true
	for key, o := range w.state.open { // those with a conversation are added again with it
		if key.project == m.ProjectID && a.part.has(dayOf(o.StartedAt)) && !a.extra {
			d.unqueued = append(d.unqueued, key)
		}
	}
	return p.finish(ctx, p.refill(ctx, a, d), counts)
}

// setAside keeps a copy of the files of a partition whose rows may not all be
// written again, and moves unreadable files to the quarantine.
func (w *writer) setAside(a *partAudit, runID string) error {
	defer w.layouts.forget(a.part.project, a.part.month())
	for _, f := range a.faults {
		var err error
		switch f.Kind {
		case load.FaultDamagedFile:
			err = w.lake.moveAside(f.Path, runID)
		case load.FaultOrphanParts, load.FaultAlteredFile, load.FaultMisplaced, load.FaultSecondCopy:
			err = w.lake.keepAside(a.part.file(f.Table), runID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refill adds the stored conversations of a partition, each once.
func (p *mending) refill(ctx context.Context, a *partAudit, d *partChange) error {
	if err := p.spoolPart(ctx, a.part, a.readable, nil); err != nil {
		return err
	}
	if err := p.spoolStrays(ctx, a); err != nil {
		return err
	}
	lost := a.info != nil && a.info.files[conversations.Name()].Rows > 0 && !a.readable[conversations.Name()]
	faulty := map[string]bool{}
	for _, f := range a.faults {
		faulty[f.ID] = faulty[f.ID] || f.Table != warehouse.OpenConversations.Name
	}
	return p.eachSpooled(func(id string, copies []*warehouse.Rows) error {
		if lost && !slices.ContainsFunc(copies, load.HasRow) {
			p.restore(a.info, copies[0])
		}
		rows, changed := load.Settle(copies, p.asked.At, p.asked.RunID)
		if rows == nil {
			d.dropped = append(d.dropped, id)
			return nil
		}
		changed = load.FixLifecycle(&rows.Conversation) || changed || lost
		if p.distrust {
			rows.Conversation.ContentHash = ""
		}
		return p.add(rows, !changed && !faulty[id])
	})
}

// spoolStrays adds rows of the same conversations that are stored in other
// partitions.
func (p *mending) spoolStrays(ctx context.Context, a *partAudit) error {
	wanted := map[partition]map[string]bool{}
	for i := range p.spool.entries {
		e := &p.spool.entries[i]
		part, stored, err := p.layouts.at(e.project, e.day())
		if err != nil {
			return err
		}
		if a.strays && stored && part != a.part {
			want(wanted, part, e.id)
			p.stored(part).leaveAll(e.id)
		}
	}
	for part, ids := range wanted {
		if err := p.spoolPart(ctx, part, nil, ids); err != nil {
			return err
		}
	}
	return nil
}

// restore gives parts a row of conversations if their own was lost with its
// file.
func (p *mending) restore(info *partInfo, parts *warehouse.Rows) {
	environment := load.UnknownEnvironment
	if names := info.environments(); len(names) == 1 {
		environment = names[0]
	}
	account := ""
	for _, project := range p.state.projects {
		if project.ProjectID == p.asked.ProjectID {
			account = project.AccountID
		}
	}
	c := parts.Conversation
	load.Restore(parts, &warehouse.Conversation{
		AccountID:      account,
		ProjectID:      c.ProjectID,
		ConversationID: c.ConversationID,
		Environment:    environment,
		StartedAt:      c.StartedAt,
	}, p.asked.At, p.asked.RunID)
}

// merge makes one conversation of several copies, given by id and partition.
// With reseal their rows are accepted as they are.
func (w *writer) merge(ctx context.Context, m *load.Mending, where map[string]map[partition]bool, reseal bool, counts *load.Counts) error {
	if len(where) == 0 {
		return nil
	}
	p := w.newMending(m)
	return p.finish(ctx, p.mergeCopies(ctx, where, reseal), counts)
}

func (p *mending) mergeCopies(ctx context.Context, where map[string]map[partition]bool, reseal bool) error {
	wanted := map[partition]map[string]bool{}
	for id, parts := range where {
		for part := range parts {
			want(wanted, part, id)
		}
	}
	for _, part := range slices.SortedFunc(maps.Keys(wanted), comparePartitions) {
		if err := p.spoolPart(ctx, part, nil, wanted[part]); err != nil {
			return err
		}
	}
	return p.eachSpooled(func(id string, copies []*warehouse.Rows) error {
		rows, _ := load.Settle(copies, p.asked.At, p.asked.RunID)
		if rows == nil {
			return nil
		}
		if reseal {
			load.Reseal(rows, p.asked.At, p.asked.RunID)
		}
		for part := range where[id] {
			p.stored(part).leaveAll(id)
		}
		return p.add(rows, false)
	})
}
