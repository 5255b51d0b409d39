package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"convsync/internal/config"
	"convsync/internal/pipeline"
	"convsync/internal/plural"
)

// planned is `convsync run --dry-run --output json`.
type planned struct {
	Projects []plannedFeed `json:"projects"`
}

type plannedFeed struct {
	ProjectID   string        `json:"project_id"`
	Environment string        `json:"environment"`
	Spans       []plannedSpan `json:"spans"`
	Open        int           `json:"worklist"`        // narrow spans around open conversations
	Error       string        `json:"error,omitempty"` // why nothing could be planned
}

type plannedSpan struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

func dryRun(ctx context.Context, app *app, cfg *config.Config, o syncOptions, output string) error {
	run, err := newRun(ctx, app, cfg, o)
	if err != nil {
		return err
	}
	defer run.destination.Close() //nolint:errcheck // nothing is written
	plans, err := pipeline.Plan(ctx, run.Options)
	if err != nil {
		return err
	}
	if err := printPlans(app.stdout, output, plans); err != nil {
		return err
	}
	var failed []failedFeed
	for _, p := range plans {
		if p.Err != nil {
			failed = append(failed, failedFeed{p.Feed, p.Err})
		}
	}
	return failedFeeds(failed, len(plans)-len(failed))
}

func printPlans(w io.Writer, output string, plans []pipeline.FeedPlan) error {
	out := planned{Projects: []plannedFeed{}}
	for _, p := range plans {
		feed := plannedFeed{
			ProjectID: p.Feed.ProjectID, Environment: p.Feed.Environment,
			Spans: []plannedSpan{}, Open: len(p.Plan.Open),
		}
		for _, s := range p.Plan.Spans {
			feed.Spans = append(feed.Spans, plannedSpan{s.From.Time(), s.Until.Time()})
		}
		if p.Err != nil {
			feed.Error = p.Err.Error()
		}
		out.Projects = append(out.Projects, feed)
	}
	if output == "json" {
		return json.NewEncoder(w).Encode(out)
	}
	for _, p := range out.Projects {
		p.print(w)
	}
	return nil
}

// print shows people what would be read of a feed.
func (p *plannedFeed) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s): ", p.ProjectID, p.Environment)
	switch {
	case p.Error != "":
		fmt.Fprintln(w, "could not be planned (see the error below)")
		return
	case len(p.Spans)+p.Open == 0:
		fmt.Fprintln(w, "nothing to read")
		return
	}
	fmt.Fprint(w, plural.Count(int64(len(p.Spans)), "time range"))
	if p.Open > 0 {
		fmt.Fprintf(w, ", and %s around open conversations", plural.Count(int64(p.Open), "short one"))
	}
	fmt.Fprintln(w)
	for _, s := range p.Spans {
		fmt.Fprintf(w, "  %s to %s\n", s.From.Format(time.RFC3339), s.Until.Format(time.RFC3339))
	}
}
