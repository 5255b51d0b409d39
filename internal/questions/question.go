package questions

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"convsync/internal/answer"
)

// Question is a saved question.
type Question struct {
	Name        string
	Title       string
	Description string
	// Note says what the answer does not mean; "" for most.
	Note   string
	Params []Param
	// Text is the whole file: the header comment and the SQL.
	Text string
	// SQL is the text without the header.
	SQL string
}

// Param is a parameter, which is written $name in the SQL.
type Param struct {
	Name, Default, Doc string
}

// The names of parameters whose defaults depend on what is stored.
const (
	From             = "from"               // first local day
	To               = "to"                 // local day after the last one
	Earlier          = "earlier"            // first local day of the period before, with which From is compared
	Project          = "project"            // an id, or all
	Environment      = "environment"        // a name, or all
	HandoffReasonMap = "handoff_reason_map" // lines "reason => group"
)

//go:embed sql/*.sql
var files embed.FS

var all = sync.OnceValue(func() (questions []*Question) {
	entries, err := files.ReadDir("sql") // sorted by name
	if err != nil {
		panic("questions: " + err.Error()) // they are part of the program
	}
	for _, e := range entries {
		text, err := files.ReadFile("sql/" + e.Name())
		if err != nil {
			panic("questions: " + err.Error())
		}
		q, err := Parse(strings.TrimSuffix(path.Base(e.Name()), ".sql"), string(text))
		if err != nil {
			panic("questions: " + err.Error())
		}
		questions = append(questions, q)
	}
	return questions
})

// All returns the questions, sorted by name.
func All() []*Question { return all() }

// Get returns a question by its name; nil if there is none.
func Get(name string) *Question {
	for _, q := range all() {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// Names returns the names of all questions.
func Names() (names []string) {
	for _, q := range all() {
		names = append(names, q.Name)
	}
	return names
}

var paramLine = regexp.MustCompile(`^\$([a-z_]+) = ([^:]*): (.+)$`)

// Parse reads the text of a question. Its header is a comment of paragraphs that
// empty comment lines separate: the title, the description, perhaps a note, and a
// line for each parameter:
//
//	-- Slowest hours
//	--
//	-- The local hours with the highest latency.
//	--
//	-- Note: an hour with few turns says little.
//	--
//	-- $from = 28 days: first local day
//	-- $rows = 10: number of hours
//	SELECT …
func Parse(name, text string) (*Question, error) {
	header, sql := cutHeader(text)
	q := &Question{Name: name, Text: text, SQL: sql}
	for i, paragraph := range strings.Split(header, "\n\n") {
		note, isNote := strings.CutPrefix(paragraph, "Note: ")
		switch {
		case i == 0:
			q.Title = joinLines(paragraph)
		case isNote:
			q.Note = joinLines(note)
		case strings.HasPrefix(paragraph, "$"):
			for line := range strings.Lines(paragraph) {
				m := paramLine.FindStringSubmatch(strings.TrimSpace(line))
				if m == nil {
					return nil, fmt.Errorf("%s: %q is not a parameter: expected $name = default: meaning", name, strings.TrimSpace(line))
				}
				q.Params = append(q.Params, Param{Name: m[1], Default: m[2], Doc: m[3]})
			}
		case q.Description == "":
			q.Description = joinLines(paragraph)
		default:
			return nil, fmt.Errorf("%s: the header has a second description: %q", name, paragraph)
		}
	}
	return q, q.check()
}

// cutHeader returns the comment at the start of a text without the dashes, and the
// rest.
func cutHeader(text string) (header, sql string) {
	var lines []string
	for sql = text; strings.HasPrefix(sql, "--"); {
		line, rest, _ := strings.Cut(sql, "\n")
		lines, sql = append(lines, strings.TrimSpace(strings.TrimPrefix(line, "--"))), rest
	}
	return strings.Join(lines, "\n"), strings.TrimSpace(sql)
}

func joinLines(paragraph string) string { return strings.Join(strings.Fields(paragraph), " ") }

// check returns an error if the parameters are not those of the SQL.
func (q *Question) check() error {
	if q.Title == "" || q.Description == "" || q.SQL == "" {
		return fmt.Errorf("%s: a question needs a title, a description and SQL", q.Name)
	}
	params := map[string]string{}
	for _, p := range q.Params {
		params[p.Name] = ""
	}
	if err := answer.CheckParams(answer.Statement{SQL: q.SQL, Params: params}); err != nil {
		return fmt.Errorf("%s: %w", q.Name, err)
	}
	return nil
}

// Param returns a parameter; nil if the question does not have it.
func (q *Question) Param(name string) *Param {
	for i := range q.Params {
		if q.Params[i].Name == name {
			return &q.Params[i]
		}
	}
	return nil
}

// Render returns SQL with the values of its parameters as strings in it, for tools
// that do not have parameters with names.
func Render(sql string, values map[string]string) string {
	var text strings.Builder
	for _, t := range answer.Lex(sql) {
		value, known := values[strings.TrimPrefix(t.Text, "$")]
		if t.Kind != answer.Parameter || !known {
			text.WriteString(t.Text)
			continue
		}
		text.WriteString("'" + strings.ReplaceAll(value, "'", "''") + "'")
	}
	return text.String()
}
