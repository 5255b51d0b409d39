package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"convsync/internal/config"
)

// app holds the streams, the environment and the global flags for all commands.
// The log is set when a command starts.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer // with control characters escaped
	terminal       io.Writer // stderr as it is
	plainStdout    io.Writer // stdout as it is, for data that programs read
	screen         *screen   // that stderr writes to; nil: it is no terminal
	quiet          bool      // no progress, and no summary of what succeeded
	lookupEnv      func(name string) (string, bool)
	log            *slog.Logger
	drawing        atomic.Bool // the progress of a run is on the screen

	configFile, logLevel, logFormat string
}

// Main runs one command line and returns its exit code. Cancelling ctx is Ctrl-C.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, lookupEnv func(string) (string, bool)) int {
	app := &app{
		stdin:       stdin,
		stdout:      &escapingWriter{to: stdout},
		stderr:      &escapingWriter{to: stderr},
		terminal:    stderr,
		plainStdout: stdout,
		lookupEnv:   lookupEnv,
	}
	if app.screen = newScreen(stderr, lookupEnv); app.screen != nil {
		app.stderr = &escapingWriter{to: app.screen}
	}
	root := newRootCommand(app)
	root.SetArgs(args)
	ctx, stop := untilHangup(ctx, root, args)
	defer stop()
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(ctx, err)
	if err != nil && !isReported(err) {
		explain(app.hints(app.stderr), cmd, err)
	}
	return code
}

// untilHangup returns a context that also ends when the terminal is closed
// (SIGHUP), unless that signal is ignored, as under nohup. `serve` reloads its
// configuration instead.
func untilHangup(ctx context.Context, root *cobra.Command, args []string) (context.Context, context.CancelFunc) {
	if cmd, _, err := root.Find(args); err == nil && cmd.Name() == "serve" || signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

func newRootCommand(app *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "convsync",
		Short: "Keep a warehouse in sync with PolyAI conversations",
		Long: "Convsync reads PolyAI's Conversations API, turns transcripts, metrics and latencies into tables, and loads\n" +
			"them into Parquet files or Postgres.\n\n" +
			"The terms are explained in docs/glossary.md.",
		Example: "  convsync demo                 # try it without an API key\n" +
			"  convsync init                 # write convsync.yaml\n" +
			"  convsync check && convsync run",
		Version:           version(),
		SilenceErrors:     true, // Main prints them
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return app.startLog() },
	}
	root.SetIn(app.stdin)
	root.SetOut(app.stdout)
	root.SetErr(app.stderr)
	root.SetVersionTemplate("convsync {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVar(&app.configFile, "config", "", "configuration file (default: $CONVSYNC_CONFIG, then ./convsync.yaml, then POLYAI_* variables)")
	flags.StringVar(&app.logLevel, "log-level", "info", "log level: debug, info, warn or error")
	flags.StringVar(&app.logFormat, "log-format", "", "log format: text or json (default: text on a terminal, otherwise json)")
	root.AddCommand(
		newCheckCommand(app),
		newDemoCommand(app),
		newExportCommand(app),
		newHealthCommand(app),
		newInitCommand(app),
		newLakeCommand(app),
		newMigrateCommand(app),
		newNotifyCommand(app),
		newQueryCommand(app),
		newReplayCommand(app),
		newReportCommand(app),
		newRunCommand(app),
		newSchemaCommand(app),
		newSearchCommand(app),
		newServeCommand(app),
		newSimulateCommand(app),
		newStatusCommand(app),
		newTranscriptCommand(app),
		newVerifyCommand(app),
		newVersionCommand(app),
		newWebhooksCommand(app),
	)
	markUsageErrors(root)
	completeFlags(app, root)
	return root
}

// markUsageErrors gives errors of cobra itself the exit code for wrong usage:
// all errors that do not come from the work of a command.
func markUsageErrors(root *cobra.Command) {
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.SuggestionsMinimumDistance = 2
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if near := root.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usageError(fmt.Errorf("unknown command %q%s", args[0], hint))
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, cmd := range root.Commands() {
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usageError(err)
				}
				return nil
			}
		}
	}
}

// readWhole is the last sentence in the help of commands that use only part of
// the configuration.
const readWhole = "\nThe whole configuration is read: all ${VARIABLES} in it must be set, including the one for the API key."

// loadConfig reads the configuration that the flags and the environment name.
func (a *app) loadConfig() (*config.Config, error) {
	return config.Load(config.Options{File: a.configFile, LookupEnv: a.lookupEnv})
}

// loadConfigWithoutKeys is loadConfig for commands that send no requests to the
// source.
func (a *app) loadConfigWithoutKeys() (*config.Config, error) {
	return config.Load(config.Options{File: a.configFile, LookupEnv: a.lookupEnv, WithoutKeys: true})
}

// startLog makes the log: to stderr, text for people, JSON for machines.
func (a *app) startLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return usageError(fmt.Errorf("--log-level %q is not known: use debug, info, warn or error", a.logLevel))
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.stderr, options))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.stderr, options))
	case "":
		if isTerminal(a.terminal) {
			options.ReplaceAttr = forPeople
			a.log = slog.New(slog.NewTextHandler(a.stderr, options))
			return nil
		}
		a.log = slog.New(slog.NewJSONHandler(a.stderr, options))
	default:
		return usageError(fmt.Errorf("--log-format %q is not known: use text or json", a.logFormat))
	}
	return nil
}

// forPeople shortens the log of a run in a terminal.
func forPeople(_ []string, attr slog.Attr) slog.Attr {
	switch attr.Key {
	case slog.TimeKey:
		return slog.String(slog.TimeKey, attr.Value.Time().Format(time.TimeOnly))
	case "run_id":
		return slog.Attr{}
	}
	return attr
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
