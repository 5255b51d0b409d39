package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/atomicfile"
	"convsync/internal/config"
	"convsync/internal/query"
	"convsync/internal/simulate"
)

type demoOptions struct {
	path          string
	conversations int
	deviations    bool
}

func newDemoCommand(app *app) *cobra.Command {
	var opts demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Load a month of made-up conversations and answer three questions, without an API key",
		Long: "Demo starts the simulated API inside this process, loads a month of made-up conversations into a Parquet\n" +
			"lake, prints its tables, and answers three questions about them in SQL. A second demo reads only what is new.",
		Example: "  convsync demo\n  convsync demo --conversations 50000 --path /tmp/lake",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), app, opts) },
	}
	cmd.Flags().StringVar(&opts.path, "path", "convsync-demo", "folder of the lake")
	cmd.Flags().IntVar(&opts.conversations, "conversations", 10_000, "number of conversations in the month")
	cmd.Flags().BoolVar(&opts.deviations, "deviations", false, "include all deviations from the documented API that the real service has shown")
	return cmd
}

// demoQuestions are the queries that the demo runs on its lake.
var demoQuestions = []struct{ title, sql string }{
	{"Which hours were slowest, by the 95th percentile of the agent's latency?", `
SELECT strftime(date_trunc('hour', started_at), '%Y-%m-%d %H:00') AS hour_utc,
       count(t.latency_seconds) AS turns,
       round(quantile_disc(t.latency_seconds, 0.95), 2) AS p95_seconds
FROM conversations c JOIN turns t USING (project_id, conversation_id, started_at)
GROUP BY ALL HAVING turns >= 50
ORDER BY p95_seconds DESC, hour_utc LIMIT 3`},
	{"How often does each variant hand over to a person?", `
SELECT variant_name AS variant,
       count(*) AS finished,
       count(*) FILTER (WHERE handoff) AS handoffs,
       round(handoffs / finished, 3) AS handoff_rate
FROM conversations WHERE lifecycle = 'final' AND handoff IS NOT NULL AND variant_name IS NOT NULL
GROUP BY ALL ORDER BY handoff_rate DESC, variant`},
	{"Which conversations are still open, and whose transcripts are hidden?", `
SELECT environment,
       count(*) AS all_conversations,
       count(*) FILTER (WHERE lifecycle = 'open') AS open,
       count(*) FILTER (WHERE transcript_status LIKE 'hidden%') AS hidden_transcripts
FROM conversations GROUP BY ALL ORDER BY environment`},
}

func runDemo(ctx context.Context, app *app, opts demoOptions) error {
	if opts.conversations < 1 {
		return usageError(errors.New("--conversations must be 1 or more"))
	}
	cfg, stop, err := startDemoSource(ctx, opts)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintf(app.stdout, "Loading a month of made-up conversations into %s\n", opts.path)
	report, err := syncOnce(ctx, app, cfg, syncOptions{})
	if report != nil {
		printSummary(app.stdout, report, "") // status would need a configuration
	}
	if err != nil {
		return err
	}
	ended := outcome(ctx, report, nil, false)
	if ended != nil && !opts.deviations { // which make some of the conversations unreadable
		return ended
	}
	file, err := writeDemoConfig(opts.path)
	if err != nil {
		return err
	}
	switch err := printLanded(ctx, app.stdout, opts.path); {
	case errors.Is(err, query.ErrNotBuilt):
		return fmt.Errorf("the lake is loaded, but the three questions could not be answered: %w", err)
	case err != nil:
		return err
	}
	printNextSteps(app.stdout, programName(exec.LookPath, os.Args[0]), filepath.ToSlash(opts.path), file)
	return ended
}

