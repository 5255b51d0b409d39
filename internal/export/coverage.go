package export

import (
	"context"
	"slices"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Coverage says which part of the range was read completely from the source.
type Coverage struct {
	Complete bool           `json:"complete"` // there is no gap
	Feeds    []FeedCoverage `json:"feeds"`
}

// FeedCoverage is the coverage of a project in an environment.
type FeedCoverage struct {
	ProjectID   string      `json:"project_id"`
	Environment string      `json:"environment"`
	Read        []ReadRange `json:"read"`
	Gaps        []Gap       `json:"gaps"`
	// Open is the number of conversations in the range that were in progress when
	// they were last read.
	Open int `json:"open_conversations"`
	// Rejected is the number of conversations of the range that could not be read or
	// stored. The list does not have them. One without a known start counts in each range.
	Rejected int `json:"rejected_conversations"`
}

// ReadRange is a range of start times that was read completely.
type ReadRange struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	ReadAt time.Time `json:"read_at"` // server time
}

// Gap is a range of start times that was not read completely.
type Gap struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"` // not_read, or unreadable: the source fails to return it
}

// The reasons of a [Gap].
const (
	GapNotRead    = "not_read"
	GapUnreadable = "unreadable"
)

// readCoverage reads the coverage of the feeds within a range.
func readCoverage(ctx context.Context, src Source, feeds []load.Feed, from, until warehouse.Timestamp) (*Coverage, error) {
	states, err := src.State(ctx, feeds)
	if err != nil {
		return nil, err
	}
	c := &Coverage{Complete: true, Feeds: []FeedCoverage{}}
	for _, f := range feeds {
		state := states[f]
		covered := coverageOf(&state, from, until)
		covered.ProjectID, covered.Environment = f.ProjectID, f.Environment
		rejects, err := src.RejectKeys(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, r := range rejects {
			if !r.StartedAt.Valid || r.StartedAt.V >= from && r.StartedAt.V < until {
				covered.Rejected++
			}
		}
		c.Feeds = append(c.Feeds, covered)
		c.Complete = c.Complete && len(covered.Gaps) == 0
	}
	return c, nil
}

// coverageOf cuts the coverage and the holes of a feed to [from, until). A second
// that is in neither is a gap that was not read.
func coverageOf(state *load.FeedState, from, until warehouse.Timestamp) FeedCoverage {
	c := FeedCoverage{Read: []ReadRange{}, Gaps: []Gap{}}
	for _, r := range state.Coverage {
		if begin, end := max(r.From, from), min(r.Until, until); begin < end {
			c.Read = append(c.Read, ReadRange{begin.Time(), end.Time(), r.ReadAt.Time()})
		}
	}
	at := from // everything before it is accounted for
	for _, r := range state.Accounted() {
		if at < min(r.From, until) {
			c.Gaps = append(c.Gaps, Gap{at.Time(), min(r.From, until).Time(), GapNotRead})
		}
		at = max(at, r.Until)
	}
	if at < until {
		c.Gaps = append(c.Gaps, Gap{at.Time(), until.Time(), GapNotRead})
	}
	for i := range state.Holes {
		h := &state.Holes[i]
		if begin, end := max(h.From, from), min(h.Until, until); begin < end {
			c.Gaps = append(c.Gaps, Gap{begin.Time(), end.Time(), GapUnreadable})
		}
	}
	slices.SortFunc(c.Gaps, func(a, b Gap) int { return a.From.Compare(b.From) })
	for _, open := range state.Open {
		if open.StartedAt >= from && open.StartedAt < until {
			c.Open++
		}
	}
	return c
}
