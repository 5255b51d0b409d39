package parquet

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
)

// idLog answers on which day a conversation is stored, from the log of ids: it
// opens no day.
type idLog struct {
	lake  *Lake
	days  map[string]map[day]bool // of each project, those that are stored
	years map[projectYear][]byte  // of the log of ids, as far as they were read
	total int64                   // bytes in years
}

type projectYear struct{ project, year string }

func newIDLog(l *Lake) *idLog {
	return &idLog{lake: l, days: map[string]map[day]bool{}, years: map[projectYear][]byte{}}
}

// stored lists the days of a project that are stored.
func (x *idLog) stored(project string) (map[day]bool, error) {
	if days := x.days[project]; days != nil {
		return days, nil
	}
	days, err := x.lake.folderDays(conversations.table.Name, project)
	if err != nil {
		return nil, err
	}
	x.days[project] = days
	return days, nil
}

// find tells on which days conversations of the project, by the hashes of
// their ids, may be stored. It looks at the years of their starts, from first
// to last, and of movedDays on both sides, and then at those around them, the
// nearest first, until maxIndexed conversations were looked at. A conversation
// that it does not list is on none of these days; one that it lists may be
// another with the same hash, or may have left that day.
func (x *idLog) find(ctx context.Context, project string, logged map[string]int64, first, last day, hashes []uint64) (map[partition][]uint64, error) {
	stored, err := x.stored(project)
	if err != nil {
		return nil, err
	}
	wanted := make(map[uint64]struct{}, len(hashes))
	for _, h := range hashes {
		wanted[h] = struct{}{}
	}
	from, until := (first - movedDays).year(), (last + movedDays).year()
	years := slices.SortedFunc(maps.Keys(logged), func(a, b string) int {
		return cmp.Or(cmp.Compare(distance(a, from, until), distance(b, from, until)), cmp.Compare(b, a))
	})
	found := map[partition][]uint64{}
	looked := int64(0)
	for _, year := range years {
		if distance(year, from, until) > 0 && looked >= maxIndexed*idBytes {
			break
		}
		err := x.each(projectYear{project, year}, logged[year], func(hash uint64, d day) {
			if _, ok := wanted[hash]; ok && stored[d] {
				found[partition{project, d}] = append(found[partition{project, d}], hash)
			}
		})
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return nil, err
		}
		looked += logged[year]
	}
	return found, nil
}

// distance is how many years lie between a year and a span of years.
func distance(year, from, until string) int {
	switch {
	case year < from:
		return yearOf(from) - yearOf(year)
	case year > until:
		return yearOf(year) - yearOf(until)
	}
	return 0
}

func yearOf(text string) (n int) {
	for _, c := range text {
		n = n*10 + int(c-'0')
	}
	return n
}

// each goes through the log of a year, and keeps it where there is room.
func (x *idLog) each(of projectYear, size int64, do func(hash uint64, d day)) error {
	if entries, ok := x.years[of]; ok {
		return eachID(bytes.NewReader(entries), do)
	}
	if x.total+size > maxIndexed*idBytes {
		clear(x.years)
		x.total = 0
	}
	if size > maxIndexed*idBytes {
		return x.lake.eachStoredID(of.project, of.year, size, do)
	}
	entries := make([]byte, 0, size)
	err := x.lake.eachStoredID(of.project, of.year, size, func(hash uint64, d day) {
		entries = appendID(entries, hash, d)
		do(hash, d)
	})
	if err == nil {
		x.years[of] = entries
		x.total += size
	}
	return err
}

// put says which conversations a day has now, and which of them are new to it,
// by the hashes of their ids.
func (x *idLog) put(p partition, conversations int, came []uint64) {
	if days := x.days[p.project]; days != nil {
		if conversations > 0 {
			days[p.day] = true
		} else {
			delete(days, p.day)
		}
	}
	of := projectYear{p.project, p.day.year()}
	entries, ok := x.years[of]
	if !ok {
		return
	}
	for _, hash := range came {
		entries = appendID(entries, hash, p.day)
	}
	x.years[of] = entries
	x.total += int64(len(came) * idBytes)
}
