package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/peterh/liner"

	"convsync/internal/answer"
)

// prompt is the interactive form of `convsync query`.
type prompt struct {
	*querySession
	params  map[string]string
	line    *liner.State
	history *queryHistory
	objects []answer.Object
	pending string // the beginning of a statement
}

func runPrompt(ctx context.Context, s *querySession, params map[string]string) error {
	if s.width == 0 {
		return usageError(errors.New("expected a statement, because the output is not a terminal"))
	}
	p := &prompt{querySession: s, params: params, history: newQueryHistory(s.app.lookupEnv, s.opts.noHistory)}
	var err error
	if p.objects, err = s.source.Objects(ctx); err != nil {
		return err
	}
	slices.SortFunc(p.objects, func(a, b answer.Object) int { return strings.Compare(a.Name, b.Name) })
	// Ctrl-C stops a statement, not the program. Other signals end it.
	signal.Reset(os.Interrupt)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	p.line = liner.NewLiner()
	defer p.line.Close() //nolint:errcheck // the terminal is restored as far as possible
	ended := context.AfterFunc(ctx, func() {
		_ = p.line.Close() // the terminal is restored as far as possible
		os.Exit(exitInterrupted)
	})
	defer ended()
	p.line.SetCtrlCAborts(true)
	p.line.SetTabCompletionStyle(liner.TabPrints)
	p.line.SetWordCompleter(p.complete)
	p.history.load(p.line)
	fmt.Fprintf(s.app.stdout, "SQL of %s; a statement ends with a semicolon. \\? shows the commands, \\q ends.\n", map[string]string{"duckdb": "DuckDB", "postgres": "PostgreSQL"}[s.source.Dialect()])
	return p.loop(ctx, interrupts)
}

func (p *prompt) loop(ctx context.Context, interrupts <-chan os.Signal) error {
	for {
		text := "convsync> "
		if p.pending != "" {
			text = "       -> "
		}
		line, err := p.line.Prompt(text)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			p.pending = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(p.app.stdout)
			return nil
		case err != nil:
			return err
		}
		if quit := p.handle(ctx, line, interrupts); quit {
			return nil
		}
	}
}

