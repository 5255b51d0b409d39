package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// missingTracker finds the stored conversations of a feed that are missing where
// the run read a window completely. They are decided at the end of the feed's run,
// day by day, since a conversation may have moved into another window.
type missingTracker struct {
	mu          sync.Mutex
	answered    map[uint64]warehouse.Timestamp // latest starts that the source returned in this run, by the hash of the id
	nameless    map[warehouse.Timestamp]bool   // starts of conversations that were returned without a readable id
	blind       atomic.Bool                    // one was returned without readable id and start
	days        map[extract.Second]*dayRead
	keys        int        // number of keys of all days in memory
	missingOpen []load.Key // open conversations past the age limit that are not listed at their start
	// elsewhere has conversations that are, or may be, listed in another environment.
	elsewhere map[load.Key]bool
	rejects   map[string]bool // ids of rejects whose conversation the source returned in this run
	compared  []extract.Span  // ranges that were read completely and in which each returned id is known
}

// noteListed records that the source lists a conversation. The start is [anyStart]
// if it cannot be read. Without an id, it may be any conversation that is stored
// with that start.
func (v *missingTracker) noteListed(id string, start warehouse.Timestamp) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if id == "" {
		v.nameless = orMake(v.nameless)
		v.nameless[start] = true
	} else {
		v.answered = orMake(v.answered)
		hash := warehouse.HashID(id)
		if latest, listed := v.answered[hash]; !listed || start > latest {
			v.answered[hash] = start
		}
	}
	v.day(secondOf(start)).answered = true
}

// latest returns the latest start with which the source returned an id in this run.
func (v *missingTracker) latest(id string) (start warehouse.Timestamp, listed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	start, listed = v.answered[warehouse.HashID(id)]
	return start, listed
}

// look compares the conversations that are stored in a completely read window with
// those that the source returned. The caller leaves out one second at both ends,
// since it is not documented whether these are inclusive.
func (v *missingTracker) look(stored []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, k := range stored {
		if k.Missing {
			continue
		}
		day := v.day(secondOf(k.StartedAt))
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

func (v *missingTracker) isListed(k load.Key) bool {
	_, listed := v.answered[warehouse.HashID(k.ID)]
	return listed || v.elsewhere[k] || v.nameless[k.StartedAt]
}

// mayList reports whether a conversation may be one that was returned and could not
// be read.
func (v *missingTracker) mayList(k load.Key) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.nameless[k.StartedAt] || v.blind.Load()
}

// unlisted returns the stored conversations that were listed nowhere in this feed.
func (v *missingTracker) unlisted() (keys []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, start := range slices.Sorted(maps.Keys(v.days)) {
		keys = append(keys, v.days[start].gone...)
	}
	for _, k := range v.missingOpen {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return slices.DeleteFunc(keys, v.isListed)
}

// add records open conversations that were not listed at their start.
func (v *missingTracker) add(keys []load.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.missingOpen = append(v.missingOpen, keys...)
}

// inside returns a span without one second at each end.
func inside(s extract.Span) (from, until warehouse.Timestamp) {
	return timestamp(s.From + 1), timestamp(s.Until - 1)
}

// compareStored compares a window that was read completely with what is stored in
// it.
func (f *feedRun) compareStored(ctx context.Context, st *window) error {
	if st.tracker == nil || st.span.Empty() || st.blind.Load() {
		return nil // nothing is stored, or the comparison would be incomplete
	}
	for _, whole := range st.whole {
		from, until := inside(whole)
		if from >= until {
			continue
		}
		stored, known := st.unchanged.keys(from, until)
		if !known {
			var err error
			if stored, err = f.run.Destination.Keys(ctx, f.feed.Feed, from, until); err != nil {
				return &destinationError{err}
			}
		}
		f.tracker.look(stored)
		f.tracker.compare(whole)
	}
	return nil
}

// findMissingOpen finds the open conversations in read spans that are past the age
// limit, so that those that are not listed are marked as missing, and not requested
// in every later run. A younger one may be listed again.
func (f *feedRun) findMissingOpen(read []extract.Span) {
	limit := f.openSince()
	var missingOpen []load.Key
	for _, o := range f.state.Open {
		at := secondOf(o.StartedAt)
		asked := slices.ContainsFunc(read, func(s extract.Span) bool { return s.From <= at && at < s.Until })
		if asked && o.StartedAt < limit {
			missingOpen = append(missingOpen, load.Key{ID: o.ID, StartedAt: o.StartedAt})
		}
	}
	f.tracker.add(missingOpen)
}

// confirmedGone returns the conversations that were confirmed to be missing and that
// the source still does not list: its list may have been incomplete during the
// verification. Those in seconds that cannot be read are left out.
func (f *feedRun) confirmedGone(ctx context.Context) ([]load.Key, error) {
	gone := slices.Clone(f.run.Repairs[f.feed.Feed].Gone)
	asked, err := f.ask(ctx, gone)
	if err != nil {
		return nil, err
	}
	all := len(gone)
	gone = slices.DeleteFunc(gone, func(k load.Key) bool {
		_, answered := f.tracker.latest(k.ID)
		return answered || len(asked.starts[k.ID]) > 0 || asked.nameless[k.StartedAt] || asked.failedAt(k.StartedAt) != nil
	})
	if left := all - len(gone); left > 0 {
		f.log.Warn("conversations that were not listed during the verification are listed now, or cannot be requested; they were not changed", "conversations", left)
	}
	return gone, nil
}

// publishMissing marks or deletes conversations that the source no longer lists in
// any environment, if they need no confirmation or were confirmed. It also counts
// ids that the source lists with two starts.
func (f *feedRun) publishMissing(ctx context.Context) error {
	confirmed, err := f.confirmedGone(ctx)
	if err != nil {
		return err
	}
	if err := f.lookElsewhere(ctx, confirmed); err != nil {
		return err
	}
	missing := f.decideMissing()
	for _, k := range confirmed {
		if !f.tracker.elsewhere[k] {
			missing = append(missing, k)
		}
	}
	st := f.newWindow(extract.Span{})
	if err := f.countLater(ctx, st); err != nil {
		return err
	}
	gone, err := f.findMissingRejects(ctx, missing)
	if err != nil {
		return err
	}
	if len(missing)+len(st.drift)+len(gone.deleted)+len(gone.marked) == 0 {
		return nil
	}
	f.run.commits.Lock()
	defer f.run.commits.Unlock()
	counts, err := f.run.writer.Publish(ctx, &load.Window{
		ID:             st.id,
		Feed:           st.feed,
		RunID:          f.run.Owner.RunID,
		At:             st.at,
		Missing:        missing,
		DeleteMissing:  f.run.DeleteMissing,
		Drift:          slices.Collect(maps.Values(st.drift)),
		Resolved:       gone.deleted,
		MissingRejects: gone.marked,
	})
	if err != nil {
		return &destinationError{err}
	}
	f.run.report.add(counts, st)
	if n := len(gone.deleted) + len(gone.marked); n > 0 {
		f.log.Info("the source no longer lists the conversations of some rejects", "deleted", len(gone.deleted), "marked", len(gone.marked))
	}
	if len(missing) == 0 {
		return nil
	}
	f.log.Info("the source no longer lists conversations that are stored",
		"conversations", counts.Missing, "deleted", f.run.DeleteMissing)
	return nil
}