// printNextSteps names commands for the lake. file is the configuration that they need.
func printNextSteps(w io.Writer, program, lake, file string) {
	fmt.Fprintln(w, "\nNext steps:")
	steps := tabwriter.NewWriter(w, 0, 0, 4, ' ', 0)
	for _, step := range [][2]string{
		{"query --config " + file + " --name slowest-hours", "answer a saved question; --list lists them"},
		{"report --config " + file + " -o report.html", "write the figures of 28 days as a page with charts"},
		{"search --config " + file + " \"send back\"", "find conversations by what was said in them"},
		{"transcript --config " + file + " ID", "show one of them"},
		{"schema turns", "show what the columns mean"},
		{"demo", "read and write only what is new"},
		{"init --studio-url https://studio.uk.poly.ai/ACCOUNT/PROJECT", "configure your own project"},
	} {
		fmt.Fprintf(steps, "  %s %s\t%s\n", program, step[0], step[1])
	}
	_ = steps.Flush() // as for other output, the process ends if stdout is closed
	fmt.Fprintf(w, "Query the lake with any engine that reads Parquet, such as DuckDB:\n"+
		"  SELECT * FROM read_parquet('%s/conversations/**/*.parquet', hive_partitioning = true)\n", lake)
}

// writeDemoConfig writes a configuration for commands that read the lake, and returns
// its path. The simulated API ends with the demo, so its address is one where nothing
// listens.
func writeDemoConfig(lake string) (path string, err error) {
	const text = "# For commands that read the lake of `convsync demo`, such as query. Its source exists only during the demo.\n" +
		"source: { base_url: \"http://127.0.0.1:1\", account_id: acme-uk, api_key: made-up, projects: [{ id: acme-demo }] }\n" +
		"destination: { parquet: { path: . } }\n"
	path = filepath.Join(lake, "convsync.yaml")
	return path, atomicfile.Write(path, []byte(text))
}

// programName returns the command that starts this program: its name if it is
// on the PATH, otherwise the path with which it was started.
func programName(lookPath func(file string) (string, error), typed string) string {
	if _, err := lookPath("convsync"); err != nil {
		return typed
	}
	return "convsync"
}

// demoSource configures the simulated API. The simulated history has two
// complete years, so that a demo on another day continues where this one ended.
// Only its last month is read.
func demoSource(now time.Time, opts demoOptions) simulate.Options {
	first := time.Date(now.Year()-1, 1, 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(2, 0, 0)
	// Those that never end are open at any hour, also when hardly anybody calls.
	deviations := simulate.Deviations{HiddenTranscripts: true, NeverEnding: true}
	if opts.deviations {
		deviations = simulate.AllDeviations()
	}
	return simulate.Options{
		Seed: demoSeed,
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-demo",
			From:         first,
			To:           last,
			TurnsMean:    demoTurns,
			Summaries:    true,
			Environments: []simulate.Environment{{Name: "live", Conversations: scaled(opts.conversations, last.Sub(first), demoDays)}},
		}},
		Deviations: deviations,
	}
}

// startDemoSource starts the simulated API and makes a configuration that reads it.
func startDemoSource(ctx context.Context, opts demoOptions) (cfg *config.Config, stop func(), err error) {
	now := time.Now().UTC()
	from := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC).AddDate(0, 0, -demoDays)
	simulator, err := simulate.New(demoSource(now, opts))
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("the simulated API could not listen on this machine: %w", err)
	}
	serving, cancel := context.WithCancel(ctx)
	go serveUntil(serving, listener, simulator) //nolint:errcheck // ends with the demo
	path, err := filepath.Abs(opts.path)
	if err == nil {
		cfg, err = config.Parse("", []byte(fmt.Sprintf(demoConfig, listener.Addr(), path, from.Format(time.DateOnly))),
			config.Options{LookupEnv: func(string) (string, bool) { return "", false }})
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return cfg, cancel, nil
}

const (
	demoSeed  = 2026
	demoDays  = 30
	demoTurns = 8 // mean of a conversation
)

// scaled is how many conversations the whole has when some of its days have n.
func scaled(n int, whole time.Duration, days int) int {
	return int(float64(n) * whole.Hours() / float64(24*days))
}

// demoConfig takes the API's address, the lake's path and the start.
const demoConfig = `
source: { region: uk, base_url: "http://%s", account_id: acme-uk, api_key: made-up, projects: [{ id: acme-demo }] }
destination: { parquet: { path: %q } }
sync: { start: %s }
`
