package parquet

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// publication publishes one window.
type publication struct {
	*writer
	window *load.Window
	staged *stage // nil: nothing was staged
	second *stage // reconciled conversations; nil: none
	counts load.Counts
	days   map[partition]*dayChange
	commit *commit
}

// Publish implements [load.Writer].
func (w *writer) Publish(ctx context.Context, st *load.Window) (load.Counts, error) {
	p := &publication{
		writer: w,
		window: st,
		staged: w.takeStage(st.ID),
		commit: w.newCommit(),
		counts: load.Counts{Rows: map[string]int64{}},
		days:   map[partition]*dayChange{},
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
	for part := range p.days {
		if err := p.state.load(p.lake, part.project); err != nil {
			return err
		}
	}
	results, err := p.merge(ctx)
	for part, r := range results {
		p.commit.placeDay(part, r.files, r.info)
		p.counts.Add(r.counts)
	}
	if err != nil {
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
	for part, r := range results {
		p.index.put(part, r.stored, r.came)
	}
	return nil
}

// day returns the change of a partition, which it adds if there is none.
func (p *publication) day(part partition) *dayChange {
	d := p.days[part]
	if d == nil {
		d = &dayChange{partition: part, gone: map[string]bool{}, missing: map[string]bool{}}
		p.days[part] = d
	}
	return d
}

// merge writes the new files of the partitions that change, one partition after
// another. The tables of a partition are encoded concurrently, and hold one row
// group each. On an error it also returns the finished ones.
func (p *publication) merge(ctx context.Context) (map[partition]*dayResult, error) {
	results := make(map[partition]*dayResult, len(p.days))
	for part, change := range p.days {
		m := &merger{
			lake:       p.lake,
			temporary:  p.temporary,
			change:     change,
			window:     p.window,
			staged:     stageReader{stage: p.staged},
			reconciled: stageReader{stage: p.second},
		}
		result, err := m.merge(ctx)
		if err != nil {
			return results, err
		}
		results[part] = result
	}
	return results, nil
}

// rows adds what belongs to the new files to the commit: their manifests, the
// changes and the open-conversation queue.
func (p *publication) rows(next *state, results map[partition]*dayResult) error {
	if len(results) == 0 {
		return nil
	}
	var changed []warehouse.Change
	infos := map[partition]*dayInfo{}
	next.open = maps.Clone(p.state.open)
	for _, part := range slices.SortedFunc(maps.Keys(results), comparePartitions) {
		r := results[part]
		changed, infos[part] = append(changed, r.changed...), r.info
		for _, key := range r.closed {
			delete(next.open, key)
		}
		for _, o := range r.open {
			next.open[conversationKey{o.ProjectID, o.ConversationID}] = o
		}
	}
	if err := p.commit.putManifests(next, infos); err != nil {
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
	return p.changes(next, changed)
}

// arrivals returns the conversations that are new to their days, by project.
func arrivals(results map[partition]*dayResult) map[string]map[day][]uint64 {
	came := map[string]map[day][]uint64{}
	for part, r := range results {
		if came[part.project] == nil {
			came[part.project] = map[day][]uint64{}
		}
		came[part.project][part.day] = r.came
	}
	return came
}

func comparePartitions(a, b partition) int {
	if a.project != b.project {
		return strings.Compare(a.project, b.project)
	}
	return int(a.day - b.day)
}

// placeDay adds the files of a partition to the commit, and removes files of
// tables that no longer have rows. The conversations come last, so that their
// parts are in place before them.
func (c *commit) placeDay(part partition, files []placedFile, info *dayInfo) {
	for _, f := range slices.Backward(files) {
		c.own(f.name)
		c.place(f.name, part.file(f.table), f.info)
	}
	for _, table := range startTables {
		if _, ok := info.Files[table]; !ok && c.lake.has(part.file(table)) {
			c.remove(part.file(table))
		}
	}
}

// changes appends to the feed of changes.
func (p *publication) changes(next *state, rows []warehouse.Change) error {
	for i := range rows {
		next.position.Sequence++
		rows[i].Sequence, rows[i].At, rows[i].RunID = next.position.Sequence, p.window.At, p.window.RunID
	}
	if len(rows) == 0 {
		return nil
	}
	at := &next.position
	if today := dayOf(p.window.At).String(); at.ChangesFile == "" || at.ChangesDay != today {
		at.ChangesFile, at.ChangesDay, at.ChangesBytes = changesFile(rows[0].Sequence), today, 0
	}
	err := p.commit.extendAt(at.ChangesFile, at.ChangesBytes, func(w io.Writer) error { return appendChanges(w, rows) })
	at.ChangesBytes += p.commit.last().Bytes
	return err
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
