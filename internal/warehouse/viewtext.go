package warehouse

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"text/template"
	"time"
)

// The SQL of a view is one template in views/ for both engines. What several views
// define alike (outcome, user turns, local time) is a method of [fragments] or a
// {{define}} of fragments.sql. The engines get the same text, except for the few parts
// that would be slow in one of them: the joins with the turns of a conversation and with
// the next contact of a customer, which Postgres looks up by an index, and DuckDB not;
// local times, which DuckDB computes slowly; and percentiles, which Postgres does.

// Dialect is the SQL of one of the two destinations.
type Dialect uint8

// The dialects.
const (
	Postgres Dialect = iota + 1
	DuckDB
)

//go:embed views/*.sql
var viewFiles embed.FS

var viewTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(viewFiles, "views/*.sql"))
})

// renderView returns the SELECT of a view.
func renderView(file string, f fragments) string {
	var b strings.Builder
	if err := viewTemplates().ExecuteTemplate(&b, file+".sql", f); err != nil {
		panic("warehouse: " + err.Error()) // the templates are part of the program
	}
	return strings.TrimSpace(b.String())
}

// fragments are the parts of SQL that templates share. Arguments are the aliases of
// tables: c conversations, x and t turns, p projects (by LEFT JOIN), u the result of
// Turns, n that of Next. Sums are over integers (Micros): the result of a sum of
// doubles depends on the order of the rows, and would differ between the engines.
type fragments struct {
	dialect Dialect
	// ByVariant makes daily figures of each variant instead of all.
	ByVariant bool
	// OnlySums leaves out percentiles: NULL.
	OnlySums bool
	// Stored reads the figures of days from the tables of [FigureTables], and computes only
	// those of stale days.
	Stored bool
	// within limits the conversations; the zero value: all.
	within Range
}

// Started limits the rows of a table by the start of the conversation, as a condition
// that follows another one; "" without a range.
func (f fragments) Started(c string) string { return f.startedUntil(c, f.within.Until) }

// startedUntil is Started with another end.
func (f fragments) startedUntil(c string, until time.Time) string {
	if f.within == (Range{}) {
		return ""
	}
	at := func(t time.Time) string {
		if t.Year() < 1 { // before any start
			return "TIMESTAMPTZ '-infinity'"
		}
		return "TIMESTAMPTZ '" + t.UTC().Format("2006-01-02 15:04:05") + "+00'"
	}
	return " AND " + c + ".started_at >= " + at(f.within.From) + " AND " + c + ".started_at < " + at(until)
}

// StartedOrBack is Started with the 24 hours in which a customer may come back.
func (f fragments) StartedOrBack(c string) string {
	return f.startedUntil(c, f.within.Until.Add(24*time.Hour))
}

// StartedOrNext is Started with the 720 hours in which the next contact is looked for.
func (f fragments) StartedOrNext(c string) string {
	return f.startedUntil(c, f.within.Until.Add(720*time.Hour))
}

// Conversations are the conversations c, or those around each stale day s: its time zone
// is not known before the join with the projects. OFFSET makes Postgres look them up by
// day: it would read all to join them by project and day.
func (f fragments) Conversations(c string) string {
	if !f.Stored {
		return "conversations AS " + c
	}
	limit := fmt.Sprintf("interval '%d hours'", OffsetLimit/time.Hour)
	return "stale_days AS s CROSS JOIN LATERAL (SELECT f.project_id, f.conversation_id, f.started_at, f.environment, f.channel_family, f.variant_id, f.variant_name,\n" +
		"            f.deployment_id, f.customer_number, f.lifecycle, f.handoff, f.handoff_reason, f.handoff_destination, f.transcript_status,\n" +
		"            f.total_duration_seconds, f.polyai_duration_seconds, f.missing_since\n" +
		"        FROM conversations AS f WHERE f.project_id = s.project_id AND " +
		"f.started_at >= CAST(s.day AS timestamp) AT TIME ZONE 'UTC' - " + limit + " AND " +
		"f.started_at < CAST(s.day + 1 AS timestamp) AT TIME ZONE 'UTC' + " + limit + " OFFSET 0) AS " + c
}

