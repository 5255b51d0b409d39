package parquet

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// repair collects what one commit removes from the coverage after an inventory:
// partitions whose files differ from the records, and months whose manifest
// differs. Afterwards the partitions are rewritten; see [writer.Recover].
type repair struct {
	*writer
	ctx    context.Context
	commit *commit
	next   *state

	bad         map[partition]bool    // partitions to rewrite
	inventories map[string]*inventory // of the checked projects
	taken       map[string]*inventory // of an earlier attempt of the same commit
	found       []load.Uncovered
}

// newRepair returns a repair of the state that a commit makes. Inventories that
// an earlier attempt has taken are not taken again, because no other writer
// changes what they compare.
func (w *writer) newRepair(ctx context.Context, c *commit, next *state, taken map[string]*inventory) *repair {
	return &repair{
		writer:      w,
		ctx:         ctx,
		commit:      c,
		next:        next,
		taken:       taken,
		bad:         map[partition]bool{},
		inventories: map[string]*inventory{},
	}
}

// project checks a project and repairs its records. If expected is true, the
// project must have contents if any data of it is stored.
func (r *repair) project(project string, expected bool) error {
	if r.inventories[project] != nil {
		return nil
	}
	known, err := r.lake.own().readContents(project)
	if err != nil { // damaged
		known = nil
	}
	if known != nil {
		r.next.contents = maps.Clone(r.next.contents)
		if r.next.contents == nil {
			r.next.contents = map[string]*contents{}
		}
		r.next.contents[project] = known
		if err := r.adopt(project, known); err != nil {
			return err
		}
	}
	a := r.taken[project]
	if a == nil {
		if a, err = r.lake.inventory(project, known); err != nil {
			return err
		}
	}
	r.inventories[project] = a
	changed := r.next.change(project)
	if known == nil && expected && a.hasAnything(r.state) {
		r.cut(project, 0, 0, contentsFile(project)+" is missing or damaged")
	}
	for month, what := range a.months {
		if err := r.cutMonth(project, month, what); err != nil {
			return err
		}
	}
	changed.Months = a.digests
	for _, p := range slices.SortedFunc(maps.Keys(a.faults), comparePartitions) {
		r.doubt(p, a.faults[p]...)
	}
	return nil
}

// hasAnything reports whether something is stored of the project.
func (a *inventory) hasAnything(s *state) bool {
	return len(a.manifests)+len(a.faults) > 0 ||
		slices.ContainsFunc(s.coverage, func(c warehouse.CoverageRange) bool { return c.ProjectID == a.project })
}

// adopt takes the coverage and the open conversations from the contents if the
// files that they are usually read from are of another commit.
func (r *repair) adopt(project string, known *contents) error {
	coverage, open, err := known.rows()
	if err != nil {
		return damaged(r.lake.path(contentsFile(project)), err)
	}
	ours := func(c warehouse.CoverageRange) bool { return c.ProjectID == project }
	stored := slices.DeleteFunc(slices.Clone(r.next.coverage), func(c warehouse.CoverageRange) bool { return !ours(c) })
	if !slices.Equal(stored, coverage) {
		r.next.coverage = append(slices.DeleteFunc(slices.Clone(r.next.coverage), ours), coverage...)
	}
	queue := maps.Clone(r.next.open)
	maps.DeleteFunc(queue, func(k conversationKey, _ warehouse.OpenConversation) bool { return k.project == project })
	for _, o := range open {
		queue[conversationKey{o.ProjectID, o.ConversationID}] = o
	}
	if !maps.Equal(queue, r.next.open) {
		r.next.open = queue
	}
	return nil
}

