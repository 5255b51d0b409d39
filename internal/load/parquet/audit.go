package parquet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Audit implements [load.Auditor]. It checks every partition that the range touches
// completely. Its memory is bounded by the ids of one partition and by the index.
func (l *Lake) Audit(ctx context.Context, project string, from, until warehouse.Timestamp, yield func(load.Fault) error) error {
	if version, err := l.version(); version == 0 || from >= until || err != nil {
		return err
	}
	span := daySpan{dayOf(from), dayOf(until - 1)}
	foreign, err := l.foreign(project, span)
	if err != nil {
		return err
	}
	parts, err := l.auditedParts(project, span)
	if err != nil {
		return err
	}
	if err := yieldAll(foreign, yield); err != nil {
		return err
	}
	known := newIndex(l)
	known.lenient = true
	for len(parts) > 0 {
		a, err := l.auditSettled(ctx, parts[0])
		if errors.Is(err, errRearranged) {
			if parts, err = l.auditedParts(project, daySpan{max(parts[0].first, span.first), span.last}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		parts = parts[1:]
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

func (s daySpan) overlaps(other daySpan) bool { return s.first <= other.last && other.first <= s.last }

// auditedPart is a partition to audit.
type auditedPart struct {
	partition
	extra bool // its rows belong to others, see [arranged]
}

// auditedParts lists the partitions of a project that occur in its manifests, its
// folders or the open-conversation queue. A day that is only in the queue is one.
func (l *Lake) auditedParts(project string, span daySpan) (parts []auditedPart, err error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	known := newLayouts(v)
	months := map[string]bool{}
	err = v.eachManifest(project, span, func(month string, _ *manifest) { months[month] = true })
	if errors.Is(err, fs.ErrPermission) { // a damaged manifest is found with its partitions
		return nil, err
	}
	for _, table := range startTables {
		folders, err := l.monthsOf(table, project)
		if err != nil {
			return nil, err
		}
		for _, month := range folders {
			months[month] = true
		}
	}
	for month := range months {
		days, err := monthSpan(month)
		if err != nil || days.last < span.first || days.first > span.last {
			continue // a folder of another name is foreign
		}
		a, err := known.month(project, month)
		if err != nil {
			return nil, err
		}
		for _, p := range a.parts {
			parts = append(parts, auditedPart{p, false})
		}
		for _, p := range a.extra {
			parts = append(parts, auditedPart{p, true})
		}
	}
	queued, err := v.queuedDays(known, project)
	parts = slices.DeleteFunc(append(parts, queued...), func(p auditedPart) bool { return p.last < span.first || p.first > span.last })
	slices.SortFunc(parts, func(a, b auditedPart) int { return comparePartitions(a.partition, b.partition) })
	return parts, err
}

// queuedDays lists the days of the open-conversation queue that no partition has.
func (v *view) queuedDays(known *layouts, project string) (days []auditedPart, err error) {
	queue, err := readLines(v, &warehouse.OpenConversations)
	for _, o := range queue {
		if o.ProjectID != project {
			continue
		}
		p, stored, unknown := known.at(project, dayOf(o.StartedAt))
		if err = cmp.Or(err, unknown); !stored && !slices.Contains(days, auditedPart{p, false}) {
			days = append(days, auditedPart{p, false})
		}
	}
	return days, err
}

// auditSettled audits a partition as of one commit: if it finds faults while
// commits begin or end, it audits the partition again. It fails with errRearranged
// if the partition is no longer stored.
func (l *Lake) auditSettled(ctx context.Context, p auditedPart) (*partAudit, error) {
	for {
		v, err := l.view()
		if err != nil {
			return nil, err
		}
		a := newPartAudit(v, p)
		err = a.do(ctx)
		settled := err == nil && (len(a.faults) == 0 || v.unchanged() && a.current())
		if settled && len(a.faults) > 0 && !p.extra {
			var now arranged
			now, err = v.arrange(p.project, p.month())
			if err == nil && slices.ContainsFunc(now.parts, func(n partition) bool { return n != p.partition && n.overlaps(p.partition) }) {
				err = errRearranged
			}
		}
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

// copiesOf finds the conversations of a partition that are also stored in another
// one. If both are in the span, only the earlier one reports it.
func (l *Lake) copiesOf(ctx context.Context, a *partAudit, known *index, span daySpan) (all []copied, err error) {
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
	if !a.extra {
		known.put(a.part, hashes)
	}
	found, err := known.find(ctx, a.part.project, a.part.span(), hashes)
	if err != nil {
		return nil, err
	}
	for other := range found {
		if other == a.part || !a.extra && span.overlaps(other.span()) && other.first < a.part.first {
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

// copies returns the conversations of a partition that are also stored in another
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
		if e.IsDir() {
			days, isMonth := monthOfFolder(path.Base(name))
			if isMonth && path.Dir(name) == folder && !days.overlaps(span) {
				return fs.SkipDir
			}
			return nil
		}
		if p, ok := partitionOf(name); ok && name == p.file(table) {
			return nil
		}
		f := load.Fault{Kind: load.FaultForeignFile, Table: table, Path: name}
		if days, isMonth := monthOfFolder(path.Base(path.Dir(name))); isMonth && path.Dir(path.Dir(name)) == folder {
			f.StartedAt = warehouse.TimestampOf(days.first.time())
		}
		*faults = append(*faults, f)
		return nil
	})
}

// monthOfFolder returns the days of the month of a folder of that name.
func monthOfFolder(name string) (daySpan, bool) {
	month, ok := strings.CutPrefix(name, monthColumn+"=")
	days, err := monthSpan(month)
	return days, ok && err == nil
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
