package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/answer"
	"convsync/internal/transcript"
)

// transcriptFormats are the values of --output.
var transcriptFormats = []string{"terminal", "html", "json", "markdown"}

// transcriptEndings are the formats that the names of files have.
var transcriptEndings = map[string]string{".html": "html", ".htm": "html", ".json": "json", ".md": "markdown", ".txt": "terminal"}

// transcriptTimeout limits reading one conversation.
const transcriptTimeout = time.Minute

type transcriptOptions struct {
	id, project, output, out string
}

func newTranscriptCommand(app *app) *cobra.Command {
	var opts transcriptOptions
	cmd := &cobra.Command{
		Use:   "transcript ID",
		Short: "Show one conversation: who said what when, latencies, intents and the handoff",
		Long: "Transcript shows a stored conversation: what the user and the agent said and when, how long each response took,\n" +
			"silences, interruptions, intents, entities, the handoff and the metrics. It says first if the transcript is\n" +
			"incomplete, or the conversation is still open or no longer listed by the source. It needs no API key.\n\n" +
			"The form is that for a terminal unless --output, or the name of the file (.html, .json, .md), is another one." + readWhole,
		Example: "  convsync transcript CONV-123\n" +
			"  convsync transcript CONV-123 -o conversation.html\n" +
			"  convsync transcript CONV-123 --project acme-team-4 --output markdown",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(errors.New("expected the id of one conversation"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.id = args[0]
			return runTranscript(cmd.Context(), app, &opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.project, "project", "", "project of the conversation, if the id exists in several")
	flags.StringVar(&opts.output, "output", "", "output format: "+strings.Join(transcriptFormats, ", ")+" (default: that of the name of the file, otherwise terminal)")
	flags.StringVarP(&opts.out, "out", "o", "", "file to write to, which only you can read; it is replaced")
	return cmd
}

func runTranscript(ctx context.Context, app *app, opts *transcriptOptions) error {
	if opts.output == "" {
		var err error
		if opts.output, err = formatOfName(opts.out, "terminal", transcriptEndings); err != nil {
			return err
		}
	}
	if err := oneOf("output", opts.output, transcriptFormats...); err != nil {
		return err
	}
	if err := checkTexts("the id", opts.id, "--project", opts.project); err != nil {
		return err
	}
	if err := checkOut(opts.out); err != nil {
		return err
	}
	source, err := openSource(ctx, app, transcriptTimeout)
	if err != nil {
		return err
	}
	defer source.Close() //nolint:errcheck // nothing is written
	found, err := transcript.Find(ctx, source, opts.id, opts.project)
	if err != nil {
		var ambiguous *transcript.AmbiguousError
		if errors.As(err, &ambiguous) {
			return codedError(exitUsage, fmt.Errorf("%w; choose one with --project", err))
		}
		return explainNotFound(ctx, source, opts.project, err)
	}
	if opts.out == "" {
		return writeTranscript(app, found, opts.output)
	}
	var text bytes.Buffer
	if err := formatTranscript(&text, found, opts.output, transcript.Terminal{}); err != nil {
		return err
	}
	if err := writeOut(opts.out, text.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(app.stderr, "wrote %s\n", opts.out)
	return nil
}

// writeTranscript writes to stdout. A program gets the data as it is; on a terminal,
// control characters are escaped.
func writeTranscript(app *app, t *transcript.Transcript, output string) error {
	out, to := app.plainStdout, transcript.Terminal{}
	if isTerminal(app.plainStdout) {
		to = transcript.Terminal{Width: terminalWidth(app.plainStdout), Color: hasColor(app.lookupEnv)}
		if output != "terminal" { // it escapes them itself
			out = app.stdout
		}
	}
	return formatTranscript(out, t, output, to)
}

// hasColor reports whether a terminal should show colors (https://no-color.org).
func hasColor(lookupEnv func(string) (string, bool)) bool {
	off, _ := lookupEnv("NO_COLOR")
	kind, _ := lookupEnv("TERM")
	return off == "" && kind != "dumb"
}

func formatTranscript(w io.Writer, t *transcript.Transcript, output string, to transcript.Terminal) error {
	switch output {
	case "html":
		return t.WriteHTML(w)
	case "json":
		return t.WriteJSON(w)
	case "markdown":
		return t.WriteMarkdown(w)
	}
	return t.WriteText(w, to)
}

// explainNotFound adds what is loaded to the error for an id of which nothing is known.
func explainNotFound(ctx context.Context, source answer.Source, project string, err error) error {
	var missing *transcript.NotFoundError
	if errors.As(err, &missing) && len(missing.Reasons) == 0 {
		return fmt.Errorf("%w\n%s", err, notLoaded(ctx, source, project))
	}
	return err
}

// notLoaded says what is loaded: the reason may be that the conversation is not yet.
func notLoaded(ctx context.Context, source answer.Source, project string) string {
	feeds, err := readCovered(ctx, source)
	if err != nil {
		return "check the id"
	}
	lines := []string{"check the id; it may also have started outside of what is loaded:"}
	for _, f := range feeds {
		if project == "" || f.project == project {
			lines = append(lines, fmt.Sprintf("  %s (%s): %s", f.project, f.environment, f.describe()))
		}
	}
	switch {
	case len(feeds) == 0:
		return "nothing is loaded yet; `convsync run` loads conversations"
	case len(lines) == 1:
		return fmt.Sprintf("nothing of the project %s is loaded", transcript.Shorten(project))
	case len(lines) > shownFeeds+1:
		lines = append(lines[:shownFeeds+1], "  and more: see `convsync status`")
	}
	return strings.Join(lines, "\n")
}
