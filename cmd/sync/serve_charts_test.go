package main

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"convsync/internal/simulate"
)

// The charts' figures by plain SQL, which both take but for the days' names.
const chartsSQL = `SELECT %[2]s AS day, count(*), NULL, NULL, round(100.0 * count(*) FILTER (WHERE handoff) / nullif(count(handoff), 0), 6)::double precision
FROM %[1]sconversations WHERE missing_since IS NULL GROUP BY 1
UNION ALL
SELECT %[2]s AS day, NULL, percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_seconds), percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_seconds), NULL
FROM %[1]sturns GROUP BY 1`

var (
	figureOf  = regexp.MustCompile(`(?s)<figure class="chart">.*?</figure>`)
	rowOf     = regexp.MustCompile(`<tr><th scope="row">([^<]*)</th>(.*?)</tr>`)
	valueOf   = regexp.MustCompile(`<td class="n">([^<]*)</td>`)
	shownDate = "2 Jan 2006"
)

// shownFigures are the figures of the charts' tables, by day, as text.
func shownFigures(page string) map[string][]string {
	days := map[string][]string{}
	for _, figure := range figureOf.FindAllString(page, -1) {
		for _, row := range rowOf.FindAllStringSubmatch(figure, -1) {
			for _, value := range valueOf.FindAllStringSubmatch(row[2], -1) {
				days[row[1]] = append(days[row[1]], value[1])
			}
		}
	}
	return days
}

// shownAs is a figure as the page has it: whole from a hundred on, else with
// three digits.
func shownAs(v any, unit string) string {
	f, ok := v.(float64)
	switch {
	case !ok:
		return "none"
	case f >= 100 || f == float64(int64(f)):
		return strings.TrimSpace(strconv.FormatFloat(f, 'f', 0, 64) + " " + unit)
	}
	return strings.TrimSpace(strconv.FormatFloat(f, 'g', 3, 64) + " " + unit)
}

// TestTheChartsHaveTheDestinationsNumbers compares the status page of the real
// process with what SQL says of the destination.
func TestTheChartsHaveTheDestinationsNumbers(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	simulator, err := simulate.New(simulate.Options{
		Seed: 3, Deviations: simulate.Deviations{UnsaidBooleans: true, LatencyStrings: true, LatencyObjects: true},
		Projects: []simulate.Project{{
			AccountID:    "acme-uk",
			ID:           "acme-team-4",
			From:         now.AddDate(0, 0, -20),
			To:           now,
			TurnsMean:    3,
			Environments: []simulate.Environment{{Name: "live", Conversations: 900}, {Name: "sandbox", Conversations: 50}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	lake, database := filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	for name, destination := range map[string]string{"Parquet": into(lake), "Postgres": intoPostgres(database)} {
		t.Run(name, func(t *testing.T) {
			config := inFolder(t, "convsync.yaml")
			writeFile(t, config, fmt.Sprintf("source: { base_url: %q, account_id: acme-uk, api_key: made-up-key, projects: [{ id: acme-team-4, environments: [live, sandbox] }] }\n"+
				"destination: { %s }\nsync: { start: %s }\nschedules: { nightly: { cron: \"0 2 1 1 *\" } }\nserve: { listen: \"127.0.0.1:0\" }\n",
				server.URL, destination, now.AddDate(0, 0, -21).Format(time.DateOnly)))
			run(t, config, exitOK)
			var rows [][]any
			if name == "Parquet" {
				rows = askLake(t, lake, fmt.Sprintf(chartsSQL, "", "strftime(started_at, '%Y-%m-%d')"))
			} else {
				rows = askDatabase(t, database, fmt.Sprintf(chartsSQL, "polyai.", "to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"))
			}
			got, today := shownOneDay(t, config)
			want := map[string][]string{}
			for i := range 30 {
				day := today.AddDate(0, 0, -i)
				figures := []any{0.0, nil, nil, nil}
				for _, row := range rows {
					for column, value := range row[1:] {
						if n, whole := value.(int64); whole {
							value = float64(n)
						}
						if row[0] == day.Format(time.DateOnly) && value != nil {
							figures[column] = value
						}
					}
				}
				want[day.Format(shownDate)] = []string{shownAs(figures[0], ""), shownAs(figures[1], "s"), shownAs(figures[2], "s"), shownAs(figures[3], "%")}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the page has\n%v\nand the destination\n%v", got, want)
			}
		})
	}
}

// shownOneDay returns the figures of a process's page, and their day. If the day
// ended meanwhile, the page is loaded again.
func shownOneDay(t *testing.T, config string) (figures map[string][]string, today time.Time) {
	t.Helper()
	for {
		today = time.Now().UTC()
		process := serveIn(t, config, nil)
		eventually(t, process.url+"/", "Conversations per day as a table")
		_, page := get(t, process.url+"/")
		process.stop()
		if time.Now().UTC().Day() == today.Day() {
			return shownFigures(page), today
		}
	}
}
