package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"convsync/internal/answer"
	"convsync/internal/plural"
	"convsync/internal/questions"
)

// savedOptions choose a saved question.
type savedOptions struct {
	list bool
	name string
	show bool
}

func (o *savedOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&o.list, "list", false, "list the saved questions")
	flags.StringVarP(&o.name, "name", "n", "", "answer a saved question; --set changes its parameters")
	flags.BoolVar(&o.show, "show", false, "with --name: print the question's parameters and SQL, and do not answer it")
	_ = cmd.RegisterFlagCompletionFunc("name", cobra.FixedCompletions(questions.Names(), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
}

// refuseFlags refuses flags that would have no effect.
func (o *savedOptions) refuseFlags(given func(flag string) bool) error {
	form, unused := "list", []string{"set", "timeout", "no-history"}
	switch {
	case o.show:
		form, unused = "show", append(unused, "output", "limit", "records")
	case !o.list:
		return nil
	}
	for _, name := range unused {
		if given(name) {
			return usageError(fmt.Errorf("--%s has no effect with --%s: leave one of them out", name, form))
		}
	}
	return nil
}

// check returns the question that was chosen; nil if none was.
func (o *savedOptions) check(hasStatement bool) (*questions.Question, error) {
	switch {
	case o.show && o.name == "":
		return nil, usageError(errors.New("--show needs --name: convsync query --list lists the names"))
	case o.list && (o.name != "" || hasStatement), o.name != "" && hasStatement:
		return nil, usageError(errors.New("give a statement, --file, --name or --list: only one of them"))
	case o.name == "":
		return nil, nil
	}
	return findQuestion(o.name)
}

func findQuestion(name string) (*questions.Question, error) {
	if q := questions.Get(name); q != nil {
		return q, nil
	}
	hint := "convsync query --list lists them"
	if near := answer.Nearest(name, questions.Names()); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return nil, usageError(fmt.Errorf("there is no saved question %s; %s", name, hint))
}

// ownQuestion returns the question that a file has, such as a changed copy of a saved
// one; nil if its header has no parameters.
func ownQuestion(file, text string) *questions.Question {
	q, err := questions.Parse(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), text)
	if err != nil || len(q.Params) == 0 {
		return nil
	}
	return q
}

// questionRows lists the names and titles of all questions.
func questionRows() *localRows {
	rows := &localRows{columns: []answer.Column{{Name: "name", Type: answer.Text}, {Name: "title", Type: answer.Text}}}
	for _, q := range questions.All() {
		rows.rows = append(rows.rows, []any{q.Name, q.Title})
	}
	return rows
}

// showQuestion writes the text of a question.
func showQuestion(app *app, q *questions.Question, out string) error {
	if out != "" {
		return writeOut(out, []byte(q.Text))
	}
	_, err := io.WriteString(app.plainStdout, q.Text)
	return err
}

// answerQuestion answers a saved question. given are the values of --set. The SQL is
// printed before the answer on a terminal, so that people learn it.
func (s *querySession) answerQuestion(ctx context.Context, q *questions.Question, given map[string]string) error {
	values, days, err := s.questionValues(ctx, q, given)
	switch {
	case errors.Is(err, questions.ErrNothingLoaded):
		s.explainEmpty(ctx, given)
		return nil
	case err != nil:
		return err
	}
	if s.width > 0 {
		fmt.Fprintf(s.app.stdout, "%s\n\n", questions.Render(q.SQL, values))
	}
	explain := func() { s.explainEmpty(ctx, values) }
	if days.Count() > 0 && s.describePeriod(ctx, days, values) {
		explain = func() { fmt.Fprintln(s.app.stderr, "no row") } // the notes say why
	}
	if q.Note != "" {
		fmt.Fprintln(s.app.stderr, "note: "+q.Note)
	}
	if s.width > 0 {
		fmt.Fprintln(s.app.stderr)
	}
	rows, err := s.ask(ctx, answer.Statement{SQL: q.SQL, Params: values})
	if err != nil {
		return err
	}
	return s.putOr(ctx, &commandRows{rows, s.app.configOption()}, explain)
}

// commandRows completes the commands in the answer to a saved question, so that they can
// be pasted.
type commandRows struct {
	answer.Rows
	options string
}

// Next implements [answer.Rows].
func (r *commandRows) Next(ctx context.Context) ([]any, error) {
	row, err := r.Rows.Next(ctx)
	for i := range row {
		if text, ok := row[i].(string); ok {
			if id, isCommand := strings.CutPrefix(text, "convsync transcript "); isCommand {
				row[i] = "convsync transcript " + shellQuote(id) + r.options
			}
		}
	}
	return row, err
}

// questionValues returns the values of the parameters of a question, and its period.
func (s *querySession) questionValues(ctx context.Context, q *questions.Question, given map[string]string) (values map[string]string, days questions.Days, err error) {
	cfg, err := s.app.loadConfigWithoutKeys()
	if err != nil {
		return nil, days, err
	}
	defaults := questions.Defaults{HandoffReasonMap: cfg.HandoffReasonMap}
	feed := map[string]string{questions.Project: "all", questions.Environment: "all"}
	for name := range feed {
		if p := q.Param(name); p != nil {
			feed[name] = p.Default
		}
		if value, ok := given[name]; ok {
			feed[name] = value
		}
	}
	if q.Param(questions.From) != nil {
		if defaults.Newest, err = questions.ReadNewest(ctx, s.source, feed[questions.Project], feed[questions.Environment]); err != nil {
			return nil, days, queryError(err)
		}
	}
	values, days, err = q.Values(given, defaults)
	if err != nil && !errors.Is(err, questions.ErrNothingLoaded) {
		err = usageError(err)
	}
	return values, days, err
}

// describePeriod prints the period of an answer, and what of it is not loaded. It
// reports whether something is not.
func (s *querySession) describePeriod(ctx context.Context, days questions.Days, values map[string]string) (lacking bool) {
	fmt.Fprintf(s.app.stderr, "period: %s to %s, %s; --set from=… and --set to=… change it\n",
		days.From.Format(time.DateOnly), days.Until.AddDate(0, 0, -1).Format(time.DateOnly), plural.Count(int64(days.Count()), "local day"))
	feeds, err := readCovered(ctx, s.source)
	if err != nil {
		return false // such as a role that cannot read the table
	}
	feeds = slices.DeleteFunc(feeds, func(f *covered) bool {
		return !matches(values[questions.Project], f.project) || !matches(values[questions.Environment], f.environment)
	})
	for _, f := range feeds[:min(len(feeds), shownFeeds)] {
		if text := f.describeMissing(days); text != "" {
			fmt.Fprintf(s.app.stderr, "note: %s (%s) %s\n", oneLine(f.project), oneLine(f.environment), text)
			lacking = true
		}
	}
	return lacking
}

func matches(pattern, name string) bool { return pattern == "" || pattern == "all" || pattern == name }

// describeMissing returns what of a range of local days is not loaded; "" if all is.
func (c *covered) describeMissing(d questions.Days) string {
	local := func(day time.Time) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, c.zone)
	}
	from, until, end := local(d.From), local(d.Until), c.ranges[len(c.ranges)-1].until
	missing := c.missing(from, until)
	switch {
	case missing == 0:
		return ""
	case missing == until.Sub(from):
		return "has nothing of this period; it is loaded " + c.describe()
	case end.After(from) && missing == until.Sub(end):
		return "is loaded until " + end.Format(time.RFC3339)
	}
	return fmt.Sprintf("lacks %s of this period: the question completeness shows which", days(missing))
}
