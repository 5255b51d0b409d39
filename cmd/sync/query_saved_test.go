//go:build cgo

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
	"convsync/internal/questions"
)

// exampleDestinations are a lake and a database with the conversations of
// exampleCalls, and configurations that read them.
func exampleDestinations(t *testing.T) (configs map[string]string) {
	t.Helper()
	lake, database := inFolder(t, "lake"), newDatabase(t)
	inLake, err := parquet.Open(parquet.Options{Path: lake})
	if err != nil {
		t.Fatal(err)
	}
	loadCalls(t, inLake)
	inDatabase, err := postgres.Open(t.Context(), postgres.Options{URL: func(context.Context) (string, error) { return database, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer inDatabase.Close()
	loadCalls(t, inDatabase)
	configs = map[string]string{}
	for name, destination := range map[string]string{"Lake": into(lake), "Postgres": intoPostgres(database)} {
		configs[name] = inFolder(t, "convsync.yaml")
		writeFile(t, configs[name], fmt.Sprintf("source: { region: uk, account_id: a, api_key: made-up, projects: [{ id: p }] }\ndestination: { %s }\n", destination)+
			"handoff_reason_map: { billing: Money }\n")
	}
	return configs
}

// exampleAnswers are answers about exampleCalls that were worked out by hand.
var exampleAnswers = []struct{ line, csv string }{
	{
		"containment-by-day --set from=2025-10-26 --set to=2025-10-27",
		"day,is_complete,conversations,not_ended,handoff_known,contained,containment_rate,low,high\n2025-10-26,true,11,1,9,8,0.889,0.565,0.98\n",
	},
	{
		"completeness --set from=2025-10-24 --set to=2025-10-29",
		"project_id,environment,day,status,hours_loaded,conversations,not_ended\n" +
			"p,live,2025-10-28,not loaded,0,,\n" +
			"p,live,2025-10-27,complete,24,1,0\n" +
			"p,live,2025-10-26,complete,25,11,1\n" +
			"p,live,2025-10-25,partly loaded,1,,\n" +
			"p,live,2025-10-24,not loaded,0,,\n",
	},
	{"handoff-reasons --set from=2025-10-26", "reason_group,group_handoffs,group_share,handoff_reason,handoffs,share\nMoney,1,1,billing,1,1\n"},
	{
		"handoff-reasons --set from=2025-10-26 --set handoff_reason_map=",
		"reason_group,group_handoffs,group_share,handoff_reason,handoffs,share\n(not mapped),1,1,billing,1,1\n",
	},
	{
		"languages --set from=2025-10-26 --set to=2025-10-28",
		"language,conversations,contained,handed_off,abandoned_early,open,unknown,contained_share\nen-GB,12,6,1,2,1,2,0.667\n",
	},
	{
		"repeat-callers --set from=2025-10-26 --set to=2025-10-28",
		"day,contacts,known,repeats,repeat_rate,low,high\n2025-10-26,11,10,2,0.2,0.057,0.51\n2025-10-27,1,0,0,,,\n",
	},
	{
		"early-ends --set from=2025-10-26",
		"sign,conversations,share,median_duration_seconds,newest_example\nthe source hides the transcript,1,0.5,5,hidden-short\nit took less than 10 s,1,0.5,5,short\n",
	},
	{
		"week-over-week --set from=2025-10-26 --set to=2025-10-28",
		"figure,earlier_n,earlier,earlier_low,earlier_high,recent_n,recent,recent_low,recent_high,difference\n" +
			"conversations,,,,,12,12,,,\ncontainment_rate,,,,,10,0.9,0.596,0.982,\nearly_abandon_rate,,,,,10,0.2,0.057,0.51,\n" +
			"contained_no_callback_rate,,,,,7,0.286,0.082,0.641,\n",
	},
	{
		"slowest-turns --set from=2025-10-26 --set to=2025-10-28 --set rows=2",
		"local_hour,latency_seconds,day_percentile,variant,deployment_id,conversation_id,turn_index\n" +
			"2025-10-26T01:00:00,3.5,1,Main,,winter,3\n2025-10-26T00:00:00,2.5,0.9643,Main,,first,2\n",
	},
	{
		"callbacks --set from=2025-10-26",
		"outcome,handoff_reason,next_outcome,next_handoff_reason,callbacks,customers,median_gap_hours,newest_example\ncontained,,contained,,2,1,12.5,second\n",
	},
}

func TestQuestions_Examples(t *testing.T) {
	t.Parallel()
	for destination, config := range exampleDestinations(t) {
		for _, example := range exampleAnswers {
			r := convsync(t, nil, append([]string{"query", "--config", config, "--output", "csv", "--name"}, strings.Fields(example.line)...)...)
			if r.code != exitOK || r.stdout != example.csv {
				t.Errorf("%s: %s:\n%s%s\nwant\n%s", destination, example.line, r.stdout, r.stderr, example.csv)
			}
		}
		query := func(args ...string) result {
			return convsync(t, nil, append([]string{"query", "--config", config, "--name"}, args...)...)
		}
		// A period that is not loaded is not an answer of zeros.
		empty := query("containment-by-day", "--set", "from=2025-10-01", "--set", "to=2025-10-08")
		if strings.Contains(empty.stderr, "is covered") {
			t.Errorf("the coverage is said twice: %s", empty.stderr)
		}
		empty.want(t, exitOK, "period: 2025-10-01 to 2025-10-07, 7 local days; --set from=… and --set to=… change it\n"+
			"note: p (live) has nothing of this period; it is loaded from 2025-10-25T22:00:00Z until 2025-10-28T00:00:00Z\n",
			"\nno row\n")
		query("containment-by-day", "--set", "from=2025-10-26", "--set", "to=2025-10-30").want(t, exitOK, "note: p (live) is loaded until 2025-10-28T00:00:00Z")
		query("containment-by-day").want(t, exitOK, "period: 2025-09-30 to 2025-10-27, 28 local days", "note: p (live) lacks 26 days")
		query("containment-by-day", "--set", "project=q").want(t, exitOK, "no row: nothing is loaded of a project q", "p (live) is covered")
		own := inFolder(t, "own.sql")
		writeFile(t, own, "-- Own\n--\n-- A question.\n--\n-- $from = 2 days: first day\n-- $to = complete: day after\nSELECT count(*) AS n FROM contacts WHERE day >= CAST($from AS date) AND day < CAST($to AS date)\n")
		convsync(t, nil, "query", "--config", config, "--file", own, "--output", "csv").want(t, exitOK, "n\n12\n", "period: 2025-10-26 to 2025-10-27")
		query("worst-conversations", "--set", "from=2025-10-26").want(t, exitOK, "convsync transcript short --config "+config+"\n")
		query("containment-by-day", "--set", "form=2025-10-01").want(t, exitUsage, "has no parameter $form; it has from, to, project, environment")
		query("containment-by-day", "--set", "from=yesterday").want(t, exitUsage, "is not a day")
	}
}

func TestQuery_Saved(t *testing.T) {
	t.Parallel()
	query := func(args ...string) result { return convsync(t, nil, append([]string{"query"}, args...)...) } // no destination is needed
	r := query("--list")
	r.want(t, exitOK)
	if lines := strings.Count(r.stdout, "\n"); lines != len(questions.All())+2 || !strings.Contains(r.stdout, "slowest-hours") {
		t.Errorf("%d lines: %s", lines, r.stdout)
	}
	query("--list", "--output", "csv", "--limit", "1").want(t, exitOK, "name,title\nbusiest-hours,Busiest local hours\n", "--limit 0 shows all")
	out := inFolder(t, "out")
	query("--list", "-o", out+".jsonl").want(t, exitOK, "wrote")
	query("--name", "drop-off", "--show", "-o", out+".sql").want(t, exitOK)
	if list, text := readFile(t, out+".jsonl"), readFile(t, out+".sql"); strings.Count(list, `{"name":"`) != len(questions.All()) || text != questions.Get("drop-off").Text {
		t.Errorf("got %s and %s", list, text)
	}
	for line, want := range map[string]string{
		"--list --set a=1": "--set has no effect with --list", "--list --timeout 1s": "--timeout has no effect", "--list --no-history": "--no-history has no effect",
		"--list --records --output csv":           "--records is a form of --output table",
		"--name drop-off --show --set from=month": "--set has no effect with --show", "--name drop-off --show --output csv": "--output has no effect",
		"--name drop-off --show --limit 3": "--limit has no effect", "--name drop-off --show -x": "--records has no effect",
	} {
		query(strings.Fields(line)...).want(t, exitUsage, want)
	}
	if r := query("--name", "drop-off", "--show"); r.code != exitOK || r.stdout != questions.Get("drop-off").Text {
		t.Errorf("got %s", r.stdout)
	}
	query("--name", "slowest-hour").want(t, exitUsage, "did you mean slowest-hours or slowest-turns?")
	query("--name", "zzz").want(t, exitUsage, "--list lists them")
	query("--name", "drop-off", "SELECT 1").want(t, exitUsage, "only one of them")
	query("--name", "drop-off", "--file", "x").want(t, exitUsage, "only one of them")
	query("--list", "--name", "drop-off").want(t, exitUsage, "only one of them")
	query("--show").want(t, exitUsage, "--show needs --name")
}

// sameQuestions compares the answers of both destinations to all questions.
func sameQuestions(t *testing.T, configs []string) {
	t.Helper()
	for _, q := range questions.All() {
		args := []string{"query", "--name", q.Name, "--output", "jsonl", "--set", "from=2025-10-22", "--set", "to=2026-03-14", "--set", "environment=all", "--config"}
		if q.Param("turns") != nil {
			args = append([]string{args[0], "--set", "turns=2"}, args[1:]...)
		}
		var answers [2]result
		for i, config := range configs {
			answers[i] = convsync(t, nil, append(slices.Clone(args), config)...)
			answers[i].want(t, exitOK)
			answers[i].stdout = strings.ReplaceAll(answers[i].stdout, " --config "+config, "") // in commands
		}
		inLake, inDatabase := sortedLines(answers[0].stdout), sortedLines(answers[1].stdout)
		if !slices.Equal(inLake, inDatabase) || len(inLake) == 0 {
			t.Errorf("%s has %d rows in the lake and %d in the database; differences:\n%s\n%s", q.Name, len(inLake), len(inDatabase), extra(inLake, inDatabase), extra(inDatabase, inLake))
		}
		checkIntervals(t, q.Name, inLake)
	}
	checkMedians(t, configs[0])
}

// checkMedians computes the median latency of variants again, with its interval.
func checkMedians(t *testing.T, config string) {
	t.Helper()
	latencies := map[string][]float64{}
	for _, row := range jsonRows(t, config, `SELECT variant_id, latency_p50_seconds AS seconds FROM conversations
		WHERE project_id = 'acme-team-4' AND missing_since IS NULL AND latency_p50_seconds IS NOT NULL`) {
		variant, _ := row["variant_id"].(string)
		latencies[variant] = append(latencies[variant], row["seconds"].(float64))
	}
	checked := 0
	for _, row := range jsonRows(t, config, "", "--name", "variants", "--set", "project=acme-team-4", "--set", "environment=all", "--set", "from=2025-10-01", "--set", "to=2026-06-01") {
		variant, _ := row["variant_id"].(string)
		values := latencies[variant]
		slices.Sort(values)
		n := len(values)
		if n < 6 {
			continue
		}
		checked++
		rank := medianRank(n)
		for name, want := range map[string]float64{"median_latency_seconds": values[(n+1)/2-1], "latency_low": values[rank-1], "latency_high": values[n-rank]} {
			if row[name] != want {
				t.Errorf("variants: %s of %v is %v, want %v (of %d)", name, row["variant"], row[name], want, n)
			}
		}
	}
	if checked == 0 {
		t.Error("no variant has enough conversations")
	}
}

// jsonRows returns the answer to a statement or, if it is empty, to the flags.
func jsonRows(t *testing.T, config, statement string, flags ...string) (rows []map[string]any) {
	t.Helper()
	args := append([]string{"query", "--config", config, "--output", "jsonl"}, flags...)
	if statement != "" {
		args = append(args, statement)
	}
	r := convsync(t, nil, args...)
	r.want(t, exitOK)
	for line := range strings.Lines(r.stdout) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// medianRank is the rank of the lower end of the 95% interval of the median of n values;
// 0: there is none.
func medianRank(n int) int { return int(math.Floor((float64(n) + 1 - 1.96*math.Sqrt(float64(n))) / 2)) }

// sortedLines returns the lines of a text. The order of equal texts depends on the
// collation of the database.
func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return lines
}

// checkIntervals computes the confidence intervals of rates again.
func checkIntervals(t *testing.T, question string, lines []string) {
	t.Helper()
	parts := map[string][5]string{ // numerator, denominator, rate, low, high
		"containment-by-day": {"contained", "handoff_known", "containment_rate", "low", "high"},
		"repeat-callers":     {"repeats", "known", "repeat_rate", "low", "high"},
	}
	names, ok := parts[question]
	if !ok {
		return
	}
	for _, line := range lines {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		k, _ := row[names[0]].(float64)
		n, _ := row[names[1]].(float64)
		if n == 0 {
			continue
		}
		low, high := wilson(k, n)
		for name, want := range map[string]float64{names[2]: k / n, names[3]: low, names[4]: high} {
			if got, ok := row[name].(float64); !ok || math.Abs(got-want) > 0.0006 {
				t.Errorf("%s: %s of %v of %v is %v, want %.4f", question, name, k, n, row[name], want)
			}
		}
	}
}

// wilson returns the 95% confidence interval of a rate: the rates whose score test does
// not reject k of n.
func wilson(k, n float64) (low, high float64) {
	const z = 1.96
	rejects := func(p float64) bool { return math.Abs(k/n-p) > z*math.Sqrt(p*(1-p)/n) }
	bisect := func(inside, outside float64) float64 {
		if !rejects(outside) {
			return outside
		}
		for range 60 {
			if middle := (inside + outside) / 2; rejects(middle) {
				outside = middle
			} else {
				inside = middle
			}
		}
		return inside
	}
	return bisect(k/n, 0), bisect(k/n, 1)
}

// TestMedianInterval checks that the ranks that questions use cover the median with at
// least 95%, by the binomial distribution.
func TestMedianInterval(t *testing.T) {
	t.Parallel()
	if medianRank(5) != 0 || medianRank(6) != 1 {
		t.Errorf("the ranks of 5 and 6 values are %d and %d", medianRank(5), medianRank(6))
	}
	for n := 6; n <= 1000; n++ {
		rank := medianRank(n)
		if covered := 1 - 2*binomialBelow(n, rank); covered < 0.95 {
			t.Errorf("rank %d of %d covers the median with %.4f", rank, n, covered)
		}
	}
}

// binomialBelow returns the probability of fewer than k heads in n throws.
func binomialBelow(n, k int) (sum float64) {
	for i := range k {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(i + 1))
		c, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(a - b - c - float64(n)*math.Ln2)
	}
	return sum
}

// readsParquet checks that DuckDB reads a file of an answer with its types.
func readsParquet(t *testing.T, file string, want ...string) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got []string
	for _, row := range askViews(t, db, "SELECT column_name || ' ' || column_type FROM (DESCRIBE SELECT * FROM read_parquet('"+file+"'))") {
		got = append(got, row[0].(string))
	}
	if !slices.Equal(got, want) {
		t.Errorf("DuckDB reads the columns %q, want %q", got, want)
	}
}
