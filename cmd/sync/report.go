package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/plural"
	"convsync/internal/report"
	"convsync/internal/warehouse"
)

type reportOptions struct {
	from, to    string
	days        int
	compare     bool
	projects    []string
	environment string
	output      string // html or json
	out         string // a file; "": stdout
}

func newReportCommand(app *app) *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the figures of a period as one page with charts, or as JSON",
		Long: "Report reads the destination: a Parquet lake or Postgres. It writes one HTML file that needs no network and can be\n" +
			"sent, printed and read without scripts. Days are local days of each project. Without --from and --to, the period is\n" +
			"the last 28 complete days. Days that were not read have no figures, and days that are not complete are marked.\n\n" +
			"docs/report.md describes the figures." + readWhole,
		Example: "  convsync report -o report.html\n" +
			"  convsync report --from 2026-10-01 --to 2026-11-01 --compare -o october.html\n" +
			"  convsync report --project acme-team-4 --output json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("days") && (opts.from != "" || opts.to != "") {
				return usageError(errors.New("give --days, or --from and --to: not both"))
			}
			return runReport(cmd.Context(), app, &opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "first day, as 2026-10-01")
	flags.StringVar(&opts.to, "to", "", "day after the last one, as 2026-11-01")
	flags.IntVar(&opts.days, "days", report.DefaultDays, "without --from and --to: the number of days, which end with the last complete one")
	flags.BoolVar(&opts.compare, "compare", false, "compare with the period of the same length before")
	flags.StringSliceVar(&opts.projects, "project", nil, "only this project, by its stored id; may be repeated (default: all that are stored)")
	flags.StringVar(&opts.environment, "environment", "live", "environment: live, sandbox or pre-release")
	flags.StringVar(&opts.output, "output", "", "output format: html or json (default: that of the name of the file, otherwise html)")
	flags.StringVarP(&opts.out, "out", "o", "", "file to write to; it is replaced (default: standard output)")
	return cmd
}

func runReport(ctx context.Context, app *app, opts *reportOptions) error {
	if opts.output == "" {
		var err error
		if opts.output, err = formatOfName(opts.out, "html", map[string]string{".html": "html", ".htm": "html", ".json": "json"}); err != nil {
			return err
		}
	}
	if err := oneOf("output", opts.output, "html", "json"); err != nil {
		return err
	}
	period, err := report.ParsePeriod(opts.from, opts.to)
	if err != nil {
		return usageError(err)
	}
	if opts.days < 1 || opts.days > report.MaxDays {
		return usageError(fmt.Errorf("--days must be from 1 to %d", report.MaxDays))
	}
	if opts.out == "" && opts.output == "html" && isTerminal(app.plainStdout) {
		return usageError(errors.New("a page is not for a terminal: write it to a file with -o report.html, or use --output json"))
	}
	if err := checkOut(opts.out); err != nil {
		return err
	}
	cfg, err := app.loadConfigWithoutKeys()
	if err != nil {
		return err
	}
	if err := checkReported(cfg, opts); err != nil {
		return err
	}
	r, err := report.Collect(ctx, openForReport(cfg), report.Options{
		Period:      period,
		Days:        opts.days,
		Compare:     opts.compare,
		Environment: opts.environment,
		Projects:    opts.projects,
		Now:         time.Now(),
		Version:     version(),
	})
	if err != nil {
		return queryError(err)
	}
	return writeReport(app, r, opts)
}

// checkReported refuses a project or an environment that is not configured.
func checkReported(cfg *config.Config, opts *reportOptions) error {
	if _, err := chooseProjects(cfg, opts.projects); err != nil {
		return err
	}
	return oneOf("environment", opts.environment, warehouse.Environments...)
}

// writeReport writes a report to the file or to stdout. What it lacks goes to stderr.
func writeReport(app *app, r *report.Report, opts *reportOptions) error {
	page, err := encodeReport(r, opts.output)
	if err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintln(app.hints(app.stderr), "note: "+oneLine(note))
	}
	if opts.out == "" {
		_, err := io.Copy(app.plainStdout, bytes.NewReader(page))
		return err
	}
	if err := writeOut(opts.out, page); err != nil {
		return err
	}
	conversations := "no figures"
	if r.Current != nil {
		conversations = plural.Count(r.Current.Conversations, "conversation")
	}
	fmt.Fprintf(app.stderr, "wrote %s: %s from %s to %s\n", opts.out, conversations,
		r.Period.From.Format(time.DateOnly), r.Period.To.AddDate(0, 0, -1).Format(time.DateOnly))
	return nil
}

func encodeReport(r *report.Report, format string) ([]byte, error) {
	if format == "html" {
		return r.Page()
	}
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}
