package parquet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// settle merges partitions of days that no longer change with every run, at the
// end of a run. What it cannot read is left to the repair of a later run, and what has
// no room on the disk stays as it is, and so does what is left when ctx is canceled: a
// run that is stopped has to end soon.
func (w *writer) settle(ctx context.Context, run *warehouse.SyncRun) error {
	left := int64(mergedAtOnce)
	for _, of := range slices.SortedFunc(maps.Keys(w.mergeable), func(a, b projectMonth) int {
		return cmp.Or(strings.Compare(a.project, b.project), strings.Compare(a.month, b.month))
	}) {
		a, err := w.layouts.month(of.project, of.month)
		if err != nil || len(a.parts) < 2 {
			continue
		}
		err = w.settleMonth(ctx, run, a.parts, &left)
		if ctx.Err() != nil && w.broken == nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	w.mergeable = map[projectMonth]bool{}
	return nil
}

// noteMergeable finds the months of an inventory that have partitions to merge, so
// that the end of a run does not read the others again.
func (w *writer) noteMergeable(a *inventory, at warehouse.Timestamp) {
	for name, m := range a.manifests {
		month := manifestMonth(name)
		var stored []storedPart
		for _, p := range m.parts(a.project, month) {
			stored = append(stored, storedPart{p, m.part(p)})
		}
		slices.SortFunc(stored, func(a, b storedPart) int { return comparePartitions(a.partition, b.partition) })
		if len(w.lake.sizes.merges(stored, settledBefore(at))) > 0 {
			w.mergeable[projectMonth{a.project, month}] = true
		}
	}
}

// settleMonth merges partitions of a month, in one commit.
func (w *writer) settleMonth(ctx context.Context, run *warehouse.SyncRun, parts []partition, left *int64) error {
	var m manifest
	project := parts[0].project
	if w.lake.own().readJSON(parts[0].manifest(), &m) != nil {
		return nil
	}
	var stored []storedPart
	for _, p := range parts {
		info := m.part(p)
		if info == nil {
			return nil // it will be repaired
		}
		stored = append(stored, storedPart{p, info})
	}
	p := &publication{
		writer: w,
		commit: w.newCommit(),
		window: &load.Window{Feed: load.Feed{ProjectID: project}, RunID: run.RunID, At: run.StartedAt},
		counts: load.Counts{Rows: map[string]int64{}},

		digests: knownDigests{lake: w.lake},
	}
	defer p.commit.discard()
	var changes []*partChange
	for _, group := range w.lake.sizes.merges(stored, settledBefore(run.StartedAt)) {
		size := int64(0)
		for _, s := range group {
			size += s.info.bytes()
		}
		if size > *left {
			continue
		}
		*left -= size
		changes = append(changes, mergeOf(group, len(group) == len(stored) && size <= w.lake.sizes.thin))
	}
	if len(changes) == 0 {
		return nil
	}
	if err := p.state.load(w.lake, project); err != nil {
		return err
	}
	err := p.rewrite(ctx, changes)
	if err != nil && ctx.Err() == nil && w.broken == nil && !isPassing(err) && (isDamage(err) || errors.Is(err, syscall.ENOSPC)) {
		return nil
	}
	return err
}

// isDamage reports whether an error is that of a file that cannot be read.
func isDamage(err error) bool {
	var state *load.StateError
	return errors.As(err, &state) && state.Err != nil
}

// mergeOf is the change that makes one partition of several. whole makes it that of
// the whole month.
func mergeOf(group []storedPart, whole bool) *partChange {
	c := newPartChange(group[0].project)
	for _, s := range group {
		c.old = append(c.old, s.partition)
	}
	days := daySpan{group[0].first, group[len(group)-1].last}
	if whole {
		days = days.first.monthSpan()
	}
	c.new = []partition{{c.project, days.first, days.last}}
	return c
}

// merges groups neighbors of a month that are to be merged: small ones, and
// settled ones that are not large enough, up to the target size. Until the month is settled, they are merged
// only if none has more than half of the bytes, so that each byte is written a few
// times and not once for each day.
func (s *sizes) merges(parts []storedPart, settledBefore day) (groups [][]storedPart) {
	if len(parts) == 0 { // a damaged manifest, or one without partitions
		return nil
	}
	whole := parts[0].first.monthSpan().last < settledBefore
	for len(parts) > 0 {
		size, largest := parts[0].info.bytes(), parts[0].info.bytes()
		n := 1
		for ; n < len(parts); n++ {
			more := parts[n].info.bytes()
			settled := parts[n].last < settledBefore && max(largest, more) < s.enough && size+more <= s.target
			if !settled && size+more > s.dense {
				break
			}
			size, largest = size+more, max(largest, more)
		}
		if n == 1 || !whole && size > s.dense && 2*largest > size {
			n = 1
		} else {
			groups = append(groups, slices.Clone(parts[:n]))
		}
		parts = parts[n:]
	}
	return groups
}
