package loadtest

import (
	"context"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

func (r *reference) Daily(_ context.Context, feeds []load.Feed, from, until warehouse.Timestamp) ([]load.Day, error) {
	d := r.Dump(nil)
	const second = 1_000_000
	switch r.fault {
	case daysElsewhere:
		for _, f := range feeds {
			if f.Environment == Live {
				feeds = append(feeds[:len(feeds):len(feeds)], load.Feed{ProjectID: f.ProjectID, Environment: Sandbox})
			}
		}
	case daysUntilToo:
		until++
	}
	for _, rows := range d.Conversations {
		c := &rows.Conversation
		switch r.fault {
		case daysCountMissing:
			c.MissingSince = warehouse.Null[warehouse.Timestamp]{}
		case daysUnsaidIsNo:
			c.Handoff.Valid = true
		case daysLocal:
			c.StartedAt += 3600 * second
		}
	}
	days := d.daily(feeds, from, until)
	if r.fault == daysInterpolate {
		for i := range days {
			days[i].LatencyP95Seconds.V += 0.01
		}
	}
	if r.fault == daysRemembered {
		if r.remembered == nil {
			r.remembered = days
		}
		days = r.remembered
	}
	return days, nil
}
