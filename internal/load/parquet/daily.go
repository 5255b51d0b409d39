package parquet

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// dailies caches the figures of days for as long as their files are the same: a
// month of a hundred projects is some thousand files, few of which change.
type dailies struct {
	mu    sync.Mutex
	feeds []load.Feed // whose days are cached
	days  map[day]*knownDay
}

// knownDay has the figures of a day, and the files that they were computed
// from.
type knownDay struct {
	files   map[partition]dayFiles
	figures load.Day
}

// dayFiles are the files of a partition from which figures are computed; nil if
// there is no such file.
type dayFiles struct{ conversations, turns os.FileInfo }

func (f dayFiles) same(other dayFiles) bool {
	return sameFile(f.conversations, other.conversations) && sameFile(f.turns, other.turns)
}

// sameFile compares identity, size and times: the identity stays when a file is
// written in place.
func sameFile(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Daily implements [load.Destination]. It reads only days whose files changed
// since the last call.
func (l *Lake) Daily(ctx context.Context, feeds []load.Feed, from, until warehouse.Timestamp) (list []load.Day, err error) {
	k := &l.dailies
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.feeds, feeds) {
		k.feeds, k.days = slices.Clone(feeds), nil
	}
	environments := map[string][]string{}
	for _, f := range feeds {
		environments[f.ProjectID] = append(environments[f.ProjectID], f.Environment)
	}
	stored, err := l.daysWithin(environments, dayOf(from-1)+1, dayOf(until-1))
	if err != nil {
		return nil, err
	}
	known := map[day]*knownDay{} // other days are dropped from the cache
	for _, d := range stored {
		figures := k.days[d]
		if figures == nil || !l.stillHas(figures.files, d, environments) {
			if figures, err = l.readFigures(ctx, d, environments); err != nil {
				return nil, err
			}
		}
		known[d] = figures
		if figures.figures.Conversations > 0 {
			list = append(list, figures.figures)
		}
	}
	k.days = known
	return list, nil
}

// daysWithin lists the days that have data of any of the projects.
func (l *Lake) daysWithin(projects map[string][]string, first, last day) ([]day, error) {
	v, err := l.view()
	if err != nil {
		return nil, err
	}
	defer v.close() //nolint:errcheck // it is only read
	found, index := map[day]bool{}, newIndex(l)
	for project := range projects {
		days, err := index.stored(project)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, days)
	}
	for name := range v.from { // files that the journal will move into place
		if date, ok := strings.CutPrefix(path.Base(path.Dir(name)), "started_date="); ok {
			if d, err := parseDay(date); err == nil {
				found[d] = true
			}
		}
	}
	maps.DeleteFunc(found, func(d day, _ bool) bool { return d < first || d > last })
	return slices.Sorted(maps.Keys(found)), nil
}

// stillHas reports whether a day still has these files. It returns false if
// that cannot be determined.
func (l *Lake) stillHas(files map[partition]dayFiles, d day, environments map[string][]string) bool {
	v, err := l.view()
	if err != nil {
		return false
	}
	defer v.close() //nolint:errcheck // it is only read
	for project := range environments {
		p := partition{project, d}
		stored, err := v.stat(p.file(conversations.Name()))
		said, errTurns := v.stat(p.file(turns.Name()))
		if err != nil || errTurns != nil || !files[p].same(dayFiles{stored, said}) {
			return false
		}
	}
	return true
}

// stat describes a file of the lake; nil if it does not exist.
func (v *view) stat(name string) (os.FileInfo, error) {
	where := []string{name}
	if from, pending := v.from[name]; pending {
		if from == "" {
			return nil, nil
		}
		where = []string{from, name}
	}
	for _, at := range where {
		info, err := v.lake.files.Stat(v.lake.path(at))
		if !errors.Is(err, fs.ErrNotExist) {
			return info, err
		}
	}
	return nil, nil
}

// readFigures reads the figures of a day over all projects.
func (l *Lake) readFigures(ctx context.Context, d day, environments map[string][]string) (*knownDay, error) {
	k := &knownDay{files: map[partition]dayFiles{}, figures: load.Day{Start: warehouse.Timestamp(int64(d) * dayMicros)}}
	var latencies []float64
	for project, of := range environments {
		p := partition{project, d}
		for settled := false; !settled; {
			counted, said := k.figures, latencies
			files, ok, err := l.countPartition(ctx, p, of, &counted, &said)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, err
			}
			if settled = ok; settled {
				k.files[p], k.figures, latencies = files, counted, said
			}
		}
	}
	slices.Sort(latencies)
	k.figures.LatencyTurns = int64(len(latencies))
	k.figures.LatencyP50Seconds, k.figures.LatencyP95Seconds = nearestRank(latencies, 0.50), nearestRank(latencies, 0.95)
	return k, nil
}

func nearestRank(sorted []float64, p float64) warehouse.Null[float64] {
	if len(sorted) == 0 {
		return warehouse.Null[float64]{}
	}
	return warehouse.Some(sorted[int(math.Ceil(p*float64(len(sorted))))-1])
}

// countPartition adds the figures of a partition. The result is settled if its
// files are of one commit, see [Lake.openSettled].
func (l *Lake) countPartition(ctx context.Context, p partition, environments []string, into *load.Day, latencies *[]float64) (files dayFiles, settled bool, err error) {
	v, err := l.view()
	if err != nil {
		return files, false, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	stored, err := openFile(ctx, v, conversations, p.file(conversations.Name()), p.project,
		"conversation_id", "environment", "handoff", "missing_since")
	if err != nil {
		return files, false, err
	}
	defer func() { err = errors.Join(err, stored.close()) }()
	others := map[string]bool{} // conversations that are not counted
	err = stored.each(func(row any) {
		c := row.(*warehouse.Conversation)
		if c.MissingSince.Valid || !slices.Contains(environments, c.Environment) {
			others[c.ConversationID] = true
			return
		}
		into.Conversations++
		if c.Handoff.Valid {
			into.HandoffsKnown++
		}
		if c.Handoff.V {
			into.Handoffs++
		}
	})
	if err != nil {
		return files, false, err
	}
	columns := []string{"latency_seconds"}
	if len(others) > 0 {
		columns = append(columns, "conversation_id") // most of the data that is read
	}
	said, err := openFile(ctx, v, turns, p.file(turns.Name()), p.project, columns...)
	if err != nil {
		return files, false, err
	}
	defer func() { err = errors.Join(err, said.close()) }()
	sure := v.journal != nil || stored.current() && said.current() // otherwise they may have been replaced meanwhile
	if !v.unchanged() || !sure {
		return files, false, nil
	}
	err = said.each(func(row any) {
		t := row.(*warehouse.Turn)
		if t.LatencySeconds.Valid && !others[t.ConversationID] {
			*latencies = append(*latencies, t.LatencySeconds.V)
		}
	})
	return dayFiles{stored.info, said.info}, true, err
}
