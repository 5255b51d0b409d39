package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
		Short: "Check a stretch of the destination against the source and against itself",
		Long: "Verify reads a stretch of the source and of the destination again and compares ids, counts, turns and hashes.\n" +
			"It finds what is not stored, what the source no longer lists, what differs, and what was changed by hand.\n" +
			"It also checks the stored data against itself: keys, parts, files, manifests and the queue of open conversations.\n" +
			"With --repair it mends the stored data, reads again what differs, and marks (or deletes, by sync.on_missing)\n" +
			"what is no longer listed, without the limit of sync.missing_limit: it is how a person confirms what a run left alone.\n" +
			"Then it verifies again, prints what it mended by kind, and ends with exit code 0 only when nothing is left. Files\n" +
			"that it takes out of a Parquet lake are kept under _sync/quarantine.",
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
	run, err := newReplay(ctx, app, replayOptions{projects: opts.projects})
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	defer run.Destination.Close() //nolint:errcheck // nothing is written any more
	first, err := verifyPass(ctx, run, span)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	if !opts.repair {
		if err := printVerified(app.stdout, opts.output, newVerified(span, first, nil)); err != nil {
			return err
		}
		return first.outcome("the destination and the source differ: `convsync verify --repair` with the same stretch mends it")
	}
	return repair(ctx, app, opts, run, span, first)
}

// repair mends what was found and verifies again. It succeeds only when the
// second pass finds nothing.
func repair(ctx context.Context, app *app, opts verifyOptions, run *pipeline.Options, span extract.Span, first *verification) error {
	if opts.output == "text" {
		newVerified(span, first, nil).print(app.stdout)
	}
	second, failed := first, error(nil)
	run.Repairs, run.Mend = verify.Repairs(first.results, first.faults, span)
	if len(run.Repairs)+len(run.Mend) > 0 {
		report, err := pipeline.Run(ctx, *run)
		printSummary(app.stderr, report, statusLists)
		failed = outcome(ctx, report, err, false)
		if err != nil {
			return printFailure(ctx, app.stdout, opts.output, failed)
		}
		if second, err = verifyPass(ctx, run, span); err != nil {
			return printFailure(ctx, app.stdout, opts.output, err)
		}
	}
	out := newVerified(span, first, second)
	if opts.output == "json" {
		if err := json.NewEncoder(app.stdout).Encode(out); err != nil {
			return err
		}
	} else {
		out.Repair.print(app.stdout)
	}
	return cmp.Or(failed, second.outcome("the repair left differences: see above; run it again, or look for who else writes to the destination"))
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

// verification is the outcome of one pass.
type verification struct {
	results []*verify.Result
	faults  []*verify.Faults
	failed  []failedFeed
}

// found counts what is to be mended, by kind.
func (v *verification) found() map[string]int64 { return verify.Count(v.results, v.faults) }

// outcome is the error of a command that ends with this pass; nil: nothing differs.
func (v *verification) outcome(differ string) error {
	unread := failedFeeds(v.failed, len(v.results))
	if len(v.found()) == 0 {
		return unread
	}
	return codedError(exitPartial, errors.Join(errors.New(differ), unread))
}

// verifyPass verifies each feed against the source, and the stored data of each
// project against itself. Its error ends it all.
func verifyPass(ctx context.Context, run *pipeline.Options, span extract.Span) (*verification, error) {
	if err := run.RefuseMixed(ctx); err != nil {
		return nil, err
	}
	feeds := make([]load.Feed, len(run.Feeds))
	for i := range run.Feeds {
		feeds[i] = run.Feeds[i].Feed
	}
	states, err := run.Destination.State(ctx, feeds)
	if err != nil {
		return nil, err
	}
	v, checked := &verification{}, map[string]bool{}
	for i := range run.Feeds {
		f := &run.Feeds[i]
		if !checked[f.ProjectID] {
			checked[f.ProjectID] = true
			faults, err := verify.Stored(ctx, run.Destination, f.ProjectID, span)
			if err != nil {
				return nil, cmp.Or(ctx.Err(), fmt.Errorf("check the stored data of project %s: %w", f.ProjectID, err))
			}
			v.faults = append(v.faults, faults)
		}
		f.Rules.OpenSince = warehouse.TimestampOf(time.Now().Add(-run.OpenAgeLimit))
		if f.Reader != nil { // nil: it is refused
			reader := *f.Reader
			reader.Isolation = extract.NewIsolation(pipeline.HoleSpans(states[f.Feed].Holes))
			f.Reader = &reader
		}
		result, err := verify.Feed(ctx, f, run.Destination, states[f.Feed].Coverage, beside(feeds, f.Feed), span)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			v.failed = append(v.failed, failedFeed{f.Feed, err})
		default:
			v.results = append(v.results, result)
		}
	}
	return v, nil
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
