package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
	"convsync/internal/warehouse"
)

func newStatusCommand(app *app) *cobra.Command {
	var opts statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state and the problems of each project, and the last runs",
		Long: "Status reads only the destination, so it needs no API key. Its first line says whether the data is up to date, or\n" +
			"which project is failing and why. With --exit-code it ends with 0 (ok), 3 (attention) or 1 (failing).",
		Example: "  convsync status\n  convsync status --project acme-team-4\n  convsync status --output json --exit-code",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), app, opts) },
	}
	cmd.Flags().StringVar(&opts.output, "output", "text", "output format: text or json")
	cmd.Flags().StringSliceVar(&opts.projects, "project", nil, "show only this project, by its stored id; may be repeated")
	cmd.Flags().BoolVar(&opts.exitCode, "exit-code", false, "end with 3 if something needs attention, and with 1 if something is failing")
	return cmd
}

type statusOptions struct {
	output   string
	projects []string
	exitCode bool
}

// statusReport is `convsync status --output json`.
type statusReport struct {
	Verdict     string            `json:"verdict"` // ok, attention or failing
	Summary     string            `json:"summary"` // one sentence
	Error       *pipeline.Failure `json:"error"`   // why there is no status; null: there is one
	Problems    []statusProblem   `json:"problems"`
	Destination string            `json:"destination"`
	Feeds       []feedStatus      `json:"projects"`
	// Recordings has the projects whose recordings are checked or stored. StoreError
	// is why copies cannot be stored, as far as that is known.
	Recordings []recordingsStatus `json:"recordings"`
	StoreError string             `json:"recordings_store_error,omitempty"`
	Runs       []runSummary       `json:"runs"` // newest first
}

// statusProblem is a problem of a feed, a run or the destination.
type statusProblem struct {
	Verdict string     `json:"verdict"` // attention or failing
	What    string     `json:"what"`
	Error   string     `json:"error,omitempty"`
	Since   *time.Time `json:"since"`
	Do      string     `json:"do"`
	Runbook string     `json:"runbook,omitempty"` // a page in docs/runbooks
}

type feedStatus struct {
	ProjectID     string         `json:"project_id"`
	Environment   string         `json:"environment"`
	Verdict       string         `json:"verdict"` // ok, attention or failing
	Error         string         `json:"error,omitempty"`
	FailingSince  *time.Time     `json:"failing_since"`
	FirstLoad     *int           `json:"first_load_percent"` // null: it is complete
	Watermark     *time.Time     `json:"watermark"`
	AgeSeconds    *float64       `json:"watermark_age_seconds"`
	Gaps          []pipeline.Gap `json:"gaps"` // between the start and the end of the coverage
	Conversations int64          `json:"conversations"`
	Newest        *time.Time     `json:"newest"`
	Open          int            `json:"open"`
	Hidden        int64          `json:"hidden_transcripts"`
	Missing       int64          `json:"missing_at_source"`
	Rejects       int64          `json:"rejects"`
	Holes         []holeStatus   `json:"holes"` // seconds that the source fails to return
	Drift         []driftStatus  `json:"drift"`
	Lateness      []lateStatus   `json:"lateness"`
	// Lookback is the proposed lookback in hours: it covers 99 of 100 arrivals and
	// changes with a margin. Warning is set if the configured lookback is shorter.
	Lookback *float64 `json:"proposed_lookback_hours"`
	Warning  string   `json:"warning,omitempty"`
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
	Requests int64      `json:"requests"`
	Error    string     `json:"error,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`
}

// statusRuns is the number of runs in the output, as many as on the page, which
// refers to this command for complete errors.
const statusRuns = serve.ListedRuns

func runStatus(ctx context.Context, app *app, opts statusOptions) error {
	if err := oneOf("output", opts.output, "text", "json"); err != nil {
		return err
	}
	now := time.Now()
	report, err := readStatus(ctx, app, opts, now)
	if err != nil {
		return printFailure(ctx, app.stdout, opts.output, err)
	}
	if opts.output == "json" {
		err = json.NewEncoder(app.stdout).Encode(report)
	} else {
		err = report.print(app.hints(app.stdout), now)
	}
	if err != nil || !opts.exitCode {
		return err
	}
	switch report.Verdict {
	case serve.VerdictFailing:
		return codedError(exitFailed, errors.New(report.Summary))
	case serve.VerdictAttention:
		return codedError(exitPartial, errors.New(report.Summary))
	}
	return nil
}

