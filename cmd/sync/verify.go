package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/verify"
	"convsync/internal/warehouse"
)

type verifyOptions struct {
	from, to string
	projects []string
	repair   bool
	output   string
}

func newVerifyCommand(app *app) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove a stretch of the destination against the source",
		Long: "Verify reads a stretch of the source and of the destination again and compares ids, counts, turns and hashes.\n" +
			"It finds what is not stored, what the source no longer lists, what differs, and what was changed by hand.\n" +
			"With --repair it reads again what differs, and marks (or deletes, by sync.on_missing) what is no longer listed,\n" +
			"without the limit of sync.missing_limit: it is how a person confirms what a run left alone.",
		Example: "  convsync verify --from 2026-06-01 --to 2026-06-08\n" +
			"  convsync verify --from 2026-06-01 --repair",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runVerify(cmd.Context(), app, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "from here: a date (midnight UTC) or an RFC 3339 time; seven days ago unless set")
	flags.StringVar(&opts.to, "to", "", "up to here, exclusive; now unless set")
	flags.StringSliceVar(&opts.projects, "project", nil, "only this project, by the id that is stored; may be repeated")
	flags.BoolVar(&opts.repair, "repair", false, "mend what was found")
	flags.StringVar(&opts.output, "output", "text", "text or json")
	return cmd
}

func runVerify(ctx context.Context, app *app, opts verifyOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	now := time.Now()
	if opts.from == "" && opts.to == "" {
		opts.from = now.AddDate(0, 0, -7).UTC().Format(time.RFC3339)
	}
	span, err := parseStretch(opts.from, opts.to, now)
	if err != nil {
		return err
	}
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	projects, err := chooseProjects(cfg, opts.projects)
	if err != nil {
		return err
	}
	run, err := newRun(ctx, app, cfg, syncOptions{projects: projects})
	if err != nil {
		return err
	}
	defer run.Destination.Close() //nolint:errcheck // nothing is written any more
	results, failed, err := verifyFeeds(ctx, run, span)
	if err != nil {
		return err
	}
	if err := printVerified(app.stdout, opts.output, span, results, failed); err != nil {
		return err
	}
	unread := failedFeeds(failed, len(results))
	repairs := verify.Repairs(results)
	switch {
	case len(repairs) == 0:
		return unread
	case !opts.repair:
		differ := errors.New("the destination and the source differ: `convsync verify --repair` with the same stretch mends it")
		return codedError(exitPartial, errors.Join(differ, unread))
	}
	run.Repairs = repairs
	report, err := pipeline.Run(ctx, *run)
	if err := printReport(app.stderr, "text", report); err != nil {
		return err
	}
	return cmp.Or(outcome(ctx, report, err, false), unread)
}

// failedFeed is a feed that could not be asked, and why.
type failedFeed struct {
	load.Feed
	err error
}

// failedFeeds is the error of a command of which some feeds failed beside
// others that did not; nil: none failed.
func failedFeeds(failed []failedFeed, succeeded int) error {
	if len(failed) == 0 {
		return nil
	}
	code := exitPartial
	if succeeded == 0 {
		code = exitFailed
	}
	var said []error
	for _, f := range failed {
		said = append(said, f.err)
	}
	return codedError(code, errors.Join(said...))
}

// verifyFeeds verifies each feed for itself. Its error ends it all.
func verifyFeeds(ctx context.Context, run *pipeline.Options, span extract.Span) (results []*verify.Result, failed []failedFeed, err error) {
	if err := run.RefuseMixed(ctx); err != nil {
		return nil, nil, err
	}
	feeds := make([]load.Feed, len(run.Feeds))
	for i := range run.Feeds {
		feeds[i] = run.Feeds[i].Feed
	}
	states, err := run.Destination.State(ctx, feeds)
	if err != nil {
		return nil, nil, err
	}
	for i := range run.Feeds {
		f := &run.Feeds[i]
		f.Rules.OpenSince = warehouse.TimestampOf(time.Now().Add(-run.OpenAgeLimit))
		result, err := verify.Feed(ctx, f, run.Destination, states[f.Feed].Coverage, beside(feeds, f.Feed), span)
		switch {
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case err != nil:
			failed = append(failed, failedFeed{f.Feed, err})
		default:
			results = append(results, result)
		}
	}
	return results, failed, nil
}

