package parquet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

// monthColumn is the folder of the partitions of a month.
const monthColumn = "started_month"

const fileSuffix = ".parquet"

// partition is a project and a range of UTC days of one month, both ends
// included: a file in each table that has rows. The range is assigned, and its
// days need not all have rows. The partitions of a project do not overlap.
type partition struct {
	project     string
	first, last day
}

// dayPartition is the partition of one day.
func dayPartition(project string, d day) partition { return partition{project, d, d} }

// span returns the days of the partition.
func (p partition) span() daySpan { return daySpan{p.first, p.last} }

func (p partition) has(d day) bool { return p.span().has(d) }

// days returns the number of days.
func (p partition) days() int { return int(p.last-p.first) + 1 }

func (p partition) month() string { return p.first.month() }

// from and until are the half-open range of the starts of its conversations.
func (p partition) from() warehouse.Timestamp { return warehouse.TimestampOf(p.first.time()) }

func (p partition) until() warehouse.Timestamp {
	return warehouse.TimestampOf(p.last.time()) + dayMicros
}

// dayOf returns the day under which a conversation of the partition is counted.
// That is the day of its start, except in a damaged lake.
func (p partition) dayOf(start warehouse.Timestamp) day {
	return min(max(dayOf(start), p.first), p.last)
}

// name returns the name of the partition within its month: "d17" or "d01-30".
func (p partition) name() string {
	if p.first == p.last {
		return fmt.Sprintf("d%02d", p.first.time().Day())
	}
	return fmt.Sprintf("d%02d-%02d", p.first.time().Day(), p.last.time().Day())
}

// monthFolder returns the name of the folder of a month of a table.
func monthFolder(table, project, month string) string {
	return table + "/" + projectDir(project) + "/" + monthColumn + "=" + month
}

// folder returns the name of the folder with the partition's file of a table.
func (p partition) folder(table string) string { return monthFolder(table, p.project, p.month()) }

// file returns the name of the partition's file of a table.
func (p partition) file(table string) string { return p.folder(table) + "/" + p.name() + fileSuffix }

// manifest returns the name of the manifest of the partition's month.
func (p partition) manifest() string { return manifestFile(p.project, p.month()) }

func manifestFile(project, month string) string {
	return manifestDir + "/" + projectDir(project) + "/" + month + ".json"
}

// monthSpan returns the days of a month.
func monthSpan(month string) (daySpan, error) {
	first, err := parseDay(month + "-01")
	if err != nil {
		return daySpan{}, err
	}
	return first.monthSpan(), nil
}

// monthSpan returns the days of the month of a day.
func (d day) monthSpan() daySpan {
	t := d.time()
	first := d - day(t.Day()-1)
	return daySpan{first, asDay(first.time().AddDate(0, 1, -1))}
}

// namedPartition returns the partition of a name within a month.
func namedPartition(project, month, name string) (p partition, ok bool) {
	span, err := monthSpan(month)
	if err != nil {
		return p, false
	}
	var first, last int
	if n, _ := fmt.Sscanf(name, "d%02d-%02d", &first, &last); n == 1 {
		last = first
	}
	p = partition{project, span.first + day(first) - 1, span.first + day(last) - 1}
	return p, first >= 1 && p.first <= p.last && p.last <= span.last && p.name() == name
}

// partitionOf returns the partition that a file belongs to.
func partitionOf(name string) (p partition, ok bool) {
	project, known := projectOf(name)
	month, inMonth := strings.CutPrefix(path.Base(path.Dir(name)), monthColumn+"=")
	base, isFile := strings.CutSuffix(path.Base(name), fileSuffix)
	if !known || !inMonth || !isFile {
		return p, false
	}
	return namedPartition(project, month, base)
}

// isPartition reports whether a name is that of a partition's file.
func isPartition(name string) bool {
	_, ok := partitionOf(name)
	return ok
}

// comparePartitions orders partitions by project and first day. Of two with the same
// first day, the longer one is first.
func comparePartitions(a, b partition) int {
	return cmp.Or(strings.Compare(a.project, b.project), cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last))
}

// overlaps reports whether two partitions have a day in common.
func (p partition) overlaps(other partition) bool {
	return p.project == other.project && p.span().overlaps(other.span())
}

