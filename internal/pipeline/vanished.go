package pipeline

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// vanished finds the stored conversations of a feed that whole readings of
// their stretches no longer list. They are told at the end of the feed's run,
// since a conversation may have moved into another stretch.
type vanished struct {
	mu         sync.Mutex
	answered   map[uint64]struct{} // hashes of the ids that this run was answered
	candidates []load.Key
	suspicious []extract.Span // came back empty though conversations are stored
	emptied    int            // conversations that are stored in these
}

func idHash(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

// saw remembers that the source lists a conversation, whether it can be read or not.
func (v *vanished) saw(ids ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.answered == nil {
		v.answered = map[uint64]struct{}{}
	}
	for _, id := range ids {
		v.answered[idHash(id)] = struct{}{}
	}
}

// look compares what is stored in a stretch that was read to its last page
// with what was answered. A second inside its ends counts, since nothing says
// whether these are inclusive.
func (v *vanished) look(stored []load.Key, span extract.Span, answers int64) {
	stored = slices.DeleteFunc(stored, func(k load.Key) bool { return k.Missing })
	if len(stored) == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if answers == 0 {
		v.suspicious = append(v.suspicious, span)
		v.emptied += len(stored)
		return
	}
	for _, k := range stored {
		if _, listed := v.answered[idHash(k.ID)]; !listed {
			v.candidates = append(v.candidates, k)
		}
	}
}

// add takes in what is stored and was not listed where it is stored.
func (v *vanished) add(keys []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.candidates = append(v.candidates, keys...)
}

// missing is what the source listed nowhere in this run, though it read the
// stretch whole that it is stored in.
func (v *vanished) missing() []load.Key {
	v.mu.Lock()
	defer v.mu.Unlock()
	var keys []load.Key
	for _, k := range v.candidates {
		if _, listed := v.answered[idHash(k.ID)]; !listed {
			keys = append(keys, k)
		}
	}
	return keys
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
		f.vanished.look(stored, whole, st.inside.Load())
	}
	return nil
}

// lookForLost finds the open conversations that the source does not list where
// they started. One that is open for no longer than usual may come back; an
// older one would else be looked for in every run to come.
func (f *feedRun) lookForLost(read []extract.Span) {
	limit := timestamp(f.now) - warehouse.Timestamp(f.OpenAgeLimit.Microseconds())
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

// publishVanished marks or deletes what the source no longer lists.
func (f *feedRun) publishVanished(ctx context.Context) error {
	for _, span := range f.vanished.suspicious {
		f.Log.Warn("the source shows nothing where conversations are stored; nothing was changed",
			"from", span.From.Time(), "until", span.Until.Time())
	}
	missing := append(f.vanished.missing(), f.Repairs[f.Feed.Feed].Gone...)
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

// errSuspicious says that a long stretch came back empty.
func (f *feedRun) errSuspicious() error {
	for _, s := range f.vanished.suspicious {
		if s.Seconds() >= suspiciousSeconds {
			return fmt.Errorf("the source shows no conversation from %s, where %d are stored: nothing was changed; "+
				"look whether the key may still read the project, and if they are really gone, say so with "+
				"`convsync verify --repair --from %s --to %s`", s, f.vanished.emptied, s.From.Time().Format("2006-01-02"), (s.Until + secondsPerDay - 1).Time().Format("2006-01-02"))
		}
	}
	return nil
}

// suspiciousSeconds is how long an empty stretch must be to be worth a person's
// look: what ended in a quiet hour shows with the next reading of its day.
const suspiciousSeconds = secondsPerDay
