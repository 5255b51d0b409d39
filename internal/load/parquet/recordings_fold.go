package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

const (
	// maxFolded is the number of results from which they are merged in several
	// commits, which bounds memory.
	maxFolded = 50_000
	// foldAt is the number of results after which a claim merges them itself if no
	// run writes the project: work on a backlog may take days without a run, and
	// pending results are in memory.
	foldAt = 20_000
)

// foldNow merges the pending results of a project, unless a run writes it, which
// merges them at its end, or the next run has to repair or upgrade the lake first.
func (l *Lake) foldNow(ctx context.Context, project string) error {
	if _, err := l.version(); err != nil || l.has(journalFile) {
		return err
	}
	once, stop := context.WithCancelCause(ctx)
	stop(errHeld)
	held, err := l.lock(once, []string{project})
	if err != nil {
		return err
	}
	// Without the id of a run it is not recorded as one, also if it is killed.
	w := l.newWriter(load.Owner{}, []string{project}, held)
	if err = w.takeOver(ctx); err == nil {
		err = w.foldRecordings(ctx, "recordings")
	}
	if err == nil {
		c := w.newCommit()
		err = w.commit(ctx, c, func(*state) error {
			c.remove(w.record.name())
			return nil
		})
		c.discard()
	}
	return errors.Join(err, w.Close())
}