// OfStaleDay is the condition that a conversation is of the stale day.
func (f fragments) OfStaleDay(c string) string {
	if !f.Stored {
		return ""
	}
	return " AND s.day = CAST(" + f.Local(c) + " AS date)"
}

// InDuckDB is for a text of its own.
func (f fragments) InDuckDB() bool { return f.dialect == DuckDB }

// By are the columns by which daily figures are grouped.
func (f fragments) By() string {
	by := "day, project_id, environment, channel_family"
	if f.ByVariant {
		by += ", variant_id, variant_name"
	}
	return by
}

// Same compares the conversations of two rows, by all columns of the key: only then
// Postgres and DuckDB skip months. Within a range, which is a condition for each table,
// the start is left out: with three columns Postgres expects too few rows, and sorts or
// looks up what it should hash.
func (f fragments) Same(a, b string) string {
	same := a + ".project_id = " + b + ".project_id AND " + a + ".conversation_id = " + b + ".conversation_id"
	if f.within != (Range{}) {
		return same
	}
	return same + " AND " + a + ".started_at = " + b + ".started_at"
}

// ByUser is whether a turn has input of the user.
func (fragments) ByUser(x string) string {
	return "(" + x + ".user_input IS NOT NULL OR " + x + ".user_input_dtmf IS NOT NULL)"
}

// Turns joins aggregates over the stored turns x of the conversations c as u. Postgres
// looks the turns up by the key. DuckDB would apply a filter by started_at only to the
// conversations then and read the turns of all months, so it joins a grouped subquery,
// in which it skips them. Counts are NULL in DuckDB if no turn is stored.
func (f fragments) Turns(c, u string, aggregates ...string) string {
	columns := strings.Join(aggregates, ", ")
	if f.joinsWhole() {
		key, where := "x.project_id, x.conversation_id, x.started_at", ""
		if within := f.Started("x"); within != "" {
			key, where = "x.project_id, x.conversation_id", strings.Replace(within, " AND ", " WHERE ", 1)
		}
		return "LEFT JOIN (SELECT " + key + ", " + columns +
			"\n    FROM turns AS x" + where + " GROUP BY " + key + ") AS " + u + " ON " + f.Same(u, c)
	}
	return "CROSS JOIN LATERAL (SELECT " + columns + "\n    FROM turns AS x WHERE " + f.Same("x", c) + ") AS " + u
}

// Latencies joins the latencies of the turns of a conversation, each of which is a row by
// Latency. Postgres collects them by conversation, DuckDB joins each turn.
func (f fragments) Latencies(c string) string {
	if f.dialect == DuckDB {
		return "JOIN turns AS x ON " + f.Same("x", c) + " AND x.latency_seconds IS NOT NULL" + f.Started("x")
	}
	return f.Turns(c, "u", "array_agg(x.latency_seconds) FILTER (WHERE x.latency_seconds IS NOT NULL) AS latencies")
}

// Latency is the latency of a turn that Latencies joins.
func (f fragments) Latency() string {
	if f.dialect == DuckDB {
		return "x.latency_seconds"
	}
	return "unnest(u.latencies)"
}

// joinsWhole reports whether turns and next contacts are joined as a whole instead of
// being looked up for each conversation: always in DuckDB, and within a range, whose
// conversations are most of their months.
func (f fragments) joinsWhole() bool { return f.dialect == DuckDB || f.within != (Range{}) }

// Counted is a number of turns of a conversation, an aggregate for Turns.
type Counted struct{ Name, SQL string }

