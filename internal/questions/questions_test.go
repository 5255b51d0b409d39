package questions_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/answer"
	"convsync/internal/questions"
)

func TestAll(t *testing.T) {
	t.Parallel()
	names := questions.Names()
	for _, name := range []string{ // the ten questions of operators
		"containment-by-day", "handoff-reasons", "latency-by-variant-and-hour", "drop-off", "repeat-callers",
		"words-before-handoff", "busiest-hours", "week-over-week", "completeness", "worst-conversations",
	} {
		if q := questions.Get(name); q == nil || q.Name != name {
			t.Errorf("there is no question %s", name)
		}
	}
	if !slices.IsSorted(names) || questions.Get("none") != nil {
		t.Errorf("the names are %q", names)
	}
	titles := map[string]bool{}
	for _, q := range questions.All() {
		if titles[q.Title] || strings.HasSuffix(q.Title, ".") {
			t.Errorf("%s has the title %q", q.Name, q.Title)
		}
		titles[q.Title] = true
		for _, name := range []string{questions.From, questions.To, questions.Project, questions.Environment} {
			if q.Param(name) == nil {
				t.Errorf("%s has no parameter $%s", q.Name, name)
			}
		}
		if from := strings.Count(q.SQL, "started_at >= CAST($from AS date)"); from != strings.Count(q.SQL, "started_at >= CAST($from AS date) - interval '48 hours'") {
			t.Errorf("%s counts days in UTC, and not the local days of its period", q.Name)
		}
		if answer.Trim(q.SQL) != q.SQL {
			t.Errorf("the SQL of %s does not end with its statement", q.Name)
		}
	}
}

const header = "-- Title\n--\n-- What\n-- it says.\n--\n-- Note: be\n-- careful.\n--\n-- $from = 28 days: first day\n-- $to = complete: day after\n-- $text = : some text: empty\n"

func TestParse(t *testing.T) {
	t.Parallel()
	const sql = "SELECT $from, $to, $text -- $other"
	q, err := questions.Parse("x", header+sql+"\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &questions.Question{
		Name:        "x",
		Title:       "Title",
		Description: "What it says.",
		Note:        "be careful.",
		Params:      []questions.Param{{"from", "28 days", "first day"}, {"to", "complete", "day after"}, {"text", "", "some text: empty"}},
		Text:        header + sql + "\n",
		SQL:         sql,
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("got %+v", q)
	}
}

