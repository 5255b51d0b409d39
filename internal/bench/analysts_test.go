package bench

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// analystsRow is measured only if -rows names it: at full scale, the source and the
// database need 20 GB of disk, and the row ten minutes.
const analystsRow = "analysts"

// measureAnalysts loads a year of a million conversations into each destination, and asks
// what analysts ask.
func measureAnalysts(h *harness) {
	d := h.data(analystsRow, scaled(1_000_000), 1, 365*day)
	defer h.discard(d.folder)
	s := serve(h, d)
	p := h.programs[0]
	for _, destination := range destinations {
		t := destination.make(h, plan{source: s, projects: d.Projects, start: d.Spec.From})
		work := func(name string) string { return analystsRow + "/" + destination.name + "/" + name }
		h.add(work("load"), p.name, d.n(), t.run(h, p, s, read{inserted: d.n()}))
		for t.schema != nil && t.schema.staleDays(h) > 0 {
			h.add(work("figures"), p.name, d.n(), t.run(h, p, s, read{}))
		}
		if t.schema != nil {
			h.add(work("index"), p.name, d.n(), t.ask(h, p, "migrate", "--with-search"))
		}
		questions := analystQuestions(h, t, d.Spec.To)
		for range *repeat {
			for _, q := range questions {
				for range q.times {
					h.add(work(q.name), p.name, d.n(), t.ask(h, p, q.args...))
				}
			}
		}
		t.remove(h)
	}
}

// staleDays counts the days whose figures a run stores.
func (d *database) staleDays(h *harness) (n int) {
	h.Helper()
	conn, err := pgx.Connect(h.Context(), d.url)
	if err == nil {
		defer conn.Close(h.Context())
		err = conn.QueryRow(h.Context(), "SELECT count(*) FROM polyai.stale_days WHERE day < current_date - 2").Scan(&n)
	}
	if err != nil {
		h.Fatal(err)
	}
	return n
}

// asked is a command, and how often it is repeated in each repetition.
type asked struct {
	name  string
	times int
	args  []string
}

// analystQuestions returns what is measured. The month is in the middle of the year, so that
// there are more before and after it.
func analystQuestions(h *harness, t *target, until time.Time) []asked {
	month := time.Date(until.Year(), until.Month()-6, 1, 0, 0, 0, 0, time.UTC)
	date := func(months, days int) string { return month.AddDate(0, months, days).Format(time.DateOnly) }
	within := func(view, column, from, to string) []string {
		return []string{"query", fmt.Sprintf("SELECT * FROM %s WHERE %s >= '%s' AND %[2]s < '%[4]s'", view, column, from, to), "--output", "csv"}
	}
	_, id, err := measure(h.Context(), nil, h.programs[0].path, "query", "--config", t.config, "--output", "csv",
		fmt.Sprintf("SELECT max(conversation_id) AS id FROM conversations WHERE started_at >= '%[1]s 12:00:00+00' AND started_at < '%[1]s 13:00:00+00'", date(0, 14)))
	if err != nil {
		h.Fatal(err)
	}
	id = strings.TrimSpace(strings.TrimPrefix(id, "id\n"))
	questions := []asked{
		{"month", 1, within("daily_kpis", "day", date(0, 0), date(1, 0))},
		{"year", 1, within("daily_kpis", "day", date(-12, 0), date(12, 0))},
		{"week", 1, within("latency_hourly", "local_hour", date(0, 7), date(0, 14))},
		{"report", 1, []string{"report", "--from", date(0, 0), "--to", date(1, 0), "--output", "json"}},
		{"transcript", starts, []string{"transcript", id}},
	}
	if t.schema != nil { // a lake is scanned
		questions = append(questions, asked{"search", starts, []string{"search", "keypad customer number"}})
	}
	return questions
}

// ask runs a command over the destination and measures it.
func (t *target) ask(h *harness, p program, args ...string) sample {
	h.Helper()
	cpu := 0.0
	if t.schema != nil {
		_, cpu = t.schema.counters(h)
	}
	result, _, err := measure(h.Context(), p.env, p.path, append(args, "--config", t.config)...)
	if err != nil {
		h.Fatal(err)
	}
	if t.schema != nil {
		_, after := t.schema.counters(h)
		result.ServerCPU = after - cpu
	}
	return result
}
