package loadtest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// dailyChecks are about the summaries of days.
var dailyChecks = []check{
	{"days/by UTC start", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(spread()...)
		day := midnight(warehouse.TimestampOf(Noon))
		next := midnight(warehouse.TimestampOf(Noon.AddDate(0, 0, 1)))
		days := dailies(t, b.dest, s, []load.Feed{live("p")}, ever, never)
		if len(days) != 8 {
			t.Errorf("Daily returned %d days, want 8", len(days))
		}
		for _, at := range []struct{ from, until warehouse.Timestamp }{
			{day, next}, {day, day}, {next, day}, {day, next + 1}, {day + 1, next + 1}, {day - 1, next}, {day - 1, day}, {day - 1, day + 1},
		} {
			dailies(t, b.dest, s, []load.Feed{live("p")}, at.from, at.until)
		}
	}},
	{"days/requested feeds", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		sandbox := load.Feed{ProjectID: "p", Environment: Sandbox}
		b.load(Conversation("p", "a", Noon), Conversation("p", "b", Noon, Latencies(9)), Conversation("p", "c", Noon.AddDate(0, 0, 1)))
		b.load(Conversation("p", "d", Noon, In(Sandbox), Latencies(20, 30, 40)))
		b.load(Conversation("q", "a", Noon, Latencies(7, 8)), Conversation("q", "e", Noon.AddDate(0, 0, 2)))
		for _, feeds := range [][]load.Feed{
			{live("p")}, {sandbox}, {live("q")}, {live("p"), live("q")}, {live("q"), sandbox}, {live("p"), sandbox, live("q")}, {live("unknown")}, nil,
		} {
			dailies(t, b.dest, s, feeds, ever, never)
		}
	}},
	{"days/unknown handoff", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		handoff := func(h warehouse.Null[bool]) Option { return func(r *warehouse.Rows) { r.Conversation.Handoff = h } }
		b.load(Conversation("p", "a", Noon, handoff(warehouse.Some(true))), Conversation("p", "b", Noon, handoff(warehouse.Null[bool]{})),
			Conversation("p", "c", Noon), Conversation("p", "d", Noon.AddDate(0, 0, 1), handoff(warehouse.Null[bool]{})))
		days := dailies(t, b.dest, s, []load.Feed{live("p")}, ever, never)
		if len(days) != 2 || days[0].Handoffs != 1 || days[0].HandoffsKnown != 2 || days[1].HandoffsKnown != 0 {
			t.Errorf("the days are %+v", days)
		}
	}},
	{"days/latency percentiles", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		for day, n := range []int{1, 2, 3, 19, 20, 21, 39, 40, 41, 100} {
			var latencies []float64
			for i := range n {
				latencies = append(latencies, float64((i*37)%n)/8)
			}
			half := n / 2 // of two conversations
			b.load(Conversation("p", fmt.Sprintf("a-%d", day), Noon.AddDate(0, 0, day), Latencies(latencies[:half]...)),
				Conversation("p", fmt.Sprintf("b-%d", day), Noon.AddDate(0, 0, day), Latencies(latencies[half:]...)))
		}
		b.load(Conversation("p", "none", Noon.AddDate(0, 1, 0), Turns(0)), Conversation("p", "unsaid", Noon.AddDate(0, 2, 0), Latencies(math.NaN())))
		days := dailies(t, b.dest, s, []load.Feed{live("p")}, ever, never)
		if len(days) != 12 || days[4].LatencyP95Seconds != warehouse.Some(18.0/8) || days[11].LatencyP50Seconds.Valid {
			t.Errorf("the days are %+v", days)
		}
	}},
	{"days/changed, moved and missing", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		feeds := []load.Feed{live("p"), {ProjectID: "p", Environment: Sandbox}}
		wantDays := func(want ...int64) {
			t.Helper()
			var got []int64
			for _, d := range dailies(t, b.dest, s, feeds, ever, never) {
				got = append(got, d.Conversations)
			}
			if !slices.Equal(got, want) {
				t.Errorf("the days have %v conversations, want %v", got, want)
			}
		}
		wantDays()
		b.load(Conversation("p", "a", Noon), Conversation("p", "b", Noon), Conversation("p", "c", Noon.AddDate(0, 0, 1)))
		wantDays(2, 1)
		b.load(Conversation("p", "a", Noon, Latencies(60, 70), func(r *warehouse.Rows) { r.Conversation.Handoff = warehouse.Some(true) }))
		wantDays(2, 1)
		b.load(Conversation("p", "b", Noon.AddDate(0, 0, 1)))
		wantDays(1, 2)
		b.miss(live("p"), load.Key{ID: "a", StartedAt: warehouse.TimestampOf(Noon)})
		wantDays(2)
		b.load(Conversation("p", "a", Noon))
		wantDays(1, 2)
		b.end()
		reopened := open(t, s)
		defer func() { _ = reopened.Close() }()
		dailies(t, reopened, s, feeds, ever, never)
	}},
	{"days/empty destination", func(t testing.TB, s Subject) {
		dest := s.Open(t, nil)
		defer func() { _ = dest.Close() }()
		if days, err := dest.Daily(t.Context(), []load.Feed{live("p")}, ever, never); err != nil || len(days) != 0 {
			t.Errorf("its days are %+v, %v", days, err)
		}
	}},
}

