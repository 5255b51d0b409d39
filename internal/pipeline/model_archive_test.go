package pipeline

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func (s *store) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := map[load.Feed]load.FeedState{}
	for _, f := range feeds {
		feed := s.of(f)
		state := load.FeedState{Coverage: slices.Clone(feed.coverage), Watermark: feed.watermark, WatermarkAt: feed.watermarkAt, VisibleAgain: feed.rereadHidden, Holes: slices.Clone(feed.holes)}
		for _, r := range s.sorted() {
			if c := &r.Conversation; isOf(f, r) && r.IsOpen() && !c.MissingSince.Valid {
				state.Open = append(state.Open, load.OpenConversation{ID: c.ConversationID, StartedAt: c.StartedAt})
			}
		}
		states[f] = state
	}
	return states, nil
}

// sorted returns the stored rows by start and id.
func (s *store) sorted() (rows []*warehouse.Rows) {
	for _, r := range s.rows {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *warehouse.Rows) int {
		return cmp.Or(cmp.Compare(a.Conversation.StartedAt, b.Conversation.StartedAt), cmp.Compare(a.Conversation.ConversationID, b.Conversation.ConversationID))
	})
	return rows
}

func (s *store) Keys(_ context.Context, f load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.sorted() {
		if c := &r.Conversation; isOf(f, r) && from <= c.StartedAt && c.StartedAt < until {
			keys = append(keys, load.Key{ID: c.ConversationID, StartedAt: c.StartedAt, Missing: c.MissingSince.Valid})
		}
	}
	return keys, nil
}

func (s *store) HiddenDays(_ context.Context, f load.Feed, parts load.Parts) (days []warehouse.Timestamp, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := maps.Clone(s.rows)
	maps.DeleteFunc(of, func(_ string, r *warehouse.Rows) bool { return !isOf(f, r) })
	for _, r := range s.sorted() {
		if !isOf(f, r) {
			continue
		}
		day := midnightOf(r)
		if measured, _ := dayShows(of, showsMetrics)(day); parts.Transcripts && isHidden(r) || parts.Metrics && !measured {
			days = append(days, day)
		}
	}
	return slices.Compact(days), nil
}

func (s *store) RejectKeys(ctx context.Context, f load.Feed) ([]load.RejectKey, error) {
	return keysOfRejects(ctx, s, f)
}

func (s *store) Rejects(_ context.Context, f load.Feed, yield func(*warehouse.Reject) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.of(f).rejects {
		if err := yield(&r); err != nil {
			return err
		}
	}
	return nil
}

// The other methods of the contract are not called by runs.
