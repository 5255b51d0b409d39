package pipeline

import (
	"context"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// FeedPlan is the plan of a feed, or the reason why there is none.
type FeedPlan struct {
	Feed load.Feed
	Plan extract.Plan
	Err  error
}

// Plan returns what a run would read now, by feed. It takes no lock and writes
// nothing. An error of one feed does not affect the others.
func Plan(ctx context.Context, o Options) ([]FeedPlan, error) {
	o.setDefaults()
	if err := o.RefuseMixed(ctx); err != nil {
		return nil, err
	}
	states, err := o.Destination.State(ctx, feedKeys(o.Feeds))
	if err != nil {
		return nil, err
	}
	var plans []FeedPlan
	for i := range o.Feeds {
		f := (&run{Options: o}).newFeedRun(&o.Feeds[i], states[o.Feeds[i].Feed])
		plan, err := f.planNow(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			err = f.describe(err)
		}
		plans = append(plans, FeedPlan{f.feed.Feed, plan, err})
	}
	return plans, nil
}

// planNow requests server time and plans with it.
func (f *feedRun) planNow(ctx context.Context) (extract.Plan, error) {
	if f.feed.Refused != nil {
		return extract.Plan{}, f.feed.Refused
	}
	now, err := f.feed.Reader.Now(ctx, f.run.Clock())
	if err != nil {
		return extract.Plan{}, err
	}
	f.coverage = covered(f.state.Coverage)
	f.setClocks(now)
	return f.plan(), nil
}
