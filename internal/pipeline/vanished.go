package pipeline

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// vanished finds the stored conversations of a feed that whole readings of
// their stretches no longer list. They are judged at the end of the feed's run,
// day by day, since a conversation may have moved into another stretch.
type vanished struct {
	mu       sync.Mutex
	answered map[uint64]struct{} // hashes of the ids that this run was answered
	days     map[extract.Second]*dayRead
	keys     int        // that are kept of all days
	lost     []load.Key // open conversations that are not listed where they started
}

func idHash(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

// saw remembers that the source lists a conversation, whether it can be read or not.
func (v *vanished) saw(id string, start extract.Second) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.answered == nil {
		v.answered = map[uint64]struct{}{}
	}
	v.answered[idHash(id)] = struct{}{}
	v.day(start).answered = true
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
	return listed
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
	if st.vanished == nil || st.span.Empty() {
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

// publishVanished marks or deletes what the source no longer lists, as far as
// that may be done without confirmation, and what a person confirmed.
func (f *feedRun) publishVanished(ctx context.Context) error {
	missing := append(f.judgeMissing(), f.Repairs[f.Feed.Feed].Gone...)
	if len(missing) == 0 {
		return nil
	}
	st := f.newStretch(extract.Span{})
	f.commits.Lock()
	defer f.commits.Unlock()
	counts, err := f.writer.Publish(ctx, &load.Stretch{
		ID: st.id, Feed: st.feed, RunID: f.Owner.RunID, At: st.at, Missing: missing, DeleteMissing: f.DeleteMissing,
	})
	if err != nil {
		return &destinationError{err}
	}
	f.report.add(counts, st)
	f.Log.Info("the source no longer lists conversations that are stored",
		"conversations", counts.Missing, "deleted", f.DeleteMissing)
	return nil
}