// index rebuilds the log of ids of the years that were wrong.
func (r *repair) index() error {
	for project, a := range r.inventories {
		years := map[string]bool{}
		for _, year := range a.unindexed {
			years[year] = true
		}
		for month := range a.months {
			year, _, _ := strings.Cut(month, "-")
			years[year] = true
		}
		for p := range r.bad {
			if p.project == project {
				years[p.first.year()] = true
			}
		}
		for _, year := range slices.Sorted(maps.Keys(years)) {
			if err := r.indexYear(a, year); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexYear rebuilds the log of ids of a year from the stored partitions. One that
// cannot be read is doubtful: its conversations are added to the log when it is
// rewritten.
func (r *repair) indexYear(a *inventory, year string) error {
	hashes := map[day][]uint64{}
	for _, p := range a.partsOf(year) {
		if r.bad[p] {
			continue
		}
		ids, err := r.idsOf(p)
		if isPassing(err) || r.ctx.Err() != nil {
			return errors.Join(err, r.ctx.Err())
		}
		if err != nil {
			r.doubt(p, err.Error())
			continue
		}
		maps.Copy(hashes, ids)
	}
	contents := r.next.change(a.project)
	err := r.commit.put(idsFile(a.project, year), func(w io.Writer) error {
		for _, d := range slices.Sorted(maps.Keys(hashes)) {
			if err := writeIDs(w, d, hashes[d]); err != nil {
				return err
			}
		}
		return nil
	})
	contents.IDs[year] = r.commit.last().Bytes
	return err
}

// isPassing reports whether an error is temporary, and does not depend on the
// content of a file.
func isPassing(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// doubt removes the days of a partition from the coverage, and adds it to the
// partitions to rewrite.
func (r *repair) doubt(p partition, what ...string) {
	if r.bad[p] {
		return
	}
	r.bad[p] = true
	r.cut(p.project, p.from(), p.until(), what...)
}

// cut removes a time range of a project from the coverage; if both ends are 0,
// all of it.
func (r *repair) cut(project string, from, until warehouse.Timestamp, what ...string) {
	var kept []warehouse.CoverageRange
	for _, c := range r.next.coverage {
		if c.ProjectID != project {
			kept = append(kept, c)
			continue
		}
		if from == until {
			continue
		}
		if before := c; c.From < from {
			before.Until = min(c.Until, from)
			kept = append(kept, before)
		}
		if after := c; c.Until > until {
			after.From = max(c.From, until)
			kept = append(kept, after)
		}
	}
	r.next.coverage = kept
	r.next.change(project)
	r.found = append(r.found, load.Uncovered{ProjectID: project, From: from, Until: until, What: what})
}

func (r *repair) cutMonth(project, month, what string) error {
	span, err := monthSpan(month)
	if err != nil {
		return nil //nolint:nilerr // a name that no version has written
	}
	p := partition{project, span.first, span.last}
	r.cut(project, p.from(), p.until(), what)
	return nil
}

// lost repairs what the journal of a killed writer lists and can no longer be
// done: it compares the projects concerned, and adds the partitions whose new
// files are missing to those to rewrite, even if their older file is intact.
func (r *repair) lost(j *unfinished) error {
	for _, project := range j.projects() {
		if err := r.project(project, true); err != nil {
			return err
		}
	}
	for _, op := range j.lost {
		what := op.To + " could not be written as the journal says: " + errLost.Error()
		for _, name := range op.Names {
			if p, ok := partitionOf(op.To + "/" + name); ok {
				r.doubt(p, what)
			}
		}
		p, ok := partitionOf(op.To)
		switch {
		case op.Kind == opExchange:
		case !ok:
			r.found = append(r.found, load.Uncovered{What: []string{what}})
		default:
			r.doubt(p, what)
		}
	}
	return nil
}

// end adds the changes to the commit.
func (r *repair) end() error {
	if err := r.index(); err != nil {
		return err
	}
	if !slices.Equal(r.next.coverage, r.state.coverage) {
		if err := putTable(r.commit, &warehouse.SyncCoverage, r.next.coverage); err != nil {
			return err
		}
	}
	if !maps.Equal(r.next.open, r.state.open) {
		if err := putTable(r.commit, &warehouse.OpenConversations, r.next.openQueue()); err != nil {
			return err
		}
	}
	for project, changed := range r.next.changed {
		old := r.next.contents[project]
		if err := changed.take(r.next); err != nil {
			return err
		}
		if old != nil && changed.equal(old) {
			delete(r.next.changed, project)
		}
	}
	return nil
}

// done makes the writer report and rewrite what the commit has found. Partitions
// of projects of other writers are left to them: they find the same.
func (r *repair) done() {
	maps.DeleteFunc(r.bad, func(p partition, _ bool) bool { return !r.writer.record.has(p.project) })
	r.uncovered = append(r.uncovered, r.found...)
	r.doubtful = append(r.doubtful, slices.SortedFunc(maps.Keys(r.bad), comparePartitions)...)
	if len(r.found) > 0 {
		r.writer.layouts = newLayouts(r.lake.own())
		r.writer.index = newIDLog(r.lake, r.writer.layouts)
	}
}

// Recover implements [load.Recoverer].
func (w *writer) Recover(ctx context.Context, runID string, at warehouse.Timestamp) ([]load.Uncovered, error) {
	err := w.broken
	if err == nil {
		err = w.uncover(ctx, at)
	}
	for _, p := range w.doubtful {
		if err == nil {
			err = w.writeAgain(ctx, p, runID, at)
		}
	}
	found := w.uncovered
	w.uncovered, w.doubtful = nil, nil
	return found, failed("cannot recover the lake "+w.lake.root, w.explain(err))
}

// uncover compares the stored data of the registered projects with the records,
// and removes what does not match from the coverage.
func (w *writer) uncover(ctx context.Context, at warehouse.Timestamp) error {
	c := w.newCommit()
	defer c.discard()
	var r *repair
	var taken map[string]*inventory
	err := w.commit(ctx, c, func(next *state) error {
		r = w.newRepair(ctx, c, next, taken)
		taken = r.inventories
		for _, project := range slices.Sorted(maps.Keys(w.environments)) {
			if err := r.project(project, true); err != nil {
				return err
			}
		}
		return r.end()
	})
	if err != nil {
		return err
	}
	r.done()
	for _, a := range r.inventories {
		w.noteMergeable(a, at)
	}
	return nil
}

// writeAgain rewrites a partition from what can be read of it, with conversations
// that differ from any version of the source, so that the next read replaces
// them.
func (w *writer) writeAgain(ctx context.Context, p partition, runID string, at warehouse.Timestamp) error {
	m := &load.Mending{ProjectID: p.project, RunID: runID, At: at}
	if _, err := w.mendManifests(m, p.span()); err != nil {
		return err
	}
	a, err := w.audit(ctx, p)
	if err != nil {
		return err
	}
	return w.rebuild(ctx, m, a, true, &load.Counts{Rows: map[string]int64{}})
}