// handle executes a line: a command, or what completes statements.
func (p *prompt) handle(ctx context.Context, line string, interrupts <-chan os.Signal) (quit bool) {
	trimmed := strings.TrimSpace(line)
	if p.pending == "" && (strings.HasPrefix(trimmed, `\`) || trimmed == "exit" || trimmed == "quit") {
		p.history.add(p.line, trimmed)
		return p.command(ctx, trimmed, interrupts)
	}
	statements, rest := answer.Split(p.pending + line + "\n")
	p.pending = rest
	for _, sql := range statements {
		p.history.add(p.line, sql+";")
		p.execute(ctx, sql, interrupts)
	}
	return false
}

// execute runs a statement until it ends or Ctrl-C is pressed.
func (p *prompt) execute(ctx context.Context, sql string, interrupts <-chan os.Signal) {
	params := map[string]string{}
	for _, t := range answer.Lex(sql) {
		if value, ok := p.params[strings.TrimPrefix(t.Text, "$")]; ok && t.Kind == answer.Parameter {
			params[t.Text[1:]] = value
		}
	}
	p.untilInterrupted(ctx, interrupts, func(ctx context.Context) error {
		return p.answer(ctx, answer.Statement{SQL: sql, Params: params}, func() { p.explainEmpty(ctx, params) })
	})
}

// saved answers a saved question. Its parameters are those of --set that it has.
func (p *prompt) saved(ctx context.Context, name string, interrupts <-chan os.Signal) {
	p.untilInterrupted(ctx, interrupts, func(ctx context.Context) error {
		q, err := findQuestion(name)
		if err != nil {
			return err
		}
		params := map[string]string{}
		for name, value := range p.params {
			if q.Param(name) != nil {
				params[name] = value
			}
		}
		return p.answerQuestion(ctx, q, params)
	})
}

// untilInterrupted calls run, until it ends or Ctrl-C is pressed, and prints its error.
func (p *prompt) untilInterrupted(ctx context.Context, interrupts <-chan os.Signal, run func(context.Context) error) {
	for len(interrupts) > 0 { // of before
		<-interrupts
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-interrupts:
			cancel()
		case <-done:
		}
	}()
	err := run(ctx)
	if ctx.Err() != nil {
		err = errors.New("stopped")
	}
	if err != nil {
		fmt.Fprintln(p.app.stderr, err)
	}
}

const promptHelp = `An SQL statement ends with a semicolon, and may have several lines. These commands need none:
  \d          list tables and views
  \d NAME     describe a table or a view, with the meaning of its columns
  \dt         list tables
  \dv         list views
  \l          list the saved questions
  \l NAME     answer a saved question
  \x          show one line for each value instead of a table; again: show a table
  \?          show this help
  \q          end
Tab completes names, Ctrl-R searches the history, Ctrl-C stops a statement.
`

// command executes a command of the prompt.
func (p *prompt) command(ctx context.Context, line string, interrupts <-chan os.Signal) (quit bool) {
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimRight(strings.TrimSpace(argument), ";")
	switch {
	case name == `\q`, name == "exit", name == "quit":
		return true
	case name == `\x`:
		p.record = !p.record
		form := "a table"
		if p.record {
			form = "one line for each value"
		}
		fmt.Fprintln(p.app.stdout, "answers are shown as "+form)
	case name == `\l` && argument != "":
		p.saved(ctx, argument, interrupts)
	case name == `\l`:
		p.print(questionRows())
	case name == `\d` && argument != "":
		p.describe(argument)
	case name == `\d`, name == `\dt`, name == `\dv`:
		p.list(name != `\dv`, name != `\dt`)
	case name == `\?`:
		fmt.Fprint(p.app.stdout, promptHelp)
	default:
		fmt.Fprintf(p.app.stderr, "the command %s is not known: \\? shows the commands\n", name)
	}
	return false
}

// list prints tables, views or both.
func (p *prompt) list(tables, views bool) {
	rows := &localRows{columns: []answer.Column{{Name: "name", Type: answer.Text}, {Name: "kind", Type: answer.Text}, {Name: "rows", Type: answer.Text}}}
	for i := range p.objects {
		o := &p.objects[i]
		kind := "table"
		if o.View {
			kind = "view"
		}
		if o.View && views || !o.View && tables {
			rows.rows = append(rows.rows, []any{o.Name, kind, o.Doc})
		}
	}
	p.print(rows)
}

// describe prints the columns of a table or a view.
func (p *prompt) describe(name string) {
	i := slices.IndexFunc(p.objects, func(o answer.Object) bool { return strings.EqualFold(o.Name, strings.Trim(name, `"`)) })
	if i < 0 {
		var names []string
		for i := range p.objects {
			names = append(names, p.objects[i].Name)
		}
		wrong := &answer.SQLError{Message: "there is no table or view " + name, Near: answer.Nearest(name, names)}
		fmt.Fprintln(p.app.stderr, wrong)
		return
	}
	fmt.Fprintln(p.app.stdout, p.objects[i].Doc)
	rows := &localRows{columns: []answer.Column{{Name: "column", Type: answer.Text}, {Name: "type", Type: answer.Text}, {Name: "meaning", Type: answer.Text}}}
	for _, c := range p.objects[i].Columns {
		rows.rows = append(rows.rows, []any{c.Name, c.Type, c.Doc})
	}
	p.print(rows)
}

func (p *prompt) print(rows *localRows) {
	_, _, err := answer.Table{To: p.app.stdout, Width: p.width}.Write(context.Background(), rows, 0)
	if err != nil {
		fmt.Fprintln(p.app.stderr, err)
	}
}

// localRows are rows that the program has itself.
type localRows struct {
	columns []answer.Column
	rows    [][]any
}

func (r *localRows) Columns() []answer.Column { return r.columns }

func (r *localRows) Next(context.Context) ([]any, error) {
	if len(r.rows) == 0 {
		return nil, io.EOF
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func (*localRows) Close() error { return nil }
