package parquet

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// dailies caches the figures of days. Percentiles are over all projects, and are
// computed again only for days on which the figures of a project changed. For that
// it keeps a fingerprint of each day and project, because a file has many days and
// mostly one of them changes.
type dailies struct {
	mu    sync.Mutex
	feeds []load.Feed                  // whose days are cached
	known map[string][]*knownPartition // by project
	days  map[day]load.Day
}

// knownPartition has what was read of a partition, and the files that it was read
// from.
type knownPartition struct {
	partition
	files partFiles
	marks map[day]uint64       // fingerprints
	fresh map[day]*partFigures // nil unless it was just read
}

// partFigures are the figures of a day of a partition.
type partFigures struct {
	counts    load.Day
	latencies []float64 // of a day of the span
	mark      uint64
}

var markSeed = maphash.MakeSeed()

// note adds a value to the fingerprint.
func (f *partFigures) note(value uint64) {
	f.mark = maphash.Comparable(markSeed, [2]uint64{f.mark, value})
}

// partFiles are the files of a partition from which figures are computed; nil if
// there is no such file.
type partFiles struct{ conversations, turns os.FileInfo }

func (f partFiles) same(other partFiles) bool {
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

// Daily implements [load.Destination]. It reads only partitions whose files changed
// since the last call, and those that share a changed day with them.
func (l *Lake) Daily(ctx context.Context, feeds []load.Feed, from, until warehouse.Timestamp) (list []load.Day, err error) {
	k := &l.dailies
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.feeds, feeds) {
		k.feeds, k.known, k.days = slices.Clone(feeds), nil, nil
	}
	environments := map[string][]string{}
	for _, f := range feeds {
		environments[f.ProjectID] = append(environments[f.ProjectID], f.Environment)
	}
	r := &dailyReading{lake: l, environments: environments, span: daySpan{dayOf(from-1) + 1, dayOf(until - 1)}}
	err = errRearranged
	for errors.Is(err, errRearranged) {
		err = r.update(ctx, k)
	}
	if err != nil {
		return nil, err
	}
	days := k.days
	for _, d := range slices.Sorted(maps.Keys(days)) {
		if days[d].Conversations > 0 {
			list = append(list, days[d])
		}
	}
	return list, nil
}

// dailyReading is a call of [Lake.Daily].
type dailyReading struct {
	lake         *Lake
	environments map[string][]string // by project
	span         daySpan
	stale        map[day]bool // days whose figures changed
}

// update updates the cache.
func (r *dailyReading) update(ctx context.Context, k *dailies) (err error) {
	r.stale = map[day]bool{}
	known := map[string][]*knownPartition{}
	for project := range r.environments {
		if known[project], err = r.project(ctx, project, k.known[project], k.days); err != nil {
			return err
		}
	}
	days, err := r.figures(ctx, known, k.days)
	if err != nil {
		return err
	}
	for _, parts := range known {
		for _, p := range parts {
			p.fresh = nil
		}
	}
	k.known, k.days = known, days
	return nil
}

// project reads the partitions of a project that changed, and finds the days on
// which their figures did.
func (r *dailyReading) project(ctx context.Context, project string, old []*knownPartition, figures map[day]load.Day) (known []*knownPartition, err error) {
	err = r.lake.eachPart(project, r.span, func(p storedPart, _ daySpan) error {
		for _, k := range old {
			if k.partition == p.partition && r.lake.stillHas(k) {
				known = append(known, k)
				return nil
			}
		}
		k, err := r.read(ctx, p.partition)
		if err == nil {
			known = append(known, k)
		}
		return err
	})
	before, now := marksOf(old), marksOf(known)
	for d := range now {
		if _, ok := figures[d]; r.span.has(d) && (!ok || before[d] != now[d]) {
			r.stale[d] = true
		}
	}
	for d := range before {
		if r.span.has(d) && now[d] == 0 {
			r.stale[d] = true
		}
	}
	return known, err
}

func marksOf(parts []*knownPartition) map[day]uint64 {
	all := map[day]uint64{}
	for _, p := range parts {
		for d, mark := range p.marks {
			all[d] += mark // a day of a partition that was divided meanwhile may be in two
		}
	}
	return all
}

