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
	// recordings verifies stored recordings, and nothing else.
	recordings bool
}

func newVerifyCommand(app *app) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare stored conversations with the source, and check the stored data",
		Long: "Verify reads a time range from the source again and compares it with the destination: ids, counts, turns and hashes.\n" +
			"It finds conversations that are not stored, are no longer listed by the source, differ, or were changed by hand.\n" +
			"It also checks that the stored data is consistent: keys, parts, files, manifests and the open-conversation queue.\n\n" +
			"With --repair it repairs the stored data, reads again what differs, and marks (or deletes, by sync.on_missing) what\n" +
			"is no longer listed. The limit sync.missing_limit does not apply: this is how a person confirms what a run did not\n" +
			"mark. Then it verifies again, prints what it repaired by kind, and ends with exit code 0 only if nothing is left.\n" +
			"Files that it removes from a Parquet lake are kept under _sync/quarantine.\n\n" +
			"With --recordings it compares the stored copies of recordings with their rows in audio_references instead, by size\n" +
			"and SHA-256, and requests nothing from the source. Without --from it covers all time, and also finds files that no\n" +
			"row names. With --repair, altered and foreign files are moved to .convsync/quarantine in the folder of audio.store,\n" +
			"and the next run stores lost and altered recordings again, if the source still has them. Meanwhile no other process\n" +
			"works on the recordings of the project. Syncs continue.",
		Example: "  convsync verify --from 2026-06-01 --to 2026-06-08\n" +
			"  convsync verify --from 2026-06-01 --repair\n" +
			"  convsync verify --recordings",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runVerify(cmd.Context(), app, opts) },
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "start of the time range: a date (midnight UTC) or an RFC 3339 time (default: seven days ago; with --recordings: all time)")
	flags.StringVar(&opts.to, "to", "", "end of the time range, exclusive (default: now)")
	flags.StringSliceVar(&opts.projects, "project", nil, "verify only this project, by its stored id; may be repeated")
	flags.BoolVar(&opts.recordings, "recordings", false, "compare stored recordings with their rows, without a request to the source")
	flags.BoolVar(&opts.repair, "repair", false, "repair what was found")
	flags.StringVar(&opts.output, "output", "text", "output format: text or json")
	return cmd
}

func runVerify(ctx context.Context, app *app, opts verifyOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	if opts.recordings {
		return runVerifyRecordings(ctx, app, opts)
	}
	now := time.Now()
	if opts.from == "" && opts.to == "" {
		opts.from = now.AddDate(0, 0, -7).UTC().Format(time.RFC3339)
	}
	span, err := parseTimeRange(opts.from, opts.to, now)
	if err != nil {
		return err
	}
	run, err := newReplay(ctx, app, replayOptions{projects: opts.projects})
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	defer run.destination.Close() //nolint:errcheck // nothing is written after this
	first, err := verifyPass(ctx, run, span)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	if !opts.repair {
		if err := printVerified(app, opts.output, newVerified(span, first, nil)); err != nil {
			return err
		}
		return first.outcome("the destination and the source differ: repair it with `convsync verify --repair` and the same time range")
	}
	return repair(ctx, app, opts, run, span, first)
}

// repair repairs what was found and verifies again. It succeeds only when the
// second pass finds nothing.
func repair(ctx context.Context, app *app, opts verifyOptions, run *wiredRun, span extract.Span, first *verification) error {
	if opts.output == "text" {
		newVerified(span, first, nil).print(app.hints(app.stdout))
	}
	second, failed := first, error(nil)
	run.Repairs, run.Mend = verify.Repairs(first.results, first.faults, span)
	if len(run.Repairs)+len(run.Mend) > 0 {
		report, err := pipeline.Run(ctx, run.Options)
		printSummary(app.hints(app.stderr), report, statusLists)
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
		out.Repair.print(app.hints(app.stdout))
	}
	return cmp.Or(failed, second.outcome("differences remain after the repair, see above: repair again, or find out what else writes to the destination"))
}

// failedFeed is a feed that could not be verified, and why.
type failedFeed struct {
	load.Feed
	err error
}

// failedFeeds returns the error of a command for which some feeds failed; nil
// if none did.
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

// verification is the result of one pass.
type verification struct {
	results []*verify.Result
	faults  []*verify.Faults
	failed  []failedFeed
}

// found counts the differences to repair, by kind.
func (v *verification) found() map[string]int64 { return verify.Count(v.results, v.faults) }

// outcome returns the error of a command that ends with this pass; nil if
// nothing differs.
func (v *verification) outcome(differ string) error {
	unread := failedFeeds(v.failed, len(v.results))
	if len(v.found()) == 0 {
		return unread
	}
	return codedError(exitPartial, errors.Join(errors.New(differ), unread))
}

// verifyPass verifies each feed against the source, and the stored data of each
// project against itself. An error ends the command.
func verifyPass(ctx context.Context, run *wiredRun, span extract.Span) (*verification, error) {
	if err := run.RefuseMixed(ctx); err != nil {
		return nil, err
	}
	feeds := make([]load.Feed, len(run.Feeds))
	for i := range run.Feeds {
		feeds[i] = run.Feeds[i].Feed
	}
	states, err := run.destination.State(ctx, feeds)
	if err != nil {
		return nil, err
	}
	openSince := warehouse.TimestampOf(time.Now().Add(-run.OpenAgeLimit))
	v, checked := &verification{}, map[string]bool{}
	for i := range run.Feeds {
		f := &run.Feeds[i]
		if !checked[f.ProjectID] {
			checked[f.ProjectID] = true
			faults, err := verify.Stored(ctx, run.destination, f.ProjectID, span)
			if err != nil {
				return nil, cmp.Or(ctx.Err(), fmt.Errorf("check the stored data of project %s: %w", f.ProjectID, err))
			}
			v.faults = append(v.faults, faults)
		}
		if f.Reader != nil { // nil: the project was refused
			reader := *f.Reader
			reader.Isolation = extract.NewIsolation(pipeline.HoleSpans(states[f.Feed].Holes))
			f.Reader = &reader
		}
		result, err := verify.Feed(ctx, f, run.destination, states[f.Feed].Coverage, siblings(feeds, f.Feed), span, openSince)
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

// siblings returns the other feeds of a feed's project.
func siblings(feeds []load.Feed, f load.Feed) []load.Feed {
	var others []load.Feed
	for _, other := range feeds {
		if other.ProjectID == f.ProjectID && other != f {
			others = append(others, other)
		}
	}
	return others
}