// monthsOf lists the months for which a table has a folder of a project.
func (l *Lake) monthsOf(table, project string) (months []string, err error) {
	folder := l.path(table + "/" + projectDir(project))
	entries, err := l.files.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+folder, err)
	}
	for _, e := range entries {
		if month, ok := strings.CutPrefix(e.Name(), monthColumn+"="); ok {
			months = append(months, month)
		}
	}
	return months, nil
}

// partitionsIn lists the partitions that have a file in a table's folder of a
// month.
func (l *Lake) partitionsIn(table, project, month string) (found []partition, err error) {
	folder := l.path(monthFolder(table, project, month))
	entries, err := l.files.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+folder, err)
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), fileSuffix)
		if p, named := namedPartition(project, month, base); ok && named {
			found = append(found, p)
		}
	}
	return found, nil
}

// partitionsOf lists the partitions that have a file in a table.
func (l *Lake) partitionsOf(table, project string) (map[partition]bool, error) {
	months, err := l.monthsOf(table, project)
	all := map[partition]bool{}
	for _, month := range months {
		found, failed := l.partitionsIn(table, project, month)
		err = cmp.Or(err, failed)
		for _, p := range found {
			all[p] = true
		}
	}
	return all, err
}

// arranged are the partitions of a month.
type arranged struct {
	parts []partition // ordered; they do not overlap
	// extra have files, but are in no manifest and overlap others: they are left
	// over in a copy of the lake that was made during a write. Their rows belong to
	// the others.
	extra []partition
}

// arrange returns the partitions of a month: those of the manifest, and of the
// others that have files the ones that do not overlap them.
func arrange(listed, found []partition) (a arranged) {
	slices.SortFunc(listed, comparePartitions)
	slices.SortFunc(found, comparePartitions)
	for _, p := range slices.Concat(listed, found) {
		switch {
		case slices.Contains(a.parts, p) || slices.Contains(a.extra, p):
		case slices.ContainsFunc(a.parts, p.overlaps):
			a.extra = append(a.extra, p)
		default:
			a.parts = append(a.parts, p)
		}
	}
	slices.SortFunc(a.parts, comparePartitions)
	return a
}

// arrange returns the partitions of a month. A manifest that cannot be read lists
// none: a writer that needs it fails when it reads it again.
func (v *view) arrange(project, month string) (arranged, error) {
	var m manifest
	if err := v.readJSON(manifestFile(project, month), &m); isPassing(err) {
		return arranged{}, err
	} else if err != nil {
		m = manifest{}
	}
	found := map[partition]bool{}
	for _, table := range startTables {
		in, err := v.lake.partitionsIn(table, project, month)
		if err != nil {
			return arranged{}, err
		}
		for _, p := range in {
			found[p] = true
		}
	}
	return arrange(m.parts(project, month), slices.Collect(maps.Keys(found))), nil
}

// layouts finds the partitions of days. It caches those of the months that were
// needed.
type layouts struct {
	view   *view
	months map[projectMonth]arranged
	last   partition // found last: many conversations of one are looked up in a row
}

type projectMonth struct{ project, month string }

func newLayouts(v *view) *layouts {
	return &layouts{view: v, months: map[projectMonth]arranged{}, last: noPartition}
}

// noPartition has no days.
var noPartition = partition{first: 0, last: -1}

// month returns the partitions of a month.
func (x *layouts) month(project, month string) (arranged, error) {
	of := projectMonth{project, month}
	if a, ok := x.months[of]; ok {
		return a, nil
	}
	a, err := x.view.arrange(project, month)
	if err == nil {
		x.months[of] = a
	}
	return a, err
}

// at returns the partition that has a day. If there is none, it returns one of
// that day, and false.
func (x *layouts) at(project string, d day) (partition, bool, error) {
	if x.last.project == project && x.last.has(d) {
		return x.last, true, nil
	}
	a, err := x.month(project, d.month())
	for _, p := range a.parts {
		if p.has(d) {
			x.last = p
			return p, true, err
		}
	}
	return dayPartition(project, d), false, err
}

// forget drops a month that has changed.
func (x *layouts) forget(project, month string) {
	delete(x.months, projectMonth{project, month})
	x.last = noPartition
}