// foldRecordings merges the pending results of the projects of the writer into
// the tables, oldest first.
func (w *writer) foldRecordings(ctx context.Context, runID string) error {
	projects, err := w.pendingProjects()
	if err != nil {
		return err
	}
	for _, project := range projects {
		names, err := w.lake.resultsNames(project)
		if err != nil {
			return err
		}
		for len(names) > 0 {
			r := &recordingFold{writer: w, project: project, infos: map[partition]*partInfo{}}
			if names, err = r.read(names, runID); err != nil {
				return err
			}
			if err := r.run(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// pendingProjects lists the projects of the writer that may have pending results.
func (w *writer) pendingProjects() (projects []string, err error) {
	entries, err := w.lake.files.ReadDir(w.lake.path(recordingsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+w.lake.path(recordingsDir), err)
	}
	for _, e := range entries {
		if project, ok := projectOf(e.Name()); ok && w.record.has(project) {
			projects = append(projects, project)
		}
	}
	return projects, nil
}

// recordingFold is a commit that merges pending results of a project.
type recordingFold struct {
	*writer
	project string
	commit  *commit
	names   []string // of the files that it removes
	state   *warehouse.RecordingState
	results []*load.RecordingResult
	infos   map[partition]*partInfo // of the changed partitions
	left    []load.RecordingResult  // of partitions that cannot be read: they stay pending
}

// read reads the first of the files, and returns the others. A file that cannot
// be read moves to the quarantine: its recordings are checked again.
func (r *recordingFold) read(names []string, runID string) (rest []string, err error) {
	for i, name := range names {
		if len(r.results) >= maxFolded {
			return names[i:], nil
		}
		f, err := r.lake.readResults(r.project, name)
		if isPassing(err) {
			return nil, err
		}
		if err != nil {
			if err := r.lake.moveAside(name, runID); err != nil {
				return nil, err
			}
			continue
		}
		r.names = append(r.names, name)
		if f.state != nil {
			r.state = f.state
		}
		for j := range f.results {
			r.results = append(r.results, &f.results[j])
		}
	}
	return nil, nil
}

// run makes the commit. The results of a partition that cannot be read remain
// pending.
func (r *recordingFold) run(ctx context.Context) error {
	if len(r.names) == 0 {
		return nil
	}
	r.commit = r.newCommit()
	defer r.commit.discard()
	if err := r.writer.state.load(r.lake, r.project); err != nil {
		return err
	}
	parts, err := r.byPart(ctx)
	if err != nil {
		return err
	}
	manifests := map[string]*manifest{}
	for _, part := range slices.SortedFunc(maps.Keys(parts), comparePartitions) {
		info, err := r.infoOf(manifests, part)
		if err == nil {
			err = r.part(ctx, part, info, parts[part])
		}
		if err != nil && (!errors.Is(err, errUnreadable) || isPassing(err) || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			r.leave(parts[part])
		}
	}
	if len(r.left) > 0 && len(r.left) == len(r.results) && r.state == nil {
		return nil // the files remain as they are
	}
	return r.writer.commit(ctx, r.commit, r.build)
}

// resultsByID are the results of conversations, each in the order in which they
// were recorded.
type resultsByID map[string][]*load.RecordingResult

func (r *recordingFold) leave(all resultsByID) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		for _, in := range all[id] {
			r.left = append(r.left, *in)
		}
	}
}

// byPart finds the partitions of the conversations: the start may have been
// corrected since a result was recorded. Results of conversations that are not
// stored are left out.
func (r *recordingFold) byPart(ctx context.Context) (map[partition]resultsByID, error) {
	byID, hints := resultsByID{}, map[partition]map[string]bool{}
	for _, in := range r.results {
		byID[in.ConversationID] = append(byID[in.ConversationID], in)
		part, _, err := r.layouts.at(r.project, dayOf(in.StartedAt))
		if err != nil {
			return nil, err
		}
		want(hints, part, in.ConversationID)
	}
	found, placed := map[partition]resultsByID{}, map[string]bool{}
	if err := r.place(ctx, hints, byID, found, placed); err != nil {
		return nil, err
	}
	others, err := r.elsewhere(ctx, hints, placed)
	if err != nil {
		return nil, err
	}
	return found, r.place(ctx, others, byID, found, placed)
}

// place adds the results of conversations to the partitions that have them, of
// those given. One that cannot be read may have all of them.
func (r *recordingFold) place(ctx context.Context, where map[partition]map[string]bool, byID resultsByID, found map[partition]resultsByID, placed map[string]bool) error {
	for part, ids := range where {
		if found[part] == nil {
			found[part] = resultsByID{}
		}
		add := func(id string) { found[part][id], placed[id] = byID[id], true }
		err := r.lake.own().scan(ctx, part, func(c *warehouse.Conversation) {
			if ids[c.ConversationID] {
				add(strings.Clone(c.ConversationID))
			}
		}, "conversation_id")
		if err != nil && (isPassing(err) || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			for id := range ids {
				add(id)
			}
		}
	}
	return nil
}

// elsewhere returns the partitions that may have the conversations that were not
// found, by the log of ids.
func (r *recordingFold) elsewhere(ctx context.Context, hints map[partition]map[string]bool, placed map[string]bool) (map[partition]map[string]bool, error) {
	ids := map[uint64][]string{}
	first, last := lastDay, firstDay
	for part, hinted := range hints {
		for id := range hinted {
			if hash := warehouse.HashID(id); !placed[id] {
				ids[hash] = append(ids[hash], id)
				first, last = min(first, part.first), max(last, part.last)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	logged := r.writer.state.logged(r.project)
	found, err := r.index.find(ctx, r.project, logged, first, last, slices.Collect(maps.Keys(ids)))
	others := map[partition]map[string]bool{}
	for part, hashes := range found {
		for _, hash := range hashes {
			for _, id := range ids[hash] {
				want(others, part, id)
			}
		}
	}
	return others, err
}

// errUnreadable marks a partition that cannot be read. A later run repairs it.
var errUnreadable = errors.New("the partition cannot be read")

// infoOf returns what the manifest says of a partition. It fails if the files are
// not those of the manifest.
func (r *recordingFold) infoOf(manifests map[string]*manifest, part partition) (*partInfo, error) {
	m := manifests[part.manifest()]
	if m == nil {
		m = &manifest{}
		if err := r.lake.own().readJSON(part.manifest(), m); err != nil {
			return nil, errors.Join(errUnreadable, err)
		}
		manifests[part.manifest()] = m
	}
	info := m.part(part)
	if info == nil {
		return nil, fmt.Errorf("%w: it is not in %s", errUnreadable, part.manifest())
	}
	for _, f := range []string{conversations.Name(), audio.Name()} {
		size, err := r.lake.sizeOf(r.lake.path(part.file(f)))
		if err != nil || size != info.files[f].Bytes {
			return nil, errors.Join(errUnreadable, err)
		}
	}
	return info, nil
}

// part writes the references of a partition again, if results change them.
func (r *recordingFold) part(ctx context.Context, part partition, info *partInfo, results resultsByID) (err error) {
	if len(results) == 0 {
		return nil
	}
	stored, err := r.lake.own().openPart(ctx, part, selection{
		conversations.Name(): {"conversation_id", "started_at", "missing_since"}, audio.Name(): nil,
	})
	if err != nil {
		return errors.Join(errUnreadable, err)
	}
	out := &audioWriter{
		temporary: r.temporary,
		part:      part,
		file:      newFile{format: audio},
		info:      &partInfo{maps.Clone(info.files), map[day]*dayInfo{}},
	}
	for d, counts := range info.days {
		out.info.days[d] = &dayInfo{Environments: counts.Environments}
	}
	r.lake.step("merge recordings")
	err = errors.Join(out.merge(ctx, stored, results), stored.close())
	if err != nil || !out.changed {
		out.abandon()
		return err
	}
	written, err := out.file.file.Close()
	r.commit.own(out.file.name)
	if err != nil {
		return err
	}
	r.commit.placeFile(out.file.name, part.file(audio.Name()), written)
	out.info.files[audio.Name()] = written
	r.infos[part] = out.info
	return nil
}

// audioWriter writes the references of a partition.
type audioWriter struct {
	temporary temporary
	part      partition
	file      newFile
	info      *partInfo
	changed   bool
}

// merge writes the stored references with the results merged into them.
func (d *audioWriter) merge(ctx context.Context, stored *partReader, results resultsByID) error {
	var rows warehouse.Rows
	for {
		more, err := stored.next(&rows)
		if err != nil {
			return errors.Join(errUnreadable, err)
		}
		if err := ctx.Err(); err != nil || !more {
			return err
		}
		merged, changed := mergeResults(&rows.Conversation, rows.Audio, results[rows.Conversation.ConversationID])
		rows.Audio, d.changed = merged, d.changed || changed
		d.info.day(d.part.dayOf(rows.Conversation.StartedAt)).countRecordings(&rows.Conversation, merged)
		for i := range merged {
			if err := d.file.add(d.temporary, &merged[i]); err != nil {
				return err
			}
		}
	}
}

func (d *audioWriter) abandon() {
	if d.file.file == nil {
		return
	}
	d.file.file.Abandon()
	_ = d.temporary.lake.files.Remove(d.temporary.lake.path(d.file.name)) // the next writer removes it otherwise
}

// build adds what belongs to the new files to the commit.
func (r *recordingFold) build(next *state) error {
	if len(r.infos) > 0 {
		if err := r.commit.putManifests(next, nil, r.infos); err != nil {
			return err
		}
	}
	if r.state != nil {
		next.recordings = slices.DeleteFunc(slices.Clone(next.recordings), func(s warehouse.RecordingState) bool { return s.ProjectID == r.project })
		next.recordings = append(next.recordings, *r.state)
		slices.SortFunc(next.recordings, func(a, b warehouse.RecordingState) int { return strings.Compare(a.ProjectID, b.ProjectID) })
		if err := putTable(r.commit, &warehouse.SyncRecordings, next.recordings); err != nil {
			return err
		}
	}
	if len(r.left) > 0 {
		name := r.lake.newResultsName(r.project, resultsNumber(r.names[len(r.names)-1])) + resultsSuffix
		text, err := (&resultsFile{results: r.left}).encode(nil)
		if err != nil {
			return err
		}
		err = r.commit.put(name, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, name := range r.names {
		r.commit.remove(name)
	}
	return nil
}
