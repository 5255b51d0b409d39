package report

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

var sqlTemplates = template.Must(template.ParseFS(sqlFiles, "sql/*.sql"))

// lastStep is the number of turns of the last step of the drop-off.
const lastStep = 30

// statement has what the templates in sql/ share. Each statement is one pass over
// the months of the compared periods: the range of started_at is part of its text.
type statement struct {
	dialect     warehouse.Dialect
	environment string
	projects    []string // nil: all
	period, all Period   // all: with the previous one
	within      warehouse.Range
}

// View is the SELECT of an aggregated view over the range.
func (s *statement) View(name string) string {
	return warehouse.SelectWithin(s.dialect, name, s.within)
}

// Sums is View without percentiles.
func (s *statement) Sums(name string) string {
	return warehouse.SelectSums(s.dialect, name, s.within)
}

// Feeds is the condition for the rows of a table.
func (s *statement) Feeds(table string) string {
	condition := table + ".environment = $environment"
	if len(s.projects) == 0 {
		return condition
	}
	names := make([]string, len(s.projects))
	for i := range names {
		names[i] = fmt.Sprintf("$project%d", i)
	}
	return condition + " AND " + table + ".project_id IN (" + strings.Join(names, ", ") + ")"
}

// Started is the condition by which months are skipped.
func (s *statement) Started(table string) string {
	at := func(t time.Time) string { return "TIMESTAMPTZ '" + t.UTC().Format("2006-01-02 15:04:05") + "+00'" }
	return table + ".started_at >= " + at(s.within.From) + " AND " + table + ".started_at < " + at(s.within.Until)
}

// In is the condition for the days of both periods. It is a CASE, because Postgres
// expects that a range of an expression leaves one row in 200, and would look up the turns
// of each conversation instead of reading those of the month.
func (s *statement) In(day string) string {
	return "CASE WHEN " + day + " >= " + date(s.all.From) + " AND " + day + " < " + date(s.all.To) + " THEN true ELSE false END"
}

// From is the first day of the period.
func (s *statement) From() string { return date(s.period.From) }

// Summed are the columns of variant_comparison that are summed.
func (*statement) Summed() []string {
	return []string{
		"conversations", "finished", "handoffs", "handoff_known", "contained", "early_abandons", "early_known", "contained_no_callback",
		"duration_known", "agent_duration_known", "turns", "user_turns", "silent_turns", "silence_known_turns", "ood_turns", "ood_known_turns",
		"latency_to_500ms", "latency_to_1s", "latency_to_1500ms", "latency_to_2s", "latency_to_3s", "latency_to_5s", "latency_over_5s",
	}
}

// LastStep is the last step of the drop-off.
func (*statement) LastStep() int { return lastStep }

func date(day Day) string { return "DATE '" + day.Format(time.DateOnly) + "'" }

// ask executes a statement and passes each row to a function.
func (s *statement) ask(ctx context.Context, source answer.Source, file string, each func(record)) error {
	rows, err := s.read(ctx, source, file)
	for _, r := range rows {
		each(r)
	}
	return err
}

// read executes a statement and returns its rows.
func (s *statement) read(ctx context.Context, source answer.Source, file string) (records []record, err error) {
	var text strings.Builder
	if err := sqlTemplates.ExecuteTemplate(&text, file, s); err != nil {
		return nil, err
	}
	names, rows, err := answer.Read(ctx, source, answer.Statement{SQL: text.String(), Params: s.params(text.String())})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.TrimSuffix(file, ".sql"), err)
	}
	columns := map[string]int{}
	for i, c := range names {
		columns[c.Name] = i
	}
	for _, values := range rows {
		records = append(records, record{columns, values})
	}
	return records, nil
}

// params are the parameters that occur in a text.
func (s *statement) params(text string) map[string]string {
	params := map[string]string{}
	if strings.Contains(text, "$environment") {
		params["environment"] = s.environment
		for i, id := range s.projects {
			params[fmt.Sprintf("project%d", i)] = id
		}
	}
	return params
}

// record is a row. Its methods return the value of a column; of NULL the zero value.
type record struct {
	columns map[string]int
	values  []any
}

func (r record) value(column string) any {
	i, ok := r.columns[column]
	if !ok {
		panic("report: no column " + column) // the statements are part of the program
	}
	return r.values[i]
}

func (r record) integer(column string) int64 { v, _ := r.value(column).(int64); return v }
func (r record) text(column string) string   { v, _ := r.value(column).(string); return v }
func (r record) boolean(column string) bool  { v, _ := r.value(column).(bool); return v }
func (r record) isNull(column string) bool   { return r.value(column) == nil }

// textOrNull, float and moment return nil for NULL.
func (r record) textOrNull(column string) *string {
	v, ok := r.value(column).(string)
	if !ok {
		return nil
	}
	return &v
}

func (r record) float(column string) *float64 {
	v, ok := r.value(column).(float64)
	if !ok {
		return nil
	}
	return &v
}

func (r record) moment(column string) *time.Time {
	v, ok := r.value(column).(time.Time)
	if !ok {
		return nil
	}
	return &v
}

// day returns the column day as text.
func (r record) day() string {
	v, _ := r.value("day").(time.Time)
	return v.Format(time.DateOnly)
}
