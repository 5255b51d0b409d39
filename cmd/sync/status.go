package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

func newStatusCommand(app *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show how far each project is, what is open, odd or missing, and the last runs",
		Long:    "Status reads the destination only, never the source." + readWhole,
		Example: "  convsync status\n  convsync status --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), app, output) },
	}
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// statusReport is `convsync status --output json`.
type statusReport struct {
	Destination string       `json:"destination"`
	Feeds       []feedStatus `json:"projects"`
	Runs        []runSummary `json:"runs"` // newest first
}

type feedStatus struct {
	ProjectID     string        `json:"project_id"`
	Environment   string        `json:"environment"`
	Watermark     *time.Time    `json:"watermark"`
	Gaps          []gap         `json:"gaps"` // between the start and the end of the coverage
	Conversations int64         `json:"conversations"`
	Newest        *time.Time    `json:"newest"`
	Open          int           `json:"open"`
	Hidden        int64         `json:"hidden_transcripts"`
	Missing       int64         `json:"missing_at_source"`
	Rejects       int64         `json:"rejects"`
	Holes         []holeStatus  `json:"holes"` // seconds that the source cannot answer for
	Drift         []driftStatus `json:"drift"`
	Lateness      []lateStatus  `json:"lateness"`
	// Lookback is how far back it takes to see 99 of 100 arrivals and changes;
	// Warning says that what is configured is near that, or below.
	Lookback *float64 `json:"proposed_lookback_hours"`
	Warning  string   `json:"warning,omitempty"`
}

type gap struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

type holeStatus struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	Found   time.Time `json:"first_seen_at"`
	Tries   int64     `json:"tries"`
	NextTry time.Time `json:"next_try_at"`
}

type driftStatus struct {
	Path  string    `json:"path"`
	Kind  string    `json:"kind"`
	Type  string    `json:"json_type"`
	Count int64     `json:"count"`
	Last  time.Time `json:"last_seen_at"`
}

type runSummary struct {
	RunID    string     `json:"run_id"`
	Kind     string     `json:"kind"`
	Status   string     `json:"status"`
	Started  time.Time  `json:"started_at"`
	Finished *time.Time `json:"finished_at"`
	Inserted int64      `json:"inserted"`
	Updated  int64      `json:"updated"`
	Error    string     `json:"error,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`
}

// statusRuns are those that the page lists too: of errors for which it has no
// room, it sends its readers here.
const statusRuns = serve.ListedRuns

func runStatus(ctx context.Context, app *app, output string) error {
	if err := oneOf("output", output, "text", "json"); err != nil {
		return err
	}
	cfg, err := app.loadConfig()
	if err != nil {
		return err
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return err
	}
	defer destination.Close() //nolint:errcheck // nothing is written
	report, err := collectStatus(ctx, cfg, destination)
	if err != nil {
		return err
	}
	if output == "json" {
		return json.NewEncoder(app.stdout).Encode(report)
	}
	return report.print(app.stdout)
}

func collectStatus(ctx context.Context, cfg *config.Config, destination load.Destination) (*statusReport, error) {
	var feeds []load.Feed
	starts := map[load.Feed]extract.Second{}
	for i := range cfg.Projects {
		p := &cfg.Projects[i]
		for _, e := range p.Environments {
			f := load.Feed{ProjectID: p.StoredID, Environment: e}
			feeds = append(feeds, f)
			starts[f] = extract.SecondOf(p.Start)
		}
	}
	states, err := destination.State(ctx, feeds)
	if err != nil {
		return nil, err
	}
	summaries, err := destination.Summary(ctx, feeds)
	if err != nil {
		return nil, err
	}
	runs, err := destination.Runs(ctx, statusRuns)
	if err != nil {
		return nil, err
	}
	report := &statusReport{Destination: describeDestination(cfg), Feeds: []feedStatus{}, Runs: []runSummary{}}
	for _, f := range feeds {
		status := newFeedStatus(f, starts[f], states[f], summaries[f])
		status.addLateness(summaries[f].Lateness, cfg.Sync.Lookback.Daily)
		report.Feeds = append(report.Feeds, status)
	}
	for i := range runs {
		report.Runs = append(report.Runs, newRunSummary(&runs[i]))
	}
	return report, nil
}

func describeDestination(cfg *config.Config) string {
	if cfg.Destination.Parquet != nil {
		return "Parquet in " + cfg.Destination.Parquet.Path
	}
	return "Postgres, schema " + cfg.Destination.Postgres.Schema
}

