package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/answer"
	"convsync/internal/plural"
)

type queryOptions struct {
	sql, file string
	set       []string
	output    string
	out       string // a file; "": stdout
	limit     int    // 0: all
	limited   bool   // the limit was given; otherwise it depends on the output
	timeout   time.Duration
	records   bool
	noHistory bool
	saved     savedOptions
}

// terminalRows is the limit of rows on a terminal.
const terminalRows = 1000

func newQueryCommand(app *app) *cobra.Command {
	var opts queryOptions
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Answer SQL, or a saved question, over the destination: a Parquet lake or Postgres",
		Long: "Query runs one SQL statement that reads, and prints its answer. In a lake it uses an embedded DuckDB over a\n" +
			"snapshot of the last commit; in Postgres a read-only transaction. Statements that write are refused. Tables and\n" +
			"views have the same names in both: `convsync schema` lists them. Without SQL, a prompt is opened on a terminal;\n" +
			"otherwise the statement is read from standard input.\n\n" +
			"--name answers a saved question, and shows its SQL on a terminal. Questions are about the last complete days,\n" +
			"28 of them for most; --set changes that.\n\n" +
			"On a terminal the first 1,000 rows are shown. Parameters are written $name; text of a parameter has the type that\n" +
			"its place needs, otherwise write CAST($name AS type)." + readWhole,
		Example: "  convsync query \"SELECT * FROM freshness\"\n" +
			"  convsync query --file q.sql --set from=2026-11-01 --set project=acme-team-4\n" +
			"  convsync query \"SELECT * FROM turns\" -o turns.parquet\n" +
			"  convsync query --list\n" +
			"  convsync query --name slowest-hours --set from=2026-11-01\n" +
			"  convsync query                                  # prompt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(errors.New("expected one statement: put it in quotes"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.sql = args[0]
			}
			opts.limited = cmd.Flags().Changed("limit")
			if err := opts.saved.refuseFlags(cmd.Flags().Changed); err != nil {
				return err
			}
			return runQuery(cmd.Context(), app, &opts, len(args) > 0)
		},
	}
	opts.saved.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&opts.file, "file", "f", "", "file with the statement; - is standard input")
	flags.StringArrayVar(&opts.set, "set", nil, "value of a parameter, as name=value; may be repeated")
	flags.StringVar(&opts.output, "output", "", "output format: "+strings.Join(queryFormats, ", ")+" (default: that of the name of the file, otherwise table)")
	flags.StringVarP(&opts.out, "out", "o", "", "file to write to; it is replaced")
	flags.IntVar(&opts.limit, "limit", 0, "maximum number of rows; 0: all (default: 1000 on a terminal, otherwise all)")
	flags.DurationVar(&opts.timeout, "timeout", 10*time.Minute, "time that a statement may take")
	flags.BoolVarP(&opts.records, "records", "x", false, "show one line for each value instead of a table")
	flags.BoolVar(&opts.noHistory, "no-history", false, "do not store the statements of the prompt in a file")
	return cmd
}

func runQuery(ctx context.Context, app *app, opts *queryOptions, given bool) error {
	question, err := opts.saved.check(given || opts.file != "")
	switch {
	case err != nil:
		return err
	case opts.saved.show:
		return showQuestion(app, question, opts.out)
	}
	session, err := newQuerySession(app, opts)
	if err != nil {
		return err
	}
	if opts.saved.list {
		_, err := session.put(ctx, questionRows())
		return err
	}
	statement := answer.Statement{}
	if statement.Params, err = parseParams(opts.set); err != nil {
		return err
	}
	interactive := !given && opts.file == "" && question == nil && isTerminal(app.stdin)
	if interactive && opts.out != "" {
		return usageError(errors.New("--out needs a statement"))
	}
	if statement.SQL = opts.sql; !interactive && !given && question == nil {
		if statement.SQL, err = readStatement(app, opts.file); err != nil {
			return err
		}
		question = ownQuestion(opts.file, statement.SQL)
	} else if given && opts.file != "" {
		return usageError(errors.New("give the statement or --file, not both"))
	}
	if session.source, err = openSource(ctx, app, opts.timeout); err != nil {
		return err
	}
	defer session.source.Close() //nolint:errcheck // nothing is written
	switch {
	case interactive:
		return runPrompt(ctx, session, statement.Params)
	case question != nil:
		return session.answerQuestion(ctx, question, statement.Params)
	}
	return session.answer(ctx, statement, func() { session.explainEmpty(ctx, statement.Params) })
}

