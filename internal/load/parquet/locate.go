package parquet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

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

// index finds the partition in which a conversation is stored, for an audit. It
// reads the ids of a partition once, when they are first needed, and keeps their
// hashes. A run uses the log of ids instead; see idLog.
type index struct {
	lake  *Lake
	parts map[string]map[partition]bool // stored partitions of each project
	ids   map[partition][]uint64        // sorted
	total int
	// lenient treats a partition that cannot be read as empty.
	lenient bool
}

func newIndex(l *Lake) *index {
	return &index{lake: l, parts: map[string]map[partition]bool{}, ids: map[partition][]uint64{}}
}

// stored lists the stored partitions of a project.
func (x *index) stored(project string) (map[partition]bool, error) {
	if parts := x.parts[project]; parts != nil {
		return parts, nil
	}
	months, err := x.lake.monthsOf(conversations.Name(), project)
	if err != nil {
		return nil, err
	}
	parts := map[partition]bool{}
	for _, month := range months {
		a, err := x.lake.own().arrange(project, month)
		if err != nil {
			return nil, err
		}
		for _, p := range a.parts {
			parts[p] = true
		}
	}
	x.parts[project] = parts
	return parts, nil
}

// find returns the partitions that may have conversations of the project, by
// the sorted hashes of their ids. It searches the days of their starts, and the
// days around them, the nearest first: at least movedDays on both sides, and
// farther until maxIndexed conversations were searched. A conversation that it
// does not return is on none of these days. One that it returns may be another
// with the same hash.
func (x *index) find(ctx context.Context, project string, days daySpan, hashes []uint64) (map[partition][]uint64, error) {
	stored, err := x.stored(project)
	if err != nil {
		return nil, err
	}
	distance := func(p partition) day { return max(days.first-p.last, p.first-days.last, 0) }
	parts := slices.SortedFunc(maps.Keys(stored), func(a, b partition) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), comparePartitions(b, a))
	})
	found := map[partition][]uint64{}
	looked := 0
	for _, p := range parts {
		if distance(p) > movedDays && looked >= maxIndexed {
			break
		}
		ids, err := x.load(ctx, p)
		if err != nil {
			return nil, err
		}
		if both := intersect(hashes, ids); len(both) > 0 {
			found[p] = both
		}
		looked += len(ids)
	}
	x.forget(project, func(p partition) bool { return looked >= maxIndexed && distance(p) > movedDays })
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
	if parts := x.parts[p.project]; parts != nil {
		if len(ids) > 0 {
			parts[p] = true
		} else {
			delete(parts, p)
		}
	}
	x.total += len(ids) - len(x.ids[p])
	x.ids[p] = ids
}

// forget bounds the ids in memory: it drops those of other projects, and of far
// partitions of this one.
func (x *index) forget(project string, far func(partition) bool) {
	for p, ids := range x.ids {
		if x.total > maxIndexed && (p.project != project || far(p)) {
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
