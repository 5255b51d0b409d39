package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// store is a destination in memory that stores complete rows, and fails or stops
// working as scripted.
type store struct {
	atOnce bool // Stage stores rows, like a database; otherwise only Publish does, like files

	mu    sync.Mutex
	rows  map[string]*warehouse.Rows
	feeds map[load.Feed]*storedFeed

	pending map[load.WindowID][]*load.Batch
	counts  map[load.WindowID]load.Counts
	closed  map[load.WindowID]bool // published or abandoned
	broken  []string               // violations of the contract

	// Of this run:
	calls   int             // of Stage and Publish
	end     ending          // how they fail
	loss    loss            // of commits
	lost    bool            // commits were lost
	history []moment        // stored state at the start of the run and after each commit
	dead    bool            // calls no longer have an effect
	settled map[string]bool // conversations that were compared with the stored ones
	written map[string]bool // those of settled that were written
	missing map[string]bool // newly marked as missing
	twice   int64           // ids that are listed with two starts
}

// storedFeed is the state of a feed in a store, except for its rows.
type storedFeed struct {
	coverage  []load.Range
	watermark warehouse.Timestamp
	// watermarkAt is the local time at which the watermark moved.
	watermarkAt  warehouse.Timestamp
	rereadHidden bool              // parts are visible again, and the hidden days have to be read
	visibleAgain load.VisibleAgain // of this run
	holes        []warehouse.Hole
	rejects      map[string]warehouse.Reject // by id; replaced, never changed
}

// of returns the state of a feed.
func (s *store) of(f load.Feed) *storedFeed {
	if s.feeds == nil {
		s.feeds = map[load.Feed]*storedFeed{}
	}
	if s.feeds[f] == nil {
		s.feeds[f] = &storedFeed{}
	}
	return s.feeds[f]
}

// isOf reports whether a row is of a feed.
func isOf(f load.Feed, r *warehouse.Rows) bool { return r.Conversation.Environment == f.Environment }

// ending is a way in which the destination fails, or the process ends.
type ending struct {
	at    int  // number of the failing call, from 1; 0: none
	after bool // the call has its effect, but returns an error
	dead  bool // the process is killed: later calls have no effect
	stop  context.CancelFunc
}

var errScripted = errors.New("the scripted destination fails")

// begin prepares the store for a run.
func (s *store) begin(e ending, l loss) {
	s.calls, s.end, s.dead = 0, e, false
	s.loss, s.lost, s.history = l, false, nil
	s.remember()
	s.pending, s.counts, s.closed = map[load.WindowID][]*load.Batch{}, map[load.WindowID]load.Counts{}, map[load.WindowID]bool{}
	s.twice = 0
	s.settled, s.written, s.missing = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range s.feeds {
		f.visibleAgain = load.VisibleAgain{}
	}
}

// call counts a call. It returns whether the call has an effect, and its error.
func (s *store) call() (effect bool, err error) {
	if s.dead {
		return false, errScripted
	}
	s.calls++
	if err := s.loses(); err != nil {
		return false, err
	}
	if s.calls != s.end.at {
		return true, nil
	}
	s.dead = s.end.dead
	if s.end.stop != nil {
		s.end.stop()
	}
	return s.end.after, errScripted
}

func (s *store) Stage(_ context.Context, b *load.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed[b.Window] {
		s.broken = append(s.broken, fmt.Sprintf("window %d was staged after its end", b.Window))
	}
	effect, err := s.call()
	if !effect {
		return err
	}
	s.pending[b.Window] = append(s.pending[b.Window], b)
	if s.atOnce {
		s.settle(b.Window, b.Feed)
		s.remember()
	}
	return err
}