// beside are the other feeds of a feed's project.
func beside(feeds []load.Feed, f load.Feed) []load.Feed {
	var others []load.Feed
	for _, other := range feeds {
		if other.ProjectID == f.ProjectID && other != f {
			others = append(others, other)
		}
	}
	return others
}

// verified is `convsync verify --output json`.
type verified struct {
	From     time.Time      `json:"from"`
	Until    time.Time      `json:"until"`
	Projects []verifiedFeed `json:"projects"`
}

type verifiedFeed struct {
	ProjectID   string            `json:"project_id"`
	Environment string            `json:"environment"`
	Listed      int64             `json:"listed"`
	Stored      int64             `json:"stored"`
	Turns       int64             `json:"turns"`
	Same        int64             `json:"same"`
	Older       int64             `json:"older_rules"`
	Open        int64             `json:"open"`
	Missing     int64             `json:"missing_at_source"`
	Unreadable  int64             `json:"unreadable"`
	Newer       int64             `json:"newer"`
	Elsewhere   int64             `json:"elsewhere"`
	Findings    []verifiedFinding `json:"findings"`
	Error       string            `json:"error,omitempty"` // why it could not be verified
}

type verifiedFinding struct {
	ConversationID string    `json:"conversation_id"`
	StartedAt      time.Time `json:"started_at"`
	Kind           string    `json:"kind"`
}

func printVerified(w io.Writer, output string, span extract.Span, results []*verify.Result, failed []failedFeed) error {
	out := newVerified(span, results, failed)
	if output == "json" {
		return json.NewEncoder(w).Encode(out)
	}
	for i := range out.Projects {
		out.Projects[i].print(w, span)
	}
	return nil
}

func newVerified(span extract.Span, results []*verify.Result, failed []failedFeed) *verified {
	out := &verified{From: span.From.Time(), Until: span.Until.Time()}
	for _, r := range results {
		feed := verifiedFeed{
			ProjectID: r.Feed.ProjectID, Environment: r.Feed.Environment, Listed: r.Listed, Stored: r.Stored, Turns: r.Turns, Same: r.Same,
			Older: r.Older, Open: r.Open, Missing: r.Missing, Unreadable: r.Unreadable, Newer: r.Newer, Elsewhere: r.Elsewhere, Findings: []verifiedFinding{},
		}
		for _, f := range r.Findings {
			feed.Findings = append(feed.Findings, verifiedFinding{f.ID, f.StartedAt.Time(), string(f.Kind)})
		}
		out.Projects = append(out.Projects, feed)
	}
	for _, f := range failed {
		out.Projects = append(out.Projects, verifiedFeed{
			ProjectID: f.ProjectID, Environment: f.Environment, Findings: []verifiedFinding{}, Error: f.err.Error(),
		})
	}
	return out
}

// print shows people what came of a feed.
func (p *verifiedFeed) print(w io.Writer, span extract.Span) {
	if p.Error != "" {
		fmt.Fprintf(w, "%s (%s), %s: could not be verified\n", p.ProjectID, p.Environment, span)
		return
	}
	fmt.Fprintf(w, "%s (%s), %s: %d listed by the source, %d stored with %d turns, %d the same\n",
		p.ProjectID, p.Environment, span, p.Listed, p.Stored, p.Turns, p.Same)
	for _, also := range []struct {
		n    int64
		what string
	}{
		{p.Older, "stored by older rules, which is no difference"}, {p.Open, "in progress, and change by themselves"},
		{p.Missing, "marked as no longer listed"}, {p.Unreadable, "listed that cannot be read (see the table rejects)"},
		{p.Newer, "that began after all that was read so far: the next run reads them"},
		{p.Elsewhere, "stored under another environment, where they were seen first (see the table schema_drift)"},
	} {
		if also.n > 0 {
			fmt.Fprintf(w, "  %d %s\n", also.n, also.what)
		}
	}
	if len(p.Findings) == 0 {
		fmt.Fprintln(w, "  nothing differs")
	}
	for i, f := range p.Findings {
		if i == shownFindings {
			fmt.Fprintf(w, "  and %d more: --output json lists all\n", len(p.Findings)-i)
			break
		}
		fmt.Fprintf(w, "  %-10s %s, started %s\n", f.Kind, f.ConversationID, f.StartedAt.Format(time.RFC3339Nano))
	}
}

// shownFindings is how many people are shown of a project.
const shownFindings = 20
