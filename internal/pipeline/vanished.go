package pipeline

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// vanished finds the stored conversations of a feed that whole readings of
// their stretches no longer list. They are judged at the end of the feed's run,
// day by day, since a conversation may have moved into another stretch.
type vanished struct {
	mu       sync.Mutex
	answered map[uint64]warehouse.Timestamp // latest starts that this run was answered, by the hash of the id
	nameless map[warehouse.Timestamp]bool   // starts of conversations that were answered without an id that can be read
	blind    atomic.Bool                    // of one that was answered neither id nor start can be read
	days     map[extract.Second]*dayRead
	keys     int        // that are kept of all days
	lost     []load.Key // open conversations that are not listed where they started
	// elsewhere are listed in another environment, or may be.
	elsewhere map[load.Key]bool
	rejects   map[string]bool // by their ids: this run was answered them
	compared  []extract.Span  // read whole, with the id of each conversation known
}

func idHash(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

// saw remembers that the source lists a conversation, whether it can be read
// ([anyStart]) or not. Without an id it may be any that is stored with its start.
func (v *vanished) saw(id string, start warehouse.Timestamp) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if id == "" {
		v.nameless = orMake(v.nameless)
		v.nameless[start] = true
	} else {
		v.answered = orMake(v.answered)
		hash := idHash(id)
		if latest, listed := v.answered[hash]; !listed || start > latest {
			v.answered[hash] = start
		}
	}
	v.day(extract.SecondOf(start.Time())).answered = true
}

// latest is the latest start with which this run was answered an id.
func (v *vanished) latest(id string) (start warehouse.Timestamp, listed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	start, listed = v.answered[idHash(id)]
	return start, listed
}

// look compares what is stored in a stretch that was read to its last page
// with what was answered. A second inside its ends counts, since nothing says
// whether these are inclusive.
func (v *vanished) look(stored []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, k := range stored {
		if k.Missing {
			continue
		}
		day := v.day(extract.SecondOf(k.StartedAt.Time()))
		day.stored++
		if v.isListed(k) {
			continue
		}
		if v.keys < mostUnlisted {
			day.gone = append(day.gone, k)
			v.keys++
		} else {
			day.uncounted++
		}
	}
}

func (v *vanished) isListed(k load.Key) bool {
	_, listed := v.answered[idHash(k.ID)]
	return listed || v.elsewhere[k] || v.nameless[k.StartedAt]
}

// mayList reports whether a conversation may be one that was answered and could
// not be read.
func (v *vanished) mayList(k load.Key) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.nameless[k.StartedAt] || v.blind.Load()
}

// unlisted are the stored conversations that were not listed where they are
// stored, nor anywhere else in this feed.
func (v *vanished) unlisted() (keys []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, start := range slices.Sorted(maps.Keys(v.days)) {
		keys = append(keys, v.days[start].gone...)
	}
	for _, k := range v.lost {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return slices.DeleteFunc(keys, v.isListed)
}

// add takes in open conversations that were not listed where they started.
func (v *vanished) add(keys []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = append(v.lost, keys...)
}

// inside is a span without a second at each of its ends.
func inside(s extract.Span) (from, until warehouse.Timestamp) {
	return timestamp(s.From + 1), timestamp(s.Until - 1)
}

// lookForVanished compares a stretch that was read whole with what was stored
// in it before.
func (f *feedRun) lookForVanished(ctx context.Context, st *stretch) error {
	if st.vanished == nil || st.span.Empty() || st.blind.Load() {
		return nil // nothing is stored, or it is no whole reading
	}
	for _, whole := range st.whole {
		from, until := inside(whole)
		if from >= until {
			continue
		}
		stored, err := f.Destination.Keys(ctx, f.Feed.Feed, from, until)
		if err != nil {
			return &destinationError{err}
		}
		f.vanished.look(stored)
		f.vanished.compare(whole)
	}
	return nil
}

// lookForLost finds the open conversations that the source does not list where
// they started. One that is open for no longer than usual may come back; an
// older one would else be looked for in every run to come.
func (f *feedRun) lookForLost(read []extract.Span) {
	limit := timestamp(f.sure) - warehouse.Timestamp(f.OpenAgeLimit.Microseconds())
	var lost []load.Key
	for _, o := range f.state.Open {
		at := extract.SecondOf(o.StartedAt.Time())
		asked := slices.ContainsFunc(read, func(s extract.Span) bool { return s.From <= at && at < s.Until })
		if asked && o.StartedAt < limit {
			lost = append(lost, load.Key{ID: o.ID, StartedAt: o.StartedAt})
		}
	}
	f.vanished.add(lost)
}

// confirmedGone is what a person confirmed to be gone, and what the source does
// not list now either: it may have answered less than it has when it was
// verified. What it cannot answer for stays as it is.
func (f *feedRun) confirmedGone(ctx context.Context) ([]load.Key, error) {
	gone := slices.Clone(f.Repairs[f.Feed.Feed].Gone)
	asked, err := f.ask(ctx, gone)
	if err != nil {
		return nil, err
	}
	all := len(gone)
	gone = slices.DeleteFunc(gone, func(k load.Key) bool {
		_, answered := f.vanished.latest(k.ID)
		return answered || len(asked.starts[k.ID]) > 0 || asked.nameless[k.StartedAt] || asked.failedAt(k.StartedAt) != nil
	})
	if left := all - len(gone); left > 0 {
		f.Log.Warn("conversations that were not listed when they were verified are listed now, or cannot be asked for; they were not changed", "conversations", left)
	}
	return gone, nil
}

// publishVanished marks or deletes what the source no longer lists in any
// environment, as far as that may be done without confirmation, and what a person
// confirmed. It counts ids that the source lists with two starts.
func (f *feedRun) publishVanished(ctx context.Context) error {
	confirmed, err := f.confirmedGone(ctx)
	if err != nil {
		return err
	}
	if err := f.lookElsewhere(ctx, confirmed); err != nil {
		return err
	}
	missing := f.judgeMissing()
	for _, k := range confirmed {
		if !f.vanished.elsewhere[k] {
			missing = append(missing, k)
		}
	}
	st := f.newStretch(extract.Span{})
	if err := f.judgeLater(ctx, st); err != nil {
		return err
	}
	gone, err := f.judgeRejects(ctx, missing)
	if err != nil {
		return err
	}
	if len(missing)+len(st.drift)+len(gone.deleted)+len(gone.marked) == 0 {
		return nil
	}
	f.commits.Lock()
	defer f.commits.Unlock()
	counts, err := f.writer.Publish(ctx, &load.Stretch{
		ID: st.id, Feed: st.feed, RunID: f.Owner.RunID, At: st.at, Missing: missing, DeleteMissing: f.DeleteMissing,
		Drift: slices.Collect(maps.Values(st.drift)), Resolved: gone.deleted, MissingRejects: gone.marked,
	})
	if err != nil {
		return &destinationError{err}
	}
	f.report.add(counts, st)
	if n := len(gone.deleted) + len(gone.marked); n > 0 {
		f.Log.Info("the source no longer lists conversations that are in rejects", "deleted", len(gone.deleted), "marked", len(gone.marked))
	}
	if len(missing) == 0 {
		return nil
	}
	f.Log.Info("the source no longer lists conversations that are stored",
		"conversations", counts.Missing, "deleted", f.DeleteMissing)
	return nil
}