// figures computes the figures of the stale days, and takes the others as they
// were.
func (r *dailyReading) figures(ctx context.Context, known map[string][]*knownPartition, old map[day]load.Day) (map[day]load.Day, error) {
	days, latencies := map[day]load.Day{}, map[day][]float64{}
	for project, parts := range known {
		for i, p := range parts {
			r.keep(p, old, days)
			if !r.isStale(p.span()) {
				continue
			}
			if p.fresh == nil {
				again, err := r.read(ctx, p.partition)
				if err != nil {
					return nil, err
				}
				p, known[project][i] = again, again
			}
			for d, f := range p.fresh {
				if r.stale[d] {
					sum := days[d]
					sum.Conversations += f.counts.Conversations
					sum.HandoffsKnown += f.counts.HandoffsKnown
					sum.Handoffs += f.counts.Handoffs
					days[d], latencies[d] = sum, append(latencies[d], f.latencies...)
				}
			}
		}
	}
	for d := range r.stale {
		all := latencies[d]
		slices.Sort(all)
		sum := days[d]
		sum.Start = warehouse.Timestamp(int64(d) * dayMicros)
		sum.LatencyTurns = int64(len(all))
		sum.LatencyP50Seconds, sum.LatencyP95Seconds = nearestRank(all, 0.50), nearestRank(all, 0.95)
		days[d] = sum
	}
	return days, nil
}

func (r *dailyReading) isStale(span daySpan) bool {
	for d := range r.stale {
		if span.has(d) {
			return true
		}
	}
	return false
}

// keep takes the figures of the days of a partition that are not stale.
func (r *dailyReading) keep(p *knownPartition, old, days map[day]load.Day) {
	for d := range p.marks {
		if r.span.has(d) && !r.stale[d] {
			days[d] = old[d]
		}
	}
}

// stillHas reports whether a partition still has its files. It returns false if
// that cannot be determined.
func (l *Lake) stillHas(k *knownPartition) bool {
	v, err := l.view()
	if err != nil {
		return false
	}
	defer v.close() //nolint:errcheck // it is only read
	stored, err := v.stat(k.file(conversations.Name()))
	said, errTurns := v.stat(k.file(turns.Name()))
	return err == nil && errTurns == nil && k.files.same(partFiles{stored, said})
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

func nearestRank(sorted []float64, p float64) warehouse.Null[float64] {
	if len(sorted) == 0 {
		return warehouse.Null[float64]{}
	}
	return warehouse.Some(sorted[int(math.Ceil(p*float64(len(sorted))))-1])
}

// read reads the figures of the days of a partition, as of one commit.
func (r *dailyReading) read(ctx context.Context, p partition) (*knownPartition, error) {
	columns := selection{
		conversations.Name(): {"conversation_id", "environment", "started_at", "handoff", "missing_since"},
		turns.Name():         {"conversation_id", "started_at", "latency_seconds"},
	}
	d, err := r.lake.openSettled(ctx, p, columns)
	if err != nil {
		return nil, err
	}
	k := &knownPartition{partition: p, marks: map[day]uint64{}, fresh: map[day]*partFigures{}}
	k.files = partFiles{d.of(conversations).info, d.of(turns).info}
	if err := errors.Join(r.count(ctx, k, d), d.close()); err != nil {
		return nil, err
	}
	for at, f := range k.fresh {
		k.marks[at] = f.mark | 1 // not 0
	}
	return k, nil
}

// count adds the figures of a partition by day.
func (r *dailyReading) count(ctx context.Context, k *knownPartition, d *partReader) error {
	others := map[string]bool{} // conversations that are not counted
	err := d.of(conversations).each(func(row any) {
		c := row.(*warehouse.Conversation)
		if c.MissingSince.Valid || !slices.Contains(r.environments[k.project], c.Environment) {
			others[c.ConversationID] = true
			return
		}
		f := k.day(c.StartedAt)
		f.counts.Conversations++
		if c.Handoff.Valid {
			f.counts.HandoffsKnown++
		}
		if c.Handoff.V {
			f.counts.Handoffs++
		}
		f.note(uint64(f.counts.HandoffsKnown)<<32 | uint64(f.counts.Handoffs))
	})
	if err = cmp.Or(err, ctx.Err()); err != nil {
		return err
	}
	return d.of(turns).each(func(row any) {
		t := row.(*warehouse.Turn)
		if !t.LatencySeconds.Valid || others[t.ConversationID] {
			return
		}
		f := k.day(t.StartedAt)
		f.note(math.Float64bits(t.LatencySeconds.V))
		if r.span.has(k.dayOf(t.StartedAt)) {
			f.latencies = append(f.latencies, t.LatencySeconds.V)
		}
	})
}

// day returns the figures of the day of a start.
func (k *knownPartition) day(start warehouse.Timestamp) *partFigures {
	d := k.dayOf(start)
	f := k.fresh[d]
	if f == nil {
		f = &partFigures{}
		k.fresh[d] = f
	}
	return f
}
