package extract

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// TestReadPartsUntil reads a history as parts that each end when enough was read,
// also within a slice that turns out to be dense.
func TestReadPartsUntil(t *testing.T) {
	t.Parallel()
	const days, all, enough = 14, 280, 30
	from := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	simulator, err := simulate.New(simulate.Options{
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         from,
			To:           from.AddDate(0, 0, days),
			TurnsMean:    1,
			Environments: []simulate.Environment{{Name: "live", Conversations: all}},
		}},
		Now: func() time.Time { return from.AddDate(0, 1, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	span := Span{SecondOf(from), SecondOf(from.AddDate(0, 0, days))}
	for _, n := range []int{1, 5} {
		r, got, rounds := reading(t, simulator), newCollector(), 0
		r.PageSize = 2
		var whole []Span
		for left := []Span{span}; len(left) > 0; rounds++ {
			var read atomic.Int64
			emit := func(ctx context.Context, c *Chunk) error {
				read.Add(int64(c.Len()))
				return got.emit(ctx, c)
			}
			parts := left
			if rounds == 0 {
				parts = span.cut(n)
			}
			failed, err := r.Until(func() bool { return read.Load() >= enough }).ReadParts(t.Context(), parts, emit, nil)
			if err != nil {
				t.Fatal(err)
			}
			whole = append(whole, Whole(parts, failed)...)
			left = nil
			for _, part := range failed {
				if !part.IsLeft() {
					t.Errorf("%v is left: %v", part, part.Err)
				}
				left = append(left, part.Span)
			}
			left = Without(left, nil)
			for _, s := range left {
				if s.Until%Day != 0 && !slices.ContainsFunc(parts, func(p Span) bool { return s.Until == p.Until }) {
					t.Errorf("%v is left, which divides a day", s)
				}
			}
		}
		if rounds < 2 || len(got.ids) != all || !slices.Equal(Without(whole, nil), []Span{span}) {
			t.Errorf("in %d slices, %d rounds read %d conversations of %v", n, rounds, len(got.ids), Without(whole, nil))
		}
	}
}

func TestSpan_SplitAt(t *testing.T) {
	t.Parallel()
	s := Span{10, 20}
	for at, want := range map[Second][2]Span{
		5:  {{10, 10}, s},
		10: {{10, 10}, s},
		15: {{10, 15}, {15, 20}},
		20: {s, {20, 20}},
		25: {s, {20, 20}},
	} {
		if before, after := s.splitAt(at); before != want[0] || after != want[1] {
			t.Errorf("at %d it is divided into %v and %v", at, before, after)
		}
	}
}
