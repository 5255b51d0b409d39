package parquet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Audit implements [load.Auditor]. It checks every day that the range touches
// completely. Its memory is bounded by the ids of one day and by the index.
func (l *Lake) Audit(ctx context.Context, project string, from, until warehouse.Timestamp, yield func(load.Fault) error) error {
	if version, err := l.version(); version == 0 || from >= until || err != nil {
		return err
	}
	span := daySpan{dayOf(from), dayOf(until - 1)}
	foreign, err := l.foreign(project, span)
	if err != nil {
		return err
	}
	days, err := l.auditedDays(project, span)
	if err != nil {
		return err
	}
	if err := yieldAll(foreign, yield); err != nil {
		return err
	}
	known := newIndex(l)
	known.lenient = true
	for _, d := range days {
		a, err := l.auditSettled(ctx, partition{project, d})
		if err != nil {
			return err
		}
		copies, err := l.copiesOf(ctx, a, known, span)
		if err != nil {
			return err
		}
		faults := a.faults
		for _, c := range copies {
			faults = append(faults, c.Fault)
		}
		if err := yieldAll(faults, yield); err != nil {
			return err
		}
	}
	return nil
}

func yieldAll(faults []load.Fault, yield func(load.Fault) error) error {
	for _, f := range faults {
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

// daySpan is a range of days, both ends included.
type daySpan struct{ first, last day }

func (s daySpan) has(d day) bool { return d >= s.first && d <= s.last }

// auditedDays lists the days of a project that occur in its manifests, its
// folders or the open-conversation queue.
func (l *Lake) auditedDays(project string, span daySpan) ([]day, error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	days := map[day]bool{}
	err = v.eachManifest(project, max(span.first, firstDay), min(span.last, lastDay), func(m *manifest) {
		for date := range m.Days {
			if d, err := parseDay(date); err == nil {
				days[d] = true
			}
		}
	})
	if errors.Is(err, fs.ErrPermission) { // a damaged manifest is found with its days
		return nil, err
	}
	for _, table := range startTables {
		entries, err := l.files.ReadDir(l.path(table + "/" + projectDir(project)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, failed("cannot read "+l.path(table), err)
		}
		for _, e := range entries {
			if d, ok := dayOfFolder(e.Name()); ok {
				days[d] = true
			}
		}
	}
	queue, err := readLines(v, &warehouse.OpenConversations)
	for _, o := range queue {
		if o.ProjectID == project {
			days[dayOf(o.StartedAt)] = true
		}
	}
	maps.DeleteFunc(days, func(d day, _ bool) bool { return !span.has(d) })
	return slices.Sorted(maps.Keys(days)), err
}

func dayOfFolder(name string) (day, bool) {
	date, ok := strings.CutPrefix(name, "started_date=")
	d, err := parseDay(date)
	return d, ok && err == nil
}

// auditSettled audits a day as of one commit: if it finds faults while commits
// begin or end, it audits the day again.
func (l *Lake) auditSettled(ctx context.Context, p partition) (*dayAudit, error) {
	for {
		v, err := l.view()
		if err != nil {
			return nil, err
		}
		a := newDayAudit(v, p)
		err = a.do(ctx)
		settled := err == nil && (len(a.faults) == 0 || v.unchanged() && a.current())
		if err := errors.Join(err, v.close(), ctx.Err()); err != nil || settled {
			return a, err
		}
	}
}

// copied is a conversation that is also stored in another partition.
type copied struct {
	load.Fault
	in partition
}

// copiesOf finds the conversations of a day that are also stored on another
// day. If both days are in the span, only the earlier one reports it.
func (l *Lake) copiesOf(ctx context.Context, a *dayAudit, known *index, span daySpan) (all []copied, err error) {
	if len(a.starts) == 0 {
		return nil, nil
	}
	if _, err := known.stored(a.part.project); err != nil {
		return nil, err
	}
	hashes := make([]uint64, 0, len(a.starts))
	for id := range a.starts {
		hashes = append(hashes, warehouse.HashID(id))
	}
	slices.Sort(hashes)
	known.put(a.part, hashes)
	found, err := known.find(ctx, a.part.project, a.part.day, a.part.day, hashes)
	if err != nil {
		return nil, err
	}
	for other := range found {
		if other == a.part || span.has(other.day) && other.day < a.part.day {
			continue
		}
		copies, err := l.copies(ctx, a.part, other)
		if err == nil && len(copies) > 0 { // a conversation that was being moved is stored once by now
			copies, err = l.copies(ctx, a.part, other)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, copies...)
	}
	slices.SortFunc(all, func(a, b copied) int {
		return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// copies returns the conversations of a day that are also stored on another
// one.
func (l *Lake) copies(ctx context.Context, of, other partition) (all []copied, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	ids := map[string]bool{}
	err = v.scan(ctx, of, func(c *warehouse.Conversation) { ids[c.ConversationID] = true }, "conversation_id")
	if err != nil {
		return nil, err
	}
	err = v.scan(ctx, other, func(c *warehouse.Conversation) {
		if ids[c.ConversationID] {
			all = append(all, copied{load.Fault{Kind: load.FaultSecondCopy, Table: conversations.Name(),
				ID: strings.Clone(c.ConversationID), StartedAt: c.StartedAt}, other})
		}
	}, "conversation_id", "started_at")
	return all, err
}

// foreign lists the files under the tables' folders that do not belong to the
// lake: those in a project's folder, and for the first project also those
// outside all project folders.
func (l *Lake) foreign(project string, span daySpan) (faults []load.Fault, err error) {
	first, err := l.isFirst(project)
	if err != nil {
		return nil, err
	}
	for _, s := range warehouse.Specs() {
		if first {
			if err := l.foreignAbove(s, &faults); err != nil {
				return nil, err
			}
		}
		if s.ByStart {
			if err := l.foreignOf(s.Name, project, span, &faults); err != nil {
				return nil, err
			}
		}
	}
	return faults, nil
}

// isFirst reports whether a project is the first registered one.
func (l *Lake) isFirst(project string) (bool, error) {
	v, err := l.view()
	if err != nil {
		return false, err
	}
	projects, err := readLines(v, &warehouse.Projects)
	for _, p := range projects {
		if p.ProjectID < project {
			return false, errors.Join(err, v.close())
		}
	}
	return true, errors.Join(err, v.close())
}

// foreignAbove lists the foreign files of a table that are in no project's
// folder.
func (l *Lake) foreignAbove(s warehouse.Spec, faults *[]load.Fault) error {
	return l.walk(s.Name, func(name string, e fs.DirEntry) error {
		inside, _ := filepath.Rel(s.Name, name)
		switch {
		case e.IsDir() && s.ByStart && strings.HasPrefix(inside, partitionColumn+"="):
			return fs.SkipDir
		case !e.IsDir() && (s.ByStart || inside != partName):
			*faults = append(*faults, load.Fault{Kind: load.FaultForeignFile, Table: s.Name, Path: name})
		}
		return nil
	})
}

// foreignOf lists the foreign files of a table in a project's folder.
func (l *Lake) foreignOf(table, project string, span daySpan, faults *[]load.Fault) error {
	folder := table + "/" + projectDir(project)
	return l.walk(folder, func(name string, e fs.DirEntry) error {
		d, isDay := dayOfFolder(path.Base(name))
		if e.IsDir() {
			if isDay && path.Dir(name) == folder && !span.has(d) {
				return fs.SkipDir
			}
			return nil
		}
		d, isDay = dayOfFolder(path.Base(path.Dir(name)))
		isDay = isDay && path.Dir(path.Dir(name)) == folder
		if isDay && path.Base(name) == partName {
			return nil
		}
		f := load.Fault{Kind: load.FaultForeignFile, Table: table, Path: name}
		if isDay {
			f.StartedAt = warehouse.TimestampOf(d.time())
		}
		*faults = append(*faults, f)
		return nil
	})
}

// walk visits everything under a folder of the lake. Names are relative to the
// lake and have slashes.
func (l *Lake) walk(folder string, visit func(name string, e fs.DirEntry) error) error {
	err := l.files.WalkDir(l.path(folder), func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // a commit has just moved or removed it
				return nil
			}
			return err
		}
		inside, err := filepath.Rel(l.root, name)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(inside), e)
	})
	return failed("cannot read "+l.path(folder), err)
}

// Erased implements [load.Auditor].
func (l *Lake) Erased(_ context.Context, project string, ids []string) (erased []string, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	tombstones, err := readLines(v, &warehouse.Erasures)
	for _, t := range tombstones {
		if t.ProjectID == project && slices.Contains(ids, t.ConversationID) {
			erased = append(erased, t.ConversationID)
		}
	}
	return erased, errors.Join(err, v.close())
}
