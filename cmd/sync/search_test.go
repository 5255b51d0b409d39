package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/answer"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/load/postgres"
	"convsync/internal/search"
	"convsync/internal/simulate"
)

// searched are words of several languages, with punctuation, and words that were not said.
var searched = []string{"my order", "YOUR name, please", "fu\u0308r", "no-such-word"}

// TestSearch compares the conversations that both destinations find with those that the
// simulator made with these words, before and after the index was created.
func TestSearch(t *testing.T) {
	t.Parallel()
	n := 200
	if loadtest.Raced {
		n = 80
	}
	simulator, server := past(t, n, 4, simulate.AllDeviations())
	database := newDatabase(t)
	lake := configure(t, server.URL, into(inFolder(t, "lake")))
	postgres := configure(t, server.URL, intoPostgres(database))
	run(t, lake, exitOK)
	run(t, postgres, exitOK)
	inLake := map[string]string{}
	for _, words := range searched {
		r := convsync(t, nil, "search", words, "--config", lake, "--output", "csv", "--limit", "1000")
		r.want(t, exitOK)
		inLake[words] = r.stdout
		if got, want := foundIDs(t, r.stdout), saidIn(simulator, search.Words(words)); !slices.Equal(got, want) {
			t.Errorf("%q: found %q, want %q", words, got, want)
		}
	}
	const noIndex = "searched without an index: `convsync migrate --with-search --config "
	for _, indexed := range []bool{false, true} {
		if indexed {
			pgtest.Exec(t, database, "CREATE INDEX turns_search ON polyai.turns USING gin (string_to_array(lower(user_input), ' '))") // of an older version
			convsync(t, nil, "search", "order", "--config", postgres).want(t, exitOK, noIndex)
			convsync(t, nil, "migrate", "--with-search", "--config", postgres).want(t, exitOK, "indexing turns_2026_06 for search", "collecting statistics of turns_2026_06")
			if again := convsync(t, nil, "migrate", "--with-search", "--config", postgres); again.code != exitOK || strings.Contains(again.stderr, "turns_2026") {
				t.Errorf("again: %d %s", again.code, again.stderr)
			}
		}
		for _, words := range searched {
			inPostgres := convsync(t, nil, "search", words, "--config", postgres, "--output", "csv", "--limit", "1000")
			inPostgres.want(t, exitOK)
			if inLake[words] != inPostgres.stdout {
				t.Errorf("%q: the lake finds\n%s\nPostgres finds\n%s", words, inLake[words], inPostgres.stdout)
			}
			if strings.Contains(inPostgres.stderr, noIndex) == indexed {
				t.Errorf("%q: indexed: %v, %s", words, indexed, inPostgres.stderr)
			}
		}
	}
	for name, config := range map[string]string{"Lake": lake, "Postgres": postgres} {
		t.Run(name, func(t *testing.T) { searchFlags(t, config) })
	}
	t.Run("WordsBeforeHandoff", func(t *testing.T) { wordsBeforeHandoff(t, lake, postgres) })
	t.Run("Plan", func(t *testing.T) { searchPlan(t, database) })
	t.Run("NewMonths", func(t *testing.T) {
		missing := "SELECT count(*) FROM pg_inherits WHERE inhparent = 'turns'::regclass AND NOT EXISTS (SELECT FROM pg_indexes WHERE tablename = inhrelid::regclass::text AND indexdef LIKE '%gin%')"
		pgtest.Exec(t, database, "CREATE TABLE polyai.turns_2031_01 (LIKE polyai.turns INCLUDING ALL EXCLUDING IDENTITY)",
			"ALTER TABLE polyai.turns ATTACH PARTITION polyai.turns_2031_01 FOR VALUES FROM ('2031-01-01 00:00:00+00') TO ('2031-02-01 00:00:00+00')")
		convsync(t, nil, "query", missing, "--config", postgres, "--output", "csv").want(t, exitOK, "count\n0\n")
	})
}