// TurnCounts are the counts of turns in daily figures.
func (f fragments) TurnCounts() []Counted {
	byUser := f.ByUser("x")
	if f.dialect == DuckDB {
		byUser = "x.by_user" // join_talk computes it before it joins, which then moves no text
	}
	latency := func(name, condition string) Counted {
		return Counted{name, "count(*) FILTER (WHERE " + condition + ")"}
	}
	return []Counted{
		{"turns", "count(*)"},
		{"user_turns", "count(*) FILTER (WHERE " + byUser + ")"},
		{"silent_turns", "count(*) FILTER (WHERE x.is_silence)"},
		{"silence_known_turns", "count(x.is_silence)"},
		{"ood_turns", "count(*) FILTER (WHERE x.is_ood)"},
		{"ood_known_turns", "count(x.is_ood)"},
		{"latency_turns", "count(x.latency_seconds)"},
		latency("latency_to_500ms", "x.latency_seconds <= 0.5"),
		latency("latency_to_1s", "x.latency_seconds > 0.5 AND x.latency_seconds <= 1"),
		latency("latency_to_1500ms", "x.latency_seconds > 1 AND x.latency_seconds <= 1.5"),
		latency("latency_to_2s", "x.latency_seconds > 1.5 AND x.latency_seconds <= 2"),
		latency("latency_to_3s", "x.latency_seconds > 2 AND x.latency_seconds <= 3"),
		latency("latency_to_5s", "x.latency_seconds > 3 AND x.latency_seconds <= 5"),
		latency("latency_over_5s", "x.latency_seconds > 5"),
	}
}

// CountTurns joins the TurnCounts of a conversation c as u.
func (f fragments) CountTurns(c, u string) string {
	if f.dialect == DuckDB {
		return f.render("join_talk")
	}
	var aggregates []string
	for _, n := range f.TurnCounts() {
		aggregates = append(aggregates, n.SQL+" AS "+n.Name)
	}
	return f.Turns(c, u, aggregates...)
}

// Ranks selects the latencies of turns from which Percentile is computed by these columns.
// In Postgres, equal latencies are counted first: percentile_disc sorts all turns, by all
// columns. DuckDB neither sorts nor likes many groups.
func (f fragments) Ranks(by string) string {
	talk := f.render("talk")
	if f.dialect == DuckDB {
		return talk
	}
	const n = "sum(CAST(count(*) AS integer)) OVER (PARTITION BY "
	return "SELECT " + by + ", latency_seconds, " + n + by + " ORDER BY latency_seconds ROWS UNBOUNDED PRECEDING) AS reached, " +
		n + by + ") AS turns\n    FROM (" + talk + ") AS talk\n    GROUP BY " + by + ", latency_seconds"
}

// Percentile is the nearest rank: the lowest latency that so many percent of the turns
// do not exceed. A list of all latencies would be faster in DuckDB, but needs several
// times the memory, which does not spill to disk.
func (f fragments) Percentile(percent int) string {
	if f.dialect == DuckDB {
		return fmt.Sprintf("quantile_disc(latency_seconds, %g)", float64(percent)/100)
	}
	return fmt.Sprintf("min(latency_seconds) FILTER (WHERE reached * 100 >= turns * %d)", percent)
}

// CountUser is an aggregate for Turns: the number of turns with input of the user.
func (f fragments) CountUser() string {
	return "count(*) FILTER (WHERE " + f.ByUser("x") + ") AS user_turns"
}

// Last is an aggregate for Turns: the last value of a column that is not NULL.
func (f fragments) Last(column string) string {
	if f.dialect == DuckDB {
		return "arg_max(x." + column + ", x.turn_index) AS last_" + column
	}
	return "(array_agg(x." + column + " ORDER BY x.turn_index DESC) FILTER (WHERE x." + column + " IS NOT NULL))[1] AS last_" + column
}

