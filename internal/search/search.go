package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"convsync/internal/answer"
	"convsync/internal/warehouse"
)

// Question has the words to search for, and limits of the conversations.
type Question struct {
	Words    string
	From, To time.Time // of the start, half-open; zero: unlimited
	Project  string    // "": all
	Variant  string    // name or id; "": all
	Outcome  string    // one of [warehouse.Outcomes]; "": all
	Limit    int
}

// ErrNoWords reports that the text has no word.
var ErrNoWords = errors.New("there is no word to search for")

// columns are those of the answer. The last one of the statement, the texts, become the
// snippet.
var columns = []answer.Column{
	{Name: "rank", Type: answer.Float}, {Name: "project_id", Type: answer.Text}, {Name: "environment", Type: answer.Text},
	{Name: "conversation_id", Type: answer.Text}, {Name: "started_at", Type: answer.Time}, {Name: "variant_name", Type: answer.Text},
	{Name: "turn_index", Type: answer.Integer}, {Name: "matches", Type: answer.Integer}, {Name: "snippet", Type: answer.Text},
}

// Find returns the conversations with a turn that has all words, the best first, with
// a snippet of its best turn.
func Find(ctx context.Context, source answer.Source, q *Question) (answer.Rows, error) {
	words := Words(q.Words)
	if len(words) == 0 {
		return nil, ErrNoWords
	}
	rows, err := source.Ask(ctx, statement(source.Dialect(), q, words))
	if err != nil {
		return nil, err
	}
	return &hits{rows, words}, nil
}

// statement returns the SQL. The rank of a turn is the share of its words that the
// given ones are, and 1 more if they follow each other. It needs no regular expression,
// which would take most of the time if a word is frequent.
func statement(engine string, q *Question, words []string) answer.Statement {
	dialect := warehouse.Postgres
	if engine == "duckdb" {
		dialect = warehouse.DuckDB
	}
	text := warehouse.TurnText(dialect, "x.")
	params := map[string]string{
		"words": strings.Join(words, " "), "longest": longest(words), "count": fmt.Sprint(len(words)), "limit": fmt.Sprint(q.Limit),
		"from": bound(q.From, "-infinity"), "to": bound(q.To, "infinity"),
		"project": q.Project, "variant": q.Variant,
	}
	if q.Outcome != "" {
		params["outcome"] = q.Outcome
	}
	return answer.Statement{Params: params, SQL: `WITH hits AS MATERIALIZED (
    SELECT x.project_id, x.conversation_id, x.started_at, x.turn_index, trim(` + text + `) AS said
    FROM turns AS x
    WHERE x.started_at >= CAST($from AS timestamptz) AND x.started_at < CAST($to AS timestamptz) AND ($project = '' OR x.project_id = $project)
        AND ` + likely(dialect, "strpos("+text+", $longest) > 0") + `
        AND ` + warehouse.WordList(warehouse.PlainWords(text)) + ` @> string_to_array($words, ' ')
), ranked AS (
    SELECT h.project_id, h.conversation_id, h.started_at, h.turn_index,
        floor((CAST($count AS double precision) / (length(h.said) - length(replace(h.said, ' ', '')) + 1)
            + CASE WHEN strpos(h.said, $words) > 0 THEN 1 ELSE 0 END) * 1000 + 0.5) / 1000 AS rank
    FROM hits AS h
), best AS (
    SELECT r.*,
        row_number() OVER (PARTITION BY r.project_id, r.conversation_id, r.started_at ORDER BY r.rank DESC, r.turn_index) AS nth,
        count(*) OVER (PARTITION BY r.project_id, r.conversation_id, r.started_at) AS matches
    FROM ranked AS r
), top AS (
    SELECT b.*, c.environment, c.variant_name
    FROM (SELECT * FROM best WHERE nth = 1 ORDER BY rank DESC, started_at DESC, project_id, conversation_id) AS b
    ` + conversationJoin(dialect, q) + `
    ORDER BY b.rank DESC, b.started_at DESC, b.project_id, b.conversation_id LIMIT CAST($limit AS bigint)
)
SELECT b.rank, b.project_id, b.environment, b.conversation_id, b.started_at, b.variant_name, b.turn_index, b.matches,
    t.user_input, t.agent_response, t.translated_user_input, t.english_agent_response
FROM top AS b
JOIN turns AS t ON t.project_id = b.project_id AND t.conversation_id = b.conversation_id AND t.started_at = b.started_at AND t.turn_index = b.turn_index
ORDER BY b.rank DESC, b.started_at DESC, b.project_id, b.conversation_id`}
}