// searchPlan checks that the statement has the expression of the index, which Postgres
// then uses even for few rows if it must not scan them.
func searchPlan(t *testing.T, database string) {
	pgtest.Exec(t, database, "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET enable_seqscan = off'; END $$")
	source, err := postgres.OpenReader(t.Context(), postgres.ReaderOptions{
		URL: func(context.Context) (string, error) { return database, nil }, Schema: "polyai", Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	explained := &explainedSource{Source: source}
	if _, err := search.Find(t.Context(), explained, &search.Question{Words: "my order", Limit: 20}); !errors.Is(err, errExplained) {
		t.Fatal(err)
	}
	if !strings.Contains(explained.plan, "Index Cond: (string_to_array(") {
		t.Errorf("the index is not used:\n%s", explained.plan)
	}
}

// explainedSource explains statements instead of executing them.
type explainedSource struct {
	answer.Source
	plan string
}

var errExplained = errors.New("explained")

// Ask implements [answer.Source].
func (e *explainedSource) Ask(ctx context.Context, s answer.Statement) (answer.Rows, error) {
	s.SQL = "EXPLAIN " + s.SQL
	_, rows, err := answer.Read(ctx, e.Source, s)
	for _, row := range rows {
		e.plan += fmt.Sprintln(row...)
	}
	return nil, cmp.Or(err, errExplained)
}

// foundIDs returns the conversations of an answer, sorted.
func foundIDs(t *testing.T, text string) (ids []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], "conversation_id")
	for _, row := range rows[1:] {
		ids = append(ids, row[at])
	}
	slices.Sort(ids)
	return ids
}

// saidIn returns the conversations with a turn that has all words, sorted.
func saidIn(simulator *simulate.Simulator, words []string) (ids []string) {
	for truth := range simulator.Truth("acme-team-4", "live", standing) {
		if slices.ContainsFunc(truth.Turns, func(turn map[string]any) bool {
			var said []string
			for _, column := range []string{"user_input", "agent_response", "translated_user_input", "english_agent_response"} {
				text, _ := turn[column].(string)
				said = append(said, search.Words(text)...)
			}
			return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(said, w) })
		}) {
			ids = append(ids, truth.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func searchFlags(t *testing.T, config string) {
	t.Helper()
	find := func(words string, args ...string) result {
		return convsync(t, nil, append([]string{"search", words, "--config", config, "--output", "csv"}, args...)...)
	}
	all := find("the", "--limit", "1000")
	all.want(t, exitOK)
	total := strings.Count(all.stdout, "acme-team-4")
	split := 0
	for _, outcome := range []string{"contained", "handed_off"} {
		r := find("the", "--limit", "1000", "--outcome", outcome)
		r.want(t, exitOK)
		split += strings.Count(r.stdout, "acme-team-4")
	}
	early, late := find("the", "--to", "2026-06-05", "--limit", "1000"), find("the", "--from", "2026-06-05", "--limit", "1000")
	if n := strings.Count(early.stdout+late.stdout, "acme-team-4"); total < 20 || n != total || split == 0 || split > total {
		t.Errorf("%d conversations, %d by period, %d by outcome", total, n, split)
	}
	find("the", "--limit", "2").want(t, exitOK, "showing the best 2 conversations", "**the**")
	find("the", "--variant", "no-such-variant").want(t, exitOK, "no row")
	find("the", "--project", "other").want(t, exitOK, "no row: nothing is loaded of a project other")
	find("?!").want(t, exitUsage, "there is no word")
	find("f\xfcr").want(t, exitUsage, "the text to search for is not valid UTF-8")
	find("the", "--variant", "\x00").want(t, exitUsage, "--variant has a NUL character")
	find("the", "--limit", "0").want(t, exitUsage, "--limit")
	find("the", "--outcome", "lost").want(t, exitUsage, "--outcome")
	find("the", "--from", "2026-06-05", "--to", "2026-06-05").want(t, exitUsage, "--from must be before --to")
	convsync(t, nil, "search", "--config", config).want(t, exitUsage, "expected words")
}

// wordsBeforeHandoff compares the answer of both destinations to the question.
func wordsBeforeHandoff(t *testing.T, lake, postgres string) {
	t.Helper()
	ask := func(config string) string {
		r := convsync(t, nil, "query", "--file", "../../internal/questions/sql/words-before-handoff.sql", "--config", config, "--output", "csv",
			"--set", "from=2026-05-20", "--set", "to=2026-06-20", "--set", "project=all", "--set", "environment=live", "--set", "rows=1000")
		r.want(t, exitOK)
		return r.stdout
	}
	inLake, inPostgres := ask(lake), ask(postgres)
	if inLake != inPostgres || strings.Count(inLake, "\n") < 10 {
		t.Errorf("the lake has\n%s\nPostgres has\n%s", inLake, inPostgres)
	}
}