// UserTurns is the number of turns with user input; NULL if the transcript does not
// say it. Two or more stored turns are enough to know that it is not below two.
func (fragments) UserTurns(c, u string) string {
	return "(CASE WHEN " + c + ".transcript_status IN ('complete', 'hidden_kept', 'none') OR " + u + ".user_turns >= 2 THEN coalesce(" + u + ".user_turns, 0) END)"
}

// Early is whether the customer abandoned the conversation early; NULL if unknown.
func (f fragments) Early(c, u string) string {
	return "(NOT " + c + ".handoff AND (" + c + ".total_duration_seconds < 10 OR " + f.UserTurns(c, u) + " < 2))"
}

// Outcome is how the conversation ended; NULL if unknown. An open conversation is
// never contained, nor is one of which the handoff is unknown.
func (f fragments) Outcome(c, u string) string {
	return "CASE WHEN " + c + ".lifecycle <> 'final' THEN 'open' WHEN " + c + ".handoff THEN 'handed_off'\n        WHEN NOT " + c +
		".handoff THEN CASE " + f.Early(c, u) + " WHEN true THEN 'abandoned_early' WHEN false THEN 'contained' END END"
}

// Micros is a number in millionths, rounded half up; NULL outside of the range. It is a
// CASE, because DuckDB evaluates the argument of an aggregate also for rows that its
// FILTER excludes, and a cast out of range fails the query.
func (fragments) Micros(x, from, to string) string {
	return "CASE WHEN " + x + " BETWEEN " + from + " AND " + to + " THEN CAST(floor(" + x + " * 1000000 + 0.5) AS bigint) END"
}

// Seconds is the time between two times. It is not an interval, because DuckDB counts
// days in the time zone of the session: the day of 25 hours would have 24. Engines return
// seconds with different last digits, so it is rounded to microseconds, which the times
// have.
func (f fragments) Seconds(until, from string) string {
	return "(floor((" + f.Epoch(until) + " - " + f.Epoch(from) + ") * 1000000 + 0.5) / 1000000)"
}

// Epoch is a time in seconds since 1970.
func (fragments) Epoch(at string) string {
	return "CAST(extract(epoch FROM " + at + ") AS double precision)"
}

// Rate is a share; NULL if there is nothing to share.
func (fragments) Rate(part, whole string) string {
	return "CAST(" + part + " AS double precision) / nullif(" + whole + ", 0)"
}

// Next joins the next contact of the same customer as n, NULL if there is none. A
// query must also check that it is at most 720 hours later: DuckDB's join has no limit.
// Hours, because the length of a day depends on the time zone of the session.
func (f fragments) Next() string { return f.either(f.dialect == DuckDB, "look_up_next", "join_next") }

// NextStart joins the start of the next contact as n.started_at, as Next does.
func (f fragments) NextStart() string {
	if f.within != (Range{}) {
		return f.either(true, "", "join_next_start")
	}
	return f.Next()
}

// Back joins what CameBack needs.
func (f fragments) Back() string {
	if f.dialect == DuckDB {
		return f.render("join_contacts")
	}
	return f.either(f.joinsWhole(), "look_up_back", "join_back")
}

// CameBack is whether the same customer made contact again within 24 hours. In DuckDB,
// that is a later contact b of the same 24 hours since 2000, or an early one n of the next.
func (f fragments) CameBack(c string) string {
	if f.dialect == DuckDB {
		return "coalesce(b.last_at > " + c + ".started_at OR n.first_at <= " + c + ".started_at + interval '24 hours', false)"
	}
	return "b.back"
}

func (f fragments) either(whole bool, lookUp, join string) string {
	if whole {
		return f.render(join)
	}
	return f.render(lookUp)
}

// render returns a part of fragments.sql.
func (f fragments) render(name string) string {
	var b strings.Builder
	if err := viewTemplates().ExecuteTemplate(&b, name, f); err != nil {
		panic("warehouse: " + err.Error()) // the templates are part of the program
	}
	return strings.TrimSpace(b.String())
}