func newFeedStatus(f load.Feed, start extract.Second, state load.FeedState, summary load.FeedSummary) feedStatus {
	s := feedStatus{
		ProjectID: f.ProjectID, Environment: f.Environment, Watermark: moment(state.Watermark), Gaps: []gap{},
		Conversations: summary.Conversations, Newest: moment(summary.Newest), Open: len(state.Open),
		Hidden: summary.Hidden, Missing: summary.Missing, Rejects: summary.Rejects, Holes: []holeStatus{}, Drift: []driftStatus{}, Lateness: []lateStatus{},
	}
	at := start.Time()
	for _, h := range state.Holes {
		s.Holes = append(s.Holes, holeStatus{h.From.Time(), h.Until.Time(), h.Reason, h.FirstSeenAt.Time(), h.Tries, h.NextTryAt.Time()})
	}
	for _, c := range state.Accounted() {
		if from := c.From.Time(); from.After(at) {
			s.Gaps = append(s.Gaps, gap{at, from})
		}
		if until := c.Until.Time(); until.After(at) {
			at = until
		}
	}
	for _, d := range summary.Drift {
		s.Drift = append(s.Drift, driftStatus{d.Path, d.Kind, d.JSONType, d.Count, d.LastSeenAt.Time()})
	}
	return s
}

// moment is nil for none.
func moment(t warehouse.Timestamp) *time.Time {
	if t == 0 {
		return nil
	}
	at := t.Time()
	return &at
}

func newRunSummary(r *warehouse.SyncRun) runSummary {
	s := runSummary{
		RunID: r.RunID, Kind: r.Kind, Status: r.Status, Started: r.StartedAt.Time(),
		Inserted: r.Inserted, Updated: r.Updated, Error: string(r.Error),
	}
	if r.FinishedAt.Valid {
		s.Finished = moment(r.FinishedAt.V)
	}
	if r.Warnings != "" {
		s.Warnings = strings.Split(string(r.Warnings), "\n")
	}
	return s
}

func (r *statusReport) print(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", r.Destination)
	for _, f := range r.Feeds {
		fmt.Fprintf(w, "%s (%s)\n", f.ProjectID, f.Environment)
		fmt.Fprintf(w, "  read whole until  %s\n", orNothing(f.Watermark))
		for _, g := range f.Gaps {
			fmt.Fprintf(w, "  not read yet      %s to %s\n", g.From.Format(time.RFC3339), g.Until.Format(time.RFC3339))
		}
		fmt.Fprintf(w, "  conversations     %d, the newest of %s\n", f.Conversations, orNothing(f.Newest))
		fmt.Fprintf(w, "  open              %d\n", f.Open)
		fmt.Fprintf(w, "  hidden            %d transcripts\n", f.Hidden)
		if f.Missing > 0 {
			fmt.Fprintf(w, "  missing           %d no longer listed by the source\n", f.Missing)
		}
		fmt.Fprintf(w, "  rejects           %d\n", f.Rejects)
		for _, h := range f.Holes {
			fmt.Fprintf(w, "  hole              %s, tried %d times, next after %s: %s\n",
				h.From.Format(time.RFC3339), h.Tries, h.NextTry.Format(time.RFC3339), h.Reason)
		}
		f.printLateness(w)
		if len(f.Drift) > 0 {
			fmt.Fprintf(w, "  drift\n")
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, d := range f.Drift {
				fmt.Fprintf(t, "    %s\t%s\t%s\t%d times\tlast %s\n", d.Path, d.Kind, d.Type, d.Count, d.Last.Format(time.RFC3339))
			}
			if err := t.Flush(); err != nil {
				return err
			}
		}
	}
	if len(r.Runs) == 0 {
		_, err := fmt.Fprintln(w, "\nno run has ended yet")
		return err
	}
	fmt.Fprintln(w, "\nlast runs")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, run := range r.Runs {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%d new\t%d changed\t%s\n", run.Started.Format(time.RFC3339), run.Kind, run.Status, run.Inserted, run.Updated, run.Error)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, warning := range r.Runs[0].Warnings {
		fmt.Fprintf(w, "\nwarning of the last run: %s\n", warning)
	}
	return nil
}

func orNothing(t *time.Time) string {
	if t == nil {
		return "nothing yet"
	}
	return t.Format(time.RFC3339)
}