func TestParse_Errors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "a question needs a title",
		"SELECT 1":                           "a question needs a title",
		"-- A\nSELECT 1":                     "a question needs a title, a description",
		"-- A\n--\n-- B\n":                   "and SQL",
		"-- A\n--\n-- B\n--\n-- C\nSELECT 1": "second description",
		"-- A\n--\n-- B\n--\n-- $x: y\nSELECT $x":      `"$x: y" is not a parameter`,
		"-- A\n--\n-- B\nSELECT $x":                    "the parameter $x has no value",
		"-- A\n--\n-- B\n--\n-- $x = 1: one\nSELECT 1": "the statement has no parameter $x",
	} {
		if _, err := questions.Parse("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func date(text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return day
}

var newest = questions.Newest{Complete: date("2026-03-15"), Stored: date("2026-03-17")}

func TestValues(t *testing.T) {
	t.Parallel()
	q, err := questions.Parse("x", "-- A\n--\n-- B\n--\n-- $from = 28 days: a\n-- $to = complete: b\n-- $earlier = equal: c\n-- $handoff_reason_map = configured: d\n-- $rows = 9: e\nSELECT $from, $to, $earlier, $handoff_reason_map, $rows")
	if err != nil {
		t.Fatal(err)
	}
	defaults := questions.Defaults{Newest: newest, HandoffReasonMap: map[string]string{"b": "Y", "a": "X"}}
	for _, test := range []struct {
		given []string // from, to, earlier; "" for the default
		want  string   // the same, or the error
		days  int
	}{
		{[]string{"", "", ""}, "2026-02-15 2026-03-15 2026-01-18", 56},
		{[]string{"", "newest", ""}, "2026-02-17 2026-03-17 2026-01-20", 56},
		{[]string{"7 days", "", ""}, "2026-03-08 2026-03-15 2026-03-01", 14},
		{[]string{"1 day", "2024-03-01", ""}, "2024-02-29 2024-03-01 2024-02-28", 2},
		{[]string{"month", "", ""}, "2026-03-01 2026-03-15 2026-02-15", 28},
		{[]string{"month", "2026-03-01", "2026-01-01"}, "2026-02-01 2026-03-01 2026-01-01", 59},
		{[]string{"2026-03-14", "", ""}, "2026-03-14 2026-03-15 2026-03-13", 2},
		{[]string{"2026-03-15", "", ""}, "the period is empty: it is from 2026-03-15 until before 2026-03-15", 0},
		{[]string{"soon", "", ""}, `$from = "soon" is not a day: write it like 2026-11-30, ` + "`7 days` or `month`", 0},
		{[]string{"", "2026-02-30", ""}, `$to = "2026-02-30" is not a day`, 0},
		{[]string{"", "", "before"}, `$earlier = "before" is not a day`, 0},
		{[]string{"0 days", "", ""}, `$from = "0 days" is not a day`, 0},
	} {
		given := map[string]string{}
		for i, name := range []string{questions.From, questions.To, questions.Earlier} {
			if test.given[i] != "" {
				given[name] = test.given[i]
			}
		}
		values, days, err := q.Values(given, defaults)
		got := values[questions.From] + " " + values[questions.To] + " " + values[questions.Earlier]
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, test.want) || days.Count() != test.days {
			t.Errorf("%q: got %s and %d days, want %s and %d", test.given, got, days.Count(), test.want, test.days)
		}
		if err == nil && values[questions.HandoffReasonMap] != "a => X\nb => Y" {
			t.Errorf("the map is %q", values[questions.HandoffReasonMap])
		}
	}
	if _, _, err := q.Values(nil, questions.Defaults{}); !errors.Is(err, questions.ErrNothingLoaded) {
		t.Errorf("an empty destination: %v", err)
	}
	if _, _, err := q.Values(map[string]string{"form": "x"}, defaults); err == nil || err.Error() != "x has no parameter $form; it has from, to, earlier, handoff_reason_map, rows" {
		t.Errorf("of an unknown parameter: %v", err)
	}
	for _, rows := range []string{"-1", "1.5", "many", ""} {
		if _, _, err := q.Values(map[string]string{"rows": rows}, defaults); err == nil || !strings.Contains(err.Error(), "is not a number: expected 0 or more, such as 9") {
			t.Errorf("%s rows: %v", rows, err)
		}
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	got := questions.Render("SELECT $a, '$a', $b -- $a", map[string]string{"a": "it's"})
	if want := "SELECT 'it''s', '$a', $b -- $a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// feeds answers with rows of watermarks.
type feeds struct {
	answer.Source
	rows [][]any
}

func (f *feeds) Ask(context.Context, answer.Statement) (answer.Rows, error) { return f, nil }
func (*feeds) Columns() []answer.Column                                     { return nil }
func (*feeds) Close() error                                                 { return nil }

func (f *feeds) Next(context.Context) ([]any, error) {
	if len(f.rows) == 0 {
		return nil, io.EOF
	}
	row := f.rows[0]
	f.rows = f.rows[1:]
	return row, nil
}

func TestReadNewest(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 15, 0, 30, 0, 0, time.UTC)
	row := func(project string, watermark time.Time, lateness, from, until any) []any {
		return []any{project, "live", watermark, lateness, "UTC", from, until}
	}
	early := at.AddDate(0, 0, -9)
	for name, test := range map[string]struct {
		rows             [][]any
		complete, stored string
	}{
		"Ranges":   {[][]any{row("p", at, 600.0, early, at.AddDate(0, 0, -2)), row("p", at, 600.0, at.AddDate(0, 0, -1), at)}, "2026-03-13", "2026-03-16"},
		"Feeds":    {[][]any{row("p", early, nil, early.AddDate(0, 0, -3), early), row("q", at, 3600.0, early, at)}, "2026-03-14", "2026-03-16"},
		"No range": {[][]any{row("p", at, nil, nil, nil)}, "0001-01-01", "0001-01-01"},
		"None":     {nil, "0001-01-01", "0001-01-01"},
	} {
		got, err := questions.ReadNewest(t.Context(), &feeds{rows: test.rows}, "", "")
		if complete, stored := got.Complete.Format(time.DateOnly), got.Stored.Format(time.DateOnly); err != nil || complete != test.complete || stored != test.stored {
			t.Errorf("%s: complete before %s, stored before %s, %v", name, complete, stored, err)
		}
	}
}