// parseParams returns the values of --set.
func parseParams(set []string) (map[string]string, error) {
	params := map[string]string{}
	for _, text := range set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usageError(fmt.Errorf("--set %q is not a value of a parameter: expected name=value", text))
		}
		params[strings.TrimPrefix(name, "$")] = value
	}
	return params, nil
}

// readStatement reads a file, or standard input, without a byte order mark.
func readStatement(app *app, file string) (string, error) {
	read := func() ([]byte, error) { return os.ReadFile(file) }
	if file == "" || file == "-" {
		read = func() ([]byte, error) { return io.ReadAll(app.stdin) }
	}
	text, err := read()
	if err != nil {
		return "", usageError(fmt.Errorf("--file cannot be read: %w", err))
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// querySession answers statements with one configuration of the output.
type querySession struct {
	app    *app
	source answer.Source
	format string
	out    string
	limit  int // 0: all
	width  int // of the terminal; 0: it is not one
	record bool
	opts   *queryOptions
}

func newQuerySession(app *app, opts *queryOptions) (*querySession, error) {
	s := &querySession{
		app:    app,
		format: opts.output,
		out:    opts.out,
		limit:  opts.limit,
		record: opts.records,
		opts:   opts,
	}
	if s.format == "" {
		var err error
		if s.format, err = formatOfName(opts.out, "table", queryEndings); err != nil {
			return nil, err
		}
	}
	if err := oneOf("output", s.format, queryFormats...); err != nil {
		return nil, err
	}
	if opts.records && s.format != "table" {
		return nil, usageError(errors.New("--records is a form of --output table: leave one of them out"))
	}
	if opts.limit < 0 {
		return nil, usageError(errors.New("--limit must be 0 or more"))
	}
	if opts.timeout <= 0 {
		return nil, usageError(errors.New("--timeout must be more than 0"))
	}
	if opts.out == "" && isTerminal(app.plainStdout) {
		s.width = terminalWidth(app.plainStdout)
		if s.format == "parquet" {
			return nil, usageError(errors.New("a terminal cannot show Parquet: write it to a file with -o FILE.parquet, or to a pipe"))
		}
	}
	if !opts.limited && s.width > 0 {
		s.limit = terminalRows
	}
	return s, nil
}

// answer runs a statement and writes its answer. explain is called if it has no row.
func (s *querySession) answer(ctx context.Context, statement answer.Statement, explain func()) error {
	rows, err := s.ask(ctx, statement)
	if err != nil {
		return err
	}
	return s.putOr(ctx, rows, explain)
}

func (s *querySession) ask(ctx context.Context, statement answer.Statement) (answer.Rows, error) {
	if s.limit > 0 {
		statement.Limit = s.limit + 1 // one more tells whether there are more
	}
	rows, err := s.source.Ask(ctx, statement)
	return rows, queryError(err)
}

// putOr is put, and calls explain if there is no row.
func (s *querySession) putOr(ctx context.Context, rows answer.Rows, explain func()) error {
	written, err := s.put(ctx, rows)
	if err == nil && written == 0 {
		explain()
	}
	return err
}

// put writes an answer, and closes it.
func (s *querySession) put(ctx context.Context, rows answer.Rows) (written int, err error) {
	written, more, err := s.write(ctx, rows)
	if err = errors.Join(err, rows.Close()); err != nil {
		return 0, queryError(err)
	}
	if more {
		fmt.Fprintf(s.app.stderr, "showing the first %s: --limit 0 shows all\n", plural.Count(int64(s.limit), "row"))
	}
	if s.out != "" {
		fmt.Fprintf(s.app.stderr, "wrote %s to %s\n", plural.Count(int64(written), "row"), s.out)
	}
	return written, nil
}

// queryError gives an error its exit code.
func queryError(err error) error {
	var wrong *answer.SQLError
	if errors.As(err, &wrong) && wrong.Refused {
		return codedError(exitUsage, err)
	}
	return err
}