// likely is a condition that is cheap and true for all turns with the words. Where
// Postgres has the complete index, it would only cost time.
func likely(dialect warehouse.Dialect, condition string) string {
	if dialect == warehouse.Postgres {
		return "((SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('" + warehouse.SearchIndex +
			"') AND indisvalid AND pg_get_indexdef(indexrelid) ILIKE '%normalize(%')) OR " + condition + ")"
	}
	return condition
}

// conversationJoin joins the conversation c of a turn b, if the question asks for it.
// Postgres looks up one after the other until there are enough, which the LIMIT 1 makes
// it do: it expects so many hits of a frequent word that it would read all conversations.
// Of a variant there may be few, so that it would have to look up all.
func conversationJoin(dialect warehouse.Dialect, q *Question) string {
	join, ended := "", ""
	if q.Outcome != "" {
		join, ended = outcomeJoin(dialect), " AND k.outcome = $outcome"
	}
	conversations := "SELECT c.project_id, c.conversation_id, c.started_at, c.environment, c.variant_name\n    FROM conversations AS c" + join +
		"\n    WHERE c.missing_since IS NULL AND ($variant = '' OR c.variant_name = $variant OR c.variant_id = $variant)" + ended
	const same = "c.project_id = b.project_id AND c.conversation_id = b.conversation_id AND c.started_at = b.started_at"
	if dialect == warehouse.Postgres && q.Variant == "" {
		return "CROSS JOIN LATERAL (" + conversations + " AND " + same + " LIMIT 1) AS c"
	}
	return "JOIN (" + conversations + "\n        AND c.started_at >= CAST($from AS timestamptz) AND c.started_at < CAST($to AS timestamptz)) AS c ON " + same
}

// outcomeJoin joins the outcome of a conversation. Postgres computes it for each hit:
// without LIMIT, it could do so for all conversations.
func outcomeJoin(dialect warehouse.Dialect) string {
	const same = "k.project_id = c.project_id AND k.conversation_id = c.conversation_id AND k.started_at = c.started_at"
	if dialect == warehouse.Postgres {
		return "\n    LEFT JOIN LATERAL (SELECT k.outcome FROM contacts AS k WHERE " + same + " LIMIT 1) AS k ON true"
	}
	return "\n    JOIN contacts AS k ON " + same + " AND k.started_at >= CAST($from AS timestamptz) AND k.started_at < CAST($to AS timestamptz)"
}

func longest(words []string) (word string) {
	for _, w := range words {
		if len(w) > len(word) {
			word = w
		}
	}
	return word
}

func bound(t time.Time, otherwise string) string {
	if t.IsZero() {
		return otherwise
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// hits are the rows of the statement, with a snippet.
type hits struct {
	answer.Rows
	words []string
}

// Columns implements [answer.Rows].
func (*hits) Columns() []answer.Column { return columns }

// Next implements [answer.Rows].
func (h *hits) Next(ctx context.Context) ([]any, error) {
	row, err := h.Rows.Next(ctx)
	if err != nil {
		return nil, err // also io.EOF
	}
	last := len(columns) - 1
	texts := make([]string, len(row)-last)
	for i := range texts {
		texts[i], _ = row[last+i].(string)
	}
	return append(row[:last:last], snippet(texts, h.words)), nil
}
