package memory

import (
	"cmp"
	"context"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Projects implements [load.ProjectReader].
func (d *Destination) Projects(context.Context) ([]warehouse.Project, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.data.Projects), nil
}

// State implements [load.StateReader].
func (d *Destination) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := map[load.Feed]load.FeedState{}
	for _, feed := range feeds {
		states[feed] = d.data.state(feed)
	}
	return states, nil
}

func (d *Data) state(feed load.Feed) (s load.FeedState) {
	for _, c := range d.Coverage {
		if feed == (load.Feed{ProjectID: c.ProjectID, Environment: c.Environment}) {
			s.Coverage = append(s.Coverage, load.Range{From: c.From, Until: c.Until, ReadAt: c.ReadAt, Shape: c.Shape})
		}
	}
	for _, w := range d.Watermarks {
		if feed == (load.Feed{ProjectID: w.ProjectID, Environment: w.Environment}) {
			s.Watermark, s.WatermarkAt = w.Watermark, w.UpdatedAt
		}
	}
	s.VisibleAgain = slices.ContainsFunc(d.VisibleAgain, func(r warehouse.Reveal) bool {
		return feed == load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}
	})
	for _, h := range d.Holes {
		if feed == (load.Feed{ProjectID: h.ProjectID, Environment: h.Environment}) {
			s.Holes = append(s.Holes, h)
		}
	}
	for _, o := range d.Open() {
		if feed == (load.Feed{ProjectID: o.ProjectID, Environment: o.Environment}) {
			s.Open = append(s.Open, load.OpenConversation{ID: o.ConversationID, StartedAt: o.StartedAt})
		}
	}
	return s
}

// Summary implements [load.Reporter].
func (d *Destination) Summary(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	summaries := map[load.Feed]load.FeedSummary{}
	for _, feed := range feeds {
		summaries[feed] = d.data.summary(feed)
	}
	return summaries, nil
}

func (d *Data) summary(feed load.Feed) (s load.FeedSummary) {
	for _, rows := range d.Conversations {
		c := &rows.Conversation
		if feedOf(c) != feed {
			continue
		}
		s.Conversations++
		if load.IsHidden(c) {
			s.Hidden++
		}
		if c.MissingSince.Valid {
			s.Missing++
		}
		if s.Newest == 0 || c.StartedAt > s.Newest {
			s.Newest = c.StartedAt
		}
	}
	for _, r := range d.Rejects {
		if feed == (load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}) {
			s.Rejects++
		}
	}
	for _, x := range d.Drift {
		if feed == (load.Feed{ProjectID: x.ProjectID, Environment: x.Environment}) {
			s.Drift = append(s.Drift, x)
		}
	}
	for _, l := range d.Lateness {
		if feed == (load.Feed{ProjectID: l.ProjectID, Environment: l.Environment}) {
			s.Lateness = append(s.Lateness, l)
		}
	}
	slices.SortFunc(s.Drift, func(a, b warehouse.Drift) int { return cmp.Compare(a.Path, b.Path) })
	return s
}

// Runs implements [load.Reporter].
func (d *Destination) Runs(_ context.Context, limit int) ([]warehouse.SyncRun, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	runs := slices.Clone(d.data.Runs)
	slices.SortFunc(runs, func(a, b warehouse.SyncRun) int { return cmp.Compare(b.StartedAt, a.StartedAt) })
	return runs[:min(limit, len(runs))], nil
}

// Daily implements [load.DayReader].
func (d *Destination) Daily(_ context.Context, feeds []load.Feed, from, until warehouse.Timestamp) (days []load.Day, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	byDay := map[warehouse.Timestamp][]*warehouse.Rows{}
	for _, rows := range d.data.Conversations {
		c := &rows.Conversation
		day := midnight(c.StartedAt)
		if slices.Contains(feeds, feedOf(c)) && !c.MissingSince.Valid && from <= day && day < until {
			byDay[day] = append(byDay[day], rows)
		}
	}
	for day, rows := range byDay {
		days = append(days, dayOf(day, rows))
	}
	slices.SortFunc(days, func(a, b load.Day) int { return cmp.Compare(a.Start, b.Start) })
	return days, nil
}

func dayOf(start warehouse.Timestamp, conversations []*warehouse.Rows) load.Day {
	day := load.Day{Start: start, Conversations: int64(len(conversations))}
	var latencies []float64
	for _, rows := range conversations {
		if handoff := rows.Conversation.Handoff; handoff.Valid {
			day.HandoffsKnown++
			if handoff.V {
				day.Handoffs++
			}
		}
		for i := range rows.Turns {
			if latency := rows.Turns[i].LatencySeconds; latency.Valid {
				latencies = append(latencies, latency.V)
			}
		}
	}
	slices.Sort(latencies)
	day.LatencyTurns = int64(len(latencies))
	day.LatencyP50Seconds, day.LatencyP95Seconds = percentile(latencies, 50), percentile(latencies, 95)
	return day
}

// percentile returns a percentile of sorted values by nearest rank.
func percentile(sorted []float64, percent int) (p warehouse.Null[float64]) {
	if len(sorted) == 0 {
		return p
	}
	rank := (percent*len(sorted) + 99) / 100
	return warehouse.Some(sorted[rank-1])
}