// readStatus reads the destination.
func readStatus(ctx context.Context, app *app, opts statusOptions, now time.Time) (*statusReport, error) {
	cfg, err := app.loadConfigWithoutKeys()
	if err != nil {
		return nil, err
	}
	projects, err := chooseProjects(cfg, opts.projects)
	if err != nil {
		return nil, err
	}
	destination, err := openDestination(ctx, cfg, 0)
	if err != nil {
		return nil, err
	}
	defer destination.Close() //nolint:errcheck // nothing is written
	return collectStatus(ctx, cfg, projects, statusSources{destination, statusRecordings(ctx, cfg, projects, destination)}, now)
}

// statusReader is the part of a destination that status reads.
type statusReader interface {
	load.StateReader
	load.Reporter
}

// statusSources holds the readers of status.
type statusSources struct {
	statusReader
	recordings serve.Recordings
}

func collectStatus(ctx context.Context, cfg *config.Config, projects []config.Project, destination statusSources, now time.Time) (*statusReport, error) {
	var feeds []load.Feed
	starts := map[load.Feed]time.Time{}
	shown := pageFeeds(projects)
	for i := range shown {
		f := load.Feed{ProjectID: shown[i].ProjectID, Environment: shown[i].Environment}
		feeds = append(feeds, f)
		starts[f] = shown[i].Start
	}
	states, err := destination.State(ctx, feeds)
	if err != nil {
		return nil, err
	}
	summaries, err := destination.Summary(ctx, feeds)
	if err != nil {
		return nil, err
	}
	runs, err := destination.Runs(ctx, serve.ReadRuns)
	if err != nil {
		return nil, err
	}
	report := &statusReport{Destination: cfg.Destination.String(), Feeds: []feedStatus{}, Recordings: []recordingsStatus{}, Runs: []runSummary{}}
	storeErr, err := report.addRecordings(ctx, &destination.recordings, now)
	if err != nil {
		return nil, err
	}
	assessed := serve.Assess(serve.Options{
		Feeds: shown, Lookback: cfg.Sync.Lookback.Daily, StaleAfter: cfg.Serve.StaleAfter, SecondRunAfter: secondRunAfter(cfg),
	}, &serve.Stored{States: states, Summaries: summaries, Runs: runs, StoreErr: storeErr}, now)
	report.judge(assessed)
	for i := range assessed.Feeds {
		f := assessed.Feeds[i].Feed
		status := newFeedStatus(f, starts[f], states[f], summaries[f])
		status.judge(&assessed.Feeds[i], now)
		status.addLateness(summaries[f].Lateness, cfg.Sync.Lookback.Daily)
		report.Feeds = append(report.Feeds, status)
	}
	for i := range min(len(runs), statusRuns) {
		report.Runs = append(report.Runs, newRunSummary(&runs[i]))
	}
	return report, nil
}

func newFeedStatus(f load.Feed, start time.Time, state load.FeedState, summary load.FeedSummary) feedStatus {
	s := feedStatus{
		ProjectID:     f.ProjectID,
		Environment:   f.Environment,
		Watermark:     moment(state.Watermark),
		Gaps:          pipeline.Gaps(state.Accounted(), start),
		Conversations: summary.Conversations,
		Newest:        moment(summary.Newest),
		Open:          len(state.Open),
		Hidden:        summary.Hidden,
		Missing:       summary.Missing,
		Rejects:       summary.Rejects,
		Holes:         []holeStatus{},
		Drift:         []driftStatus{},
		Lateness:      []lateStatus{},
	}
	for _, h := range state.Holes {
		s.Holes = append(s.Holes, holeStatus{h.From.Time(), h.Until.Time(), h.Reason, h.FirstSeenAt.Time(), h.Tries, h.NextTryAt.Time()})
	}
	for _, d := range summary.Drift {
		s.Drift = append(s.Drift, driftStatus{d.Path, d.Kind, d.JSONType, d.Count, d.LastSeenAt.Time()})
	}
	return s
}

// moment returns a time for JSON; nil for none.
func moment(t warehouse.Timestamp) *time.Time {
	if t == 0 {
		return nil
	}
	at := t.Time()
	return &at
}

func newRunSummary(r *warehouse.SyncRun) runSummary {
	s := runSummary{
		RunID:    r.RunID,
		Kind:     r.Kind,
		Status:   r.Status,
		Started:  r.StartedAt.Time(),
		Inserted: r.Inserted,
		Updated:  r.Updated,
		Requests: r.Requests,
		Error:    string(r.Error),
	}
	if r.FinishedAt.Valid {
		s.Finished = moment(r.FinishedAt.V)
	}
	if r.Warnings != "" {
		s.Warnings = strings.Split(string(r.Warnings), "\n")
	}
	return s
}
