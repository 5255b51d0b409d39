package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/answer"
	"convsync/internal/plural"
	"convsync/internal/search"
	"convsync/internal/warehouse"
)

type searchOptions struct {
	question search.Question
	from, to string
	query    queryOptions // of the output
}

func newSearchCommand(app *app) *cobra.Command {
	var opts searchOptions
	cmd := &cobra.Command{
		Use:   "search WORDS",
		Short: "Find conversations by words that were said in them",
		Long: "Search finds conversations with a turn in which all of the words were said, by the user or the agent, also in the\n" +
			"translations. Words are whole words in any case. The best turns come first: those in which the words follow each\n" +
			"other, then short ones. The snippet has the words between asterisks. It needs no API key.\n\n" +
			"In Postgres, `convsync migrate --with-search` creates the index that makes it fast. A lake is scanned: --from makes\n" +
			"that faster." + readWhole,
		Example: "  convsync search \"cancel my order\"\n" +
			"  convsync search refund --from 2026-11-01 --outcome handed_off\n" +
			"  convsync search refund --output jsonl --limit 1000",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(errors.New("expected words to search for"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.question.Words = strings.Join(args, " ")
			return runSearch(cmd.Context(), app, &opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.from, "from", "", "only conversations that started at or after this date or time (UTC)")
	flags.StringVar(&opts.to, "to", "", "only conversations that started before this date or time (UTC)")
	flags.StringVar(&opts.question.Project, "project", "", "only conversations of this project")
	flags.StringVar(&opts.question.Variant, "variant", "", "only conversations of this variant: its name or id")
	flags.StringVar(&opts.question.Outcome, "outcome", "", "only conversations with this outcome: "+strings.Join(warehouse.Outcomes, ", "))
	flags.IntVar(&opts.question.Limit, "limit", 20, "maximum number of conversations")
	flags.StringVar(&opts.query.output, "output", "", "output format: "+strings.Join(queryFormats, ", ")+" (default: that of the name of the file, otherwise table)")
	flags.StringVarP(&opts.query.out, "out", "o", "", "file to write to; it is replaced")
	flags.DurationVar(&opts.query.timeout, "timeout", 10*time.Minute, "time that the search may take")
	return cmd
}

func runSearch(ctx context.Context, app *app, opts *searchOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	session, err := newQuerySession(app, &opts.query)
	if err != nil {
		return err
	}
	if session.source, err = openSource(ctx, app, opts.query.timeout); err != nil {
		return err
	}
	defer session.source.Close() //nolint:errcheck // nothing is written
	rows, err := search.Find(ctx, session.source, &opts.question)
	if errors.Is(err, search.ErrNoWords) {
		return usageError(err)
	}
	if err != nil {
		return err
	}
	written, more, err := session.write(ctx, rows)
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	switch {
	case more:
		fmt.Fprintf(app.stderr, "showing the best %s: --limit shows more\n", plural.Count(int64(written), "conversation"))
	case written == 0:
		session.explainEmpty(ctx, map[string]string{"from": opts.from, "to": opts.to, "project": opts.question.Project})
	}
	if opts.query.out != "" {
		fmt.Fprintf(app.stderr, "wrote %s to %s\n", plural.Count(int64(written), "conversation"), opts.query.out)
	}
	return noteIndex(ctx, app, session.source)
}

// check reads the flags.
func (o *searchOptions) check() (err error) {
	q := &o.question
	if err := checkTexts("the text to search for", q.Words, "--project", q.Project, "--variant", q.Variant); err != nil {
		return err
	}
	if o.from != "" {
		q.From, err = parseMoment("from", o.from)
	}
	if o.to != "" && err == nil {
		q.To, err = parseMoment("to", o.to)
	}
	switch {
	case err != nil:
		return err
	case !q.To.IsZero() && !q.From.Before(q.To):
		return usageError(errors.New("--from must be before --to"))
	case q.Limit < 1:
		return usageError(errors.New("--limit must be 1 or more"))
	}
	if q.Outcome != "" {
		if err := oneOf("outcome", q.Outcome, warehouse.Outcomes...); err != nil {
			return err
		}
	}
	o.query.limit, o.query.limited = q.Limit, true
	q.Limit++ // one more tells whether there are more
	return nil
}

// noteIndex says how a search in Postgres becomes fast.
func noteIndex(ctx context.Context, app *app, source answer.Source) error {
	if source.Dialect() != "postgres" {
		return nil
	}
	has, err := search.HasIndex(ctx, source)
	if err == nil && !has {
		fmt.Fprintln(app.hints(app.stderr), "searched without an index: `convsync migrate --with-search` makes it fast")
	}
	return err
}
