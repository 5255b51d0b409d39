package pipeline

import (
	"context"
	"slices"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// missingRejects has the ids of rejects whose conversation the source no longer lists.
type missingRejects struct{ deleted, marked []string }

// findMissingRejects returns the rejects of the feed that the source no longer lists. The
// rules are those for stored conversations, which are decided before: missing has
// the conversations that are marked or deleted, and their rejects are, too.
func (f *feedRun) findMissingRejects(ctx context.Context, missing []load.Key) (gone missingRejects, err error) {
	if !f.remembers() || len(f.tracker.compared)+len(missing) == 0 {
		return gone, nil
	}
	rejects, err := f.run.Destination.RejectKeys(ctx, f.feed.Feed)
	if err != nil {
		return gone, &destinationError{err}
	}
	with := make(map[string]bool, len(missing))
	for _, k := range missing {
		with[k.ID] = true
	}
	many := f.daysOverLimit(rejects, with)
	for i := range rejects {
		r := &rejects[i]
		isGone, isSure := true, true
		if r.ConversationID == "" || !with[r.ConversationID] {
			isGone, isSure = f.isMissingReject(r)
			isSure = isSure && (r.Missing || !many[secondOf(r.StartedAt.V).StartOfDay()])
		}
		switch {
		case !isGone:
		case f.run.DeleteMissing && isSure:
			gone.deleted = append(gone.deleted, r.RejectID)
		case !r.Missing:
			gone.marked = append(gone.marked, r.RejectID)
		}
	}
	return gone, nil
}

// daysOverLimit returns the days with more missing rejects than [Options].MissingLimit:
// the source may have returned an incomplete list. These rejects are marked first,
// and deleted by a later run that does not find them either.
func (f *feedRun) daysOverLimit(rejects []load.RejectKey, with map[string]bool) map[extract.Second]bool {
	all, gone, many := map[extract.Second]int{}, map[extract.Second]int{}, map[extract.Second]bool{}
	for i := range rejects {
		r := &rejects[i]
		if !r.StartedAt.Valid || r.Missing {
			continue
		}
		day := secondOf(r.StartedAt.V).StartOfDay()
		all[day]++
		if isGone, _ := f.isMissingReject(r); isGone && !with[r.ConversationID] {
			gone[day]++
		}
	}
	for day, n := range gone {
		many[day] = n > f.run.MissingLimit.of(all[day])
	}
	return many
}

// isMissingReject reports whether the source no longer lists a reject, and whether it
// listed other conversations of that day. If it listed none, a reject of the day
// is marked, but not deleted.
func (f *feedRun) isMissingReject(r *load.RejectKey) (isGone, isSure bool) {
	v := &f.tracker
	v.mu.Lock()
	defer v.mu.Unlock()
	if !r.StartedAt.Valid || !v.wasCompared(r) || v.isAnsweredReject(r) {
		return false, false
	}
	at := secondOf(r.StartedAt.V)
	midnight := at.StartOfDay()
	if slices.ContainsFunc(f.doubtful, func(d doubtfulDay) bool { return d.start == midnight }) {
		return false, false
	}
	answered := v.day(at).answered
	return answered || f.wasReadWhole(midnight), answered
}

// wasCompared reports whether a reject started in a time range that was read
// completely, at least one second inside its ends.
func (v *missingTracker) wasCompared(r *load.RejectKey) bool {
	return slices.ContainsFunc(v.compared, func(s extract.Span) bool {
		from, until := inside(s)
		return from <= r.StartedAt.V && r.StartedAt.V < until
	})
}

// isAnsweredReject reports whether the source returned the conversation of a reject
// in this run, or may have: some are returned without an id. A reject without an
// id is identified by its content only.
func (v *missingTracker) isAnsweredReject(r *load.RejectKey) bool {
	if v.rejects[r.RejectID] || v.nameless[r.StartedAt.V] || v.blind.Load() {
		return true
	}
	_, listed := v.answered[warehouse.HashID(r.ConversationID)]
	return r.ConversationID != "" && listed
}

// noteRejected records that the source returned the conversation of a reject.
func (v *missingTracker) noteRejected(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rejects = orMake(v.rejects)
	v.rejects[id] = true
}

// compare records a time range that was read completely and in which the id of each
// returned conversation is known.
func (v *missingTracker) compare(whole extract.Span) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.compared = append(v.compared, whole)
}
