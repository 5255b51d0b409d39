package parquet

import (
	"cmp"
	"maps"
	"slices"

	"convsync/internal/warehouse"
)

// sizes are limits, in bytes of all tables of a partition, by which days share a
// partition. A partition is written as a whole, so a large one must not have days
// that still change with every run.
type sizes struct {
	// thin is the size up to which new days share one partition with all days around
	// them, that is a whole month of a quiet project.
	thin int64
	// dense is the size from which a day that is not settled has a partition of its
	// own, unless all days around it are thin together.
	dense int64
	// hot is the size from which a partition with days that are not settled is
	// divided.
	hot int64
	// enough is the size from which a partition is not merged with others: few files
	// would be saved, and all of its rows written once more.
	enough int64
	// target is the most that settled days of one partition have together. A day is
	// never divided.
	target int64
}

// The sizes were chosen by what they mean for a project, not measured one by one:
// thin and dense keep the files of a quiet month and of a usual day whole, hot
// bounds what a run writes again, and target is a usual size of files in a lake.
var defaultSizes = sizes{
	thin:   2 << 20,
	dense:  512 << 10,
	hot:    4 << 20,
	enough: 16 << 20,
	target: 32 << 20,
}

const (
	// settledAfter is the number of days after which a day counts as settled: it is
	// outside of the default lookback.
	settledAfter = 8
	// encodedRatio is about the size of staged rows divided by that of their Parquet
	// files.
	encodedRatio = 3
	// edgeRatio tells a day at the edge of what a window has read, of which it has a
	// few seconds only, from those that were read completely: its size is less than
	// this part of the average.
	edgeRatio = 16
)

// mergedAtOnce is the size of the partitions that a run merges at its end.
const mergedAtOnce = 256 << 20

// dayLoad is the estimated size of a day in a partition.
type dayLoad struct {
	day   day
	bytes int64
}

func sumLoads(days []dayLoad) (n int64) {
	for _, d := range days {
		n += d.bytes
	}
	return n
}

// group divides days, which are in order, into ranges for partitions. room are
// the days that they may have.
func (s *sizes) group(days []dayLoad, room daySpan, settledBefore day) (spans []daySpan) {
	total := sumLoads(days)
	if total <= s.thin {
		return []daySpan{room}
	}
	average := total / int64(len(days))
	alone := func(i int) bool {
		if days[i].day >= settledBefore {
			return days[i].bytes >= s.dense
		}
		return (i == 0 || i == len(days)-1) && days[i].bytes < average/edgeRatio
	}
	size := int64(0)
	for i, d := range days {
		settled, limit := d.day < settledBefore, s.thin
		if settled {
			limit = s.target
		}
		joins := i > 0 && !alone(i) && !alone(i-1) && settled == (days[i-1].day < settledBefore) && size+d.bytes <= limit
		if !joins {
			spans, size = append(spans, daySpan{d.day, d.day}), 0
		}
		spans[len(spans)-1].last = d.day
		size += d.bytes
	}
	return spans
}

// plan returns the changes with the partitions that they read and write.
func (p *publication) plan() (changes []*partChange, err error) {
	for _, part := range slices.SortedFunc(maps.Keys(p.parts), comparePartitions) {
		c := p.parts[part]
		c.old = []partition{part}
		if c.new, err = p.divide(part, c); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	assigned, err := p.assign()
	return append(changes, assigned...), err
}

// settledBefore returns the first day that is not settled.
func settledBefore(at warehouse.Timestamp) day { return dayOf(at) - settledAfter }

// divide returns the new partitions of a changed one: mostly itself. It is divided
// if it is too large to be written with each change.
func (p *publication) divide(part partition, c *partChange) ([]partition, error) {
	a, err := p.layouts.month(part.project, part.month())
	if err != nil {
		return nil, err
	}
	if slices.Contains(a.extra, part) {
		return nil, nil // its rows are put elsewhere
	}
	if part.days() == 1 || c.afresh {
		return []partition{part}, nil
	}
	var m manifest
	if err := p.lake.own().readJSON(part.manifest(), &m); err != nil {
		return nil, err
	}
	days := loadsOf(m.part(part), c.put)
	total, settled := sumLoads(days), settledBefore(p.window.At)
	if total <= p.lake.sizes.hot {
		return []partition{part}, nil
	}
	filled := part.first == days[0].day && part.last == days[len(days)-1].day
	if filled && part.last < settled && total <= p.lake.sizes.target {
		return []partition{part}, nil
	}
	return partitions(part.project, p.lake.sizes.group(days, part.span(), settled)), nil
}

// loadsOf estimates the sizes of the days of a partition, and of conversations
// that are added.
func loadsOf(info *partInfo, put []*entry) []dayLoad {
	sizes := map[day]int64{}
	for i := range put {
		sizes[put[i].day()] += int64(put[i].length) / encodedRatio
	}
	if info != nil {
		total := int64(0)
		for _, d := range info.days {
			total += d.conversations()
		}
		for d, counts := range info.days {
			sizes[d] += info.bytes() * counts.conversations() / max(total, 1)
		}
	}
	days := make([]dayLoad, 0, len(sizes))
	for d, n := range sizes {
		days = append(days, dayLoad{d, n})
	}
	slices.SortFunc(days, func(a, b dayLoad) int { return cmp.Compare(a.day, b.day) })
	return days
}

func partitions(project string, spans []daySpan) (parts []partition) {
	for _, s := range spans {
		parts = append(parts, partition{project, s.first, s.last})
	}
	return parts
}

// assign gives partitions to the days that have none.
func (p *publication) assign() (changes []*partChange, err error) {
	type gap struct {
		project string
		room    daySpan
	}
	gaps := map[gap][]*entry{}
	for part, c := range p.fresh {
		a, err := p.layouts.month(part.project, part.month())
		if err != nil {
			return nil, err
		}
		g := gap{part.project, a.gap(part.first)}
		gaps[g] = append(gaps[g], c.put...)
	}
	for g, put := range gaps {
		spans := p.lake.sizes.group(loadsOf(nil, put), g.room, settledBefore(p.window.At))
		for _, part := range partitions(g.project, spans) {
			c := newPartChange(part.project)
			c.new = []partition{part}
			for i := range put {
				if part.has(put[i].day()) {
					c.put = append(c.put, put[i])
				}
			}
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b *partChange) int { return comparePartitions(a.new[0], b.new[0]) })
	return changes, nil
}

// gap returns the days around one that has no partition which have none either.
func (a *arranged) gap(d day) daySpan {
	room := d.monthSpan()
	for _, p := range a.parts {
		if p.last < d {
			room.first = max(room.first, p.last+1)
		} else {
			room.last = min(room.last, p.first-1)
		}
	}
	return room
}