// newest returns the conversations of the pending batches, one per id. For one that
// moved, the new start wins.
func (s *store) newest(id load.WindowID, counts *load.Counts) (newest []*warehouse.Rows, of map[*warehouse.Rows]*load.Batch) {
	left, staged := map[string]load.Place{}, 0
	for _, b := range s.pending[id] {
		maps.Copy(left, b.Moved)
	}
	of = map[*warehouse.Rows]*load.Batch{}
	for _, b := range s.pending[id] {
		for _, r := range b.Rows {
			of[r] = b
			staged++
			if c := &r.Conversation; left[c.ConversationID] != load.PlaceOf(c) {
				newest = append(newest, r)
			}
		}
	}
	newest, others := load.NewestRows(newest, nil)
	counts.Unchanged += int64(staged - len(newest))
	counts.OtherStarts = append(counts.OtherStarts, others...)
	return newest, of
}

// otherStarts returns the pending conversations that are stored with another start.
func (s *store) otherStarts(id load.WindowID) []load.OtherStart {
	counts := load.Counts{OtherStarts: slices.Clone(s.counts[id].OtherStarts)}
	newest, of := s.newest(id, &counts)
	for _, in := range newest {
		if stored := s.rows[in.Conversation.ConversationID]; stored != nil {
			decision := of[in].Decide(modelEnvironments, &in.Conversation, load.KeyOf(&stored.Conversation))
			decision.Count(&counts)
		}
	}
	return counts.OtherStarts
}

// settle stores the pending rows of a window.
func (s *store) settle(id load.WindowID, feed load.Feed) {
	counts := s.counts[id]
	newest, of := s.newest(id, &counts)
	var reveals load.VisibilityChanges
	before := maps.Clone(s.rows)
	maps.DeleteFunc(before, func(_ string, r *warehouse.Rows) bool { return !isOf(feed, r) })
	for _, in := range newest {
		s.write(of[in], in, &counts, &reveals)
	}
	visibleAgain, _ := reveals.Count(dayShows(before, showsTurns), dayShows(before, showsMetrics))
	counts.Add(load.Counts{VisibleAgain: visibleAgain})
	s.of(feed).rereadHidden = s.of(feed).rereadHidden || visibleAgain.Any()
	delete(s.pending, id)
	s.counts[id] = counts
}

// settledAt replaces the local clock: the model checks no such time.
const settledAt = warehouse.Timestamp(1)

// dayShows reports whether a condition holds for any row that started on a day.
func dayShows(rows map[string]*warehouse.Rows, such func(*warehouse.Rows) bool) load.DayShows {
	return func(midnight warehouse.Timestamp) (bool, error) {
		for _, r := range rows {
			if midnightOf(r) == midnight && such(r) {
				return true, nil
			}
		}
		return false, nil
	}
}

func midnightOf(r *warehouse.Rows) warehouse.Timestamp {
	const day = warehouse.Timestamp(extract.Day * 1_000_000)
	return r.Conversation.StartedAt / day * day
}

func showsTurns(r *warehouse.Rows) bool   { return len(r.Turns) > 0 && !isHidden(r) }
func showsMetrics(r *warehouse.Rows) bool { return len(r.Metrics) > 0 }

func (s *store) write(b *load.Batch, in *warehouse.Rows, counts *load.Counts, reveals *load.VisibilityChanges) {
	id := in.Conversation.ConversationID
	stored := s.rows[id]
	if stored != nil {
		decision := b.Decide(modelEnvironments, &in.Conversation, load.KeyOf(&stored.Conversation))
		decision.Count(counts)
		if decision.Action != load.Merge {
			s.settled[id] = s.settled[id] || decision.Action == load.Unchanged
			return
		}
	}
	s.settled[id] = true
	decision := b.Merge(in, stored, settledAt, "")
	decision.Count(counts)
	reveals.Add(&decision)
	if decision.Writes() {
		s.rows[id], s.written[id] = in, true
	}
}

func isHidden(r *warehouse.Rows) bool {
	status := r.Conversation.TranscriptStatus
	return status == warehouse.TranscriptHidden || status == warehouse.TranscriptHiddenKept
}

