package parquet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"convsync/internal/warehouse"
)

const (
	// movedDays is the number of days by which the start of a stored conversation
	// may move so that it is still certain to be found.
	movedDays = 8
	// maxIndexed is the number of conversations that are searched for one that
	// moved farther. Their hashes are kept in memory.
	maxIndexed = 2 << 20
)

// index finds the day on which a conversation is stored, for an audit. It reads
// the ids of a day once, when they are first needed, and keeps their hashes. A
// run uses the log of ids instead; see idLog.
type index struct {
	lake  *Lake
	days  map[string]map[day]bool // stored days of each project
	ids   map[partition][]uint64  // sorted
	total int
	// lenient treats a day that cannot be read as empty.
	lenient bool
}

func newIndex(l *Lake) *index {
	return &index{lake: l, days: map[string]map[day]bool{}, ids: map[partition][]uint64{}}
}

// stored lists the stored days of a project.
func (x *index) stored(project string) (map[day]bool, error) {
	if days := x.days[project]; days != nil {
		return days, nil
	}
	days, err := x.lake.folderDays(conversations.Name(), project)
	if err != nil {
		return nil, err
	}
	x.days[project] = days
	return days, nil
}

// folderDays lists the days for which a table has a folder.
func (l *Lake) folderDays(table, project string) (map[day]bool, error) {
	folder := l.path(table + "/" + projectDir(project))
	entries, err := l.files.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed("cannot read "+folder, err)
	}
	days := map[day]bool{}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "started_date=")
		if d, err := parseDay(name); ok && err == nil {
			days[d] = true
		}
	}
	return days, nil
}

// find returns the partitions that may have conversations of the project, by
// the sorted hashes of their ids. It searches the days of their starts, from
// first to last, and the days around them, the nearest first: at least
// movedDays on both sides, and farther until maxIndexed conversations were
// searched. A conversation that it does not return is on none of these days.
// One that it returns may be another with the same hash.
func (x *index) find(ctx context.Context, project string, first, last day, hashes []uint64) (map[partition][]uint64, error) {
	stored, err := x.stored(project)
	if err != nil {
		return nil, err
	}
	distance := func(d day) day { return max(first-d, d-last, 0) }
	days := slices.SortedFunc(maps.Keys(stored), func(a, b day) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(b, a))
	})
	found := map[partition][]uint64{}
	looked := 0
	for _, d := range days {
		if distance(d) > movedDays && looked >= maxIndexed {
			break
		}
		p := partition{project, d}
		ids, err := x.load(ctx, p)
		if err != nil {
			return nil, err
		}
		if both := intersect(hashes, ids); len(both) > 0 {
			found[p] = both
		}
		looked += len(ids)
	}
	x.forget(project, func(d day) bool { return looked >= maxIndexed && distance(d) > movedDays })
	return found, nil
}

// intersect returns the values that are in both of two sorted lists.
func intersect(a, b []uint64) (both []uint64) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			both = append(both, a[0])
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return both
}

func (x *index) load(ctx context.Context, p partition) ([]uint64, error) {
	if ids, ok := x.ids[p]; ok {
		return ids, nil
	}
	var ids []uint64
	err := x.lake.own().scan(ctx, p, func(c *warehouse.Conversation) {
		ids = append(ids, warehouse.HashID(c.ConversationID))
	}, "conversation_id")
	if err != nil && (!x.lenient || ctx.Err() != nil) {
		return nil, err
	}
	slices.Sort(ids)
	x.put(p, ids)
	return ids, nil
}

// put records the ids, sorted by hash, that a partition now has.
func (x *index) put(p partition, ids []uint64) {
	if days := x.days[p.project]; days != nil {
		if len(ids) > 0 {
			days[p.day] = true
		} else {
			delete(days, p.day)
		}
	}
	x.total += len(ids) - len(x.ids[p])
	x.ids[p] = ids
}

// forget bounds the ids in memory: it drops those of other projects, and of far
// days of this one.
func (x *index) forget(project string, far func(day) bool) {
	for p, ids := range x.ids {
		if x.total > maxIndexed && (p.project != project || far(p.day)) {
			x.total -= len(ids)
			delete(x.ids, p)
		}
	}
}

// scan reads some columns of the conversations of a partition.
func (v *view) scan(ctx context.Context, p partition, do func(*warehouse.Conversation), columns ...string) (err error) {
	r, err := openFile(ctx, v, conversations, p.file(conversations.Name()), p.project, columns...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.each(func(row any) { do(row.(*warehouse.Conversation)) })
}
