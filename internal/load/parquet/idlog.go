package parquet

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
)

// idLog finds the day on which a conversation is stored, from the log of ids.
// It opens no day.
type idLog struct {
	lake  *Lake
	days  map[string]map[day]bool // stored days of each project
	years map[projectYear][]byte  // content of the log of ids, as far as it was read
	total int64                   // bytes in years
}

type projectYear struct{ project, year string }

func newIDLog(l *Lake) *idLog {
	return &idLog{lake: l, days: map[string]map[day]bool{}, years: map[projectYear][]byte{}}
}

// stored lists the stored days of a project.
func (x *idLog) stored(project string) (map[day]bool, error) {
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

// find returns the days that may have conversations of the project, by the
// hashes of their ids. It searches the years of their starts, from first to
// last, and of movedDays on both sides, and then the years around them, the
// nearest first, until maxIndexed conversations were searched. A conversation
// that it does not return is on none of these days. One that it returns may be
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

// distance returns the number of years between a year and a range of years.
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

// each calls do with the entries of the log of a year, and caches the log if
// there is room.
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

// put records the number of conversations of a day, and the hashes of the ids
// that are new to it.
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