// Latencies gives it one turn for each latency in seconds; NaN: unknown.
func Latencies(seconds ...float64) Option {
	return func(r *warehouse.Rows) {
		Turns(len(seconds))(r)
		for i, s := range seconds {
			r.Turns[i].LatencySeconds = warehouse.Null[float64]{V: s, Valid: true}
			if math.IsNaN(s) {
				r.Turns[i].LatencySeconds = warehouse.Null[float64]{}
			}
		}
	}
}

// dailies checks the result of Daily against what is stored.
func dailies(t testing.TB, dest load.Destination, s Subject, feeds []load.Feed, from, until warehouse.Timestamp) []load.Day {
	t.Helper()
	got, err := dest.Daily(t.Context(), feeds, from, until)
	if err != nil {
		t.Fatalf("Daily: %v", err)
	}
	if want := dump(t, s).daily(feeds, from, until); !slices.Equal(got, want) {
		t.Errorf("from %s until %s the days of %v are\n%+v, want\n%+v", from.Time(), until.Time(), feeds, got, want)
	}
	return got
}

// daily computes the days from the stored conversations that are not missing.
func (d *Dump) daily(feeds []load.Feed, from, until warehouse.Timestamp) (days []load.Day) {
	byDay := map[warehouse.Timestamp][]*warehouse.Rows{}
	for _, f := range feeds {
		for _, r := range d.within(f, ever, never) {
			if start := midnight(r.Conversation.StartedAt); !r.Conversation.MissingSince.Valid && from <= start && start < until {
				byDay[start] = append(byDay[start], r)
			}
		}
	}
	for start, rows := range byDay {
		day := load.Day{Start: start, Conversations: int64(len(rows))}
		var latencies []float64
		for _, r := range rows {
			if h := r.Conversation.Handoff; h.Valid {
				day.HandoffsKnown++
				if h.V {
					day.Handoffs++
				}
			}
			for i := range r.Turns {
				if l := r.Turns[i].LatencySeconds; l.Valid {
					latencies = append(latencies, l.V)
				}
			}
		}
		slices.Sort(latencies)
		day.LatencyTurns = int64(len(latencies))
		day.LatencyP50Seconds, day.LatencyP95Seconds = rankOf(latencies, 50), rankOf(latencies, 95)
		days = append(days, day)
	}
	slices.SortFunc(days, func(a, b load.Day) int {
		return int((a.Start - b.Start) / warehouse.Timestamp(time.Second.Microseconds()))
	})
	return days
}

// rankOf returns a percentile by nearest rank.
func rankOf(sorted []float64, percent int) warehouse.Null[float64] {
	for i, v := range sorted {
		if (i+1)*100 >= percent*len(sorted) {
			return warehouse.Some(v)
		}
	}
	return warehouse.Null[float64]{}
}
