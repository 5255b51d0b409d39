package parquet

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
)

// idLog finds the day on which a conversation is stored, from the log of ids.
// It opens no partition.
type idLog struct {
	lake    *Lake
	layouts *layouts
	years   map[projectYear][]byte // content of the log of ids, as far as it was read
	total   int64                  // bytes in years
}

type projectYear struct{ project, year string }

func newIDLog(l *Lake, known *layouts) *idLog {
	return &idLog{lake: l, layouts: known, years: map[projectYear][]byte{}}
}

// find returns the partitions that may have conversations of the project, by the
// hashes of their ids. It searches the years of their starts, from first to
// last, and of movedDays on both sides, and then the years around them, the
// nearest first, until maxIndexed conversations were searched. A conversation
// that it does not return is on none of these days. One that it returns may be
// another with the same hash, or may have left that day.
func (x *idLog) find(ctx context.Context, project string, logged map[string]int64, first, last day, hashes []uint64) (map[partition][]uint64, error) {
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
		var unknown error
		err := x.each(projectYear{project, year}, logged[year], func(hash uint64, d day) {
			if _, ok := wanted[hash]; !ok || unknown != nil {
				return
			}
			var part partition
			var stored bool
			if part, stored, unknown = x.layouts.at(project, d); stored {
				found[part] = append(found[part], hash)
			}
		})
		if err = cmp.Or(err, unknown, ctx.Err()); err != nil {
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

// put records the hashes of the ids that are new to days of a project.
func (x *idLog) put(project string, came map[day][]uint64) {
	for d, hashes := range came {
		of := projectYear{project, d.year()}
		entries, ok := x.years[of]
		if !ok {
			continue
		}
		for _, hash := range hashes {
			entries = appendID(entries, hash, d)
		}
		x.years[of] = entries
		x.total += int64(len(hashes) * idBytes)
	}
}