func (s *store) Publish(_ context.Context, st *load.Window) (load.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	effect, err := s.call()
	if !effect {
		return load.Counts{}, err
	}
	if err := st.Unjudged(s.otherStarts(st.ID)); err != nil {
		return load.Counts{}, err
	}
	s.settle(st.ID, st.Feed)
	s.closed[st.ID] = true
	feed := s.of(st.Feed)
	feed.rereadHidden = feed.rereadHidden && !st.HiddenRead
	counts := s.counts[st.ID]
	for _, d := range st.Drift {
		if d.Kind == load.DriftIDTwice {
			s.twice += d.Count
		}
	}
	if st.Holes != nil {
		feed.holes = slices.Clone(st.Holes)
	}
	feed.rejects = maps.Clone(feed.rejects)
	for _, id := range st.Resolved {
		delete(feed.rejects, id)
	}
	for _, id := range st.MissingRejects {
		if r, stored := feed.rejects[id]; stored {
			r.MissingSince = warehouse.Some(st.At)
			feed.rejects[id] = r
		}
	}
	for _, r := range st.Rejects {
		if _, known := feed.rejects[r.RejectID]; !known {
			counts.NewRejects++
		}
		if feed.rejects == nil {
			feed.rejects = map[string]warehouse.Reject{}
		}
		feed.rejects[r.RejectID] = r
	}
	for _, k := range st.Missing {
		s.vanish(k, st, &counts)
	}
	if st.Coverage != nil {
		feed.visibleAgain.Transcripts += counts.VisibleAgain.Transcripts
		feed.visibleAgain.Metrics += counts.VisibleAgain.Metrics
		feed.coverage = slices.Clone(st.Coverage)
		if st.Watermark > feed.watermark || st.CorrectWatermark && st.Watermark != feed.watermark {
			if !st.CorrectWatermark {
				st.At = max(st.At, feed.watermarkAt)
			}
			feed.watermark, feed.watermarkAt = st.Watermark, st.At
		}
	}
	s.remember()
	if err != nil {
		return load.Counts{}, err
	}
	return counts, nil
}

func (s *store) vanish(k load.Key, st *load.Window, counts *load.Counts) {
	stored := s.rows[k.ID]
	if stored == nil || stored.Conversation.StartedAt != k.StartedAt || !isOf(st.Feed, stored) {
		return
	}
	switch {
	case st.DeleteMissing:
		delete(s.rows, k.ID)
	case stored.Conversation.MissingSince.Valid:
		return
	default:
		marked := *stored
		marked.Conversation.MissingSince = warehouse.Some(st.At)
		s.rows[k.ID] = &marked
	}
	s.missing[k.ID] = true
	counts.Missing++
}

func (s *store) Abandon(_ context.Context, id load.WindowID) (load.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed[id] = true
	delete(s.pending, id)
	return s.counts[id], nil
}

func (s *store) Begin(context.Context, load.Owner, ...string) (load.Writer, error) { return s, nil }
func (s *store) Register(context.Context, []load.Project) error                    { return nil }
func (s *store) Finish(context.Context, *warehouse.SyncRun) error {
	if s.lost {
		return errLostCommits
	}
	return nil
}
func (s *store) Check(context.Context) error                           { return nil }
func (s *store) Prepare(context.Context) error                         { return nil }
func (s *store) Close() error                                          { return nil }
func (s *store) Projects(context.Context) ([]warehouse.Project, error) { return nil, nil }

// The rest of the contract is not for runs.

func (s *store) Summary(context.Context, []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	return nil, errScripted
}
func (s *store) Daily(context.Context, []load.Feed, warehouse.Timestamp, warehouse.Timestamp) ([]load.Day, error) {
	return nil, errScripted
}
func (s *store) Runs(context.Context, int) ([]warehouse.SyncRun, error) { return nil, errScripted }
func (s *store) Read(context.Context, load.Feed, warehouse.Timestamp, warehouse.Timestamp, func(*warehouse.Rows) error) error {
	return errScripted
}
func (s *store) Audit(context.Context, string, warehouse.Timestamp, warehouse.Timestamp, func(load.Fault) error) error {
	return errScripted
}
func (s *store) Erased(context.Context, string, []string) ([]string, error) { return nil, errScripted }
func (s *store) Mend(context.Context, *load.Mending) (load.Counts, error) {
	return load.Counts{}, errScripted
}
