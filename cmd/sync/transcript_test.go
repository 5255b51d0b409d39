package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// TestTranscript compares transcripts of both destinations with what the simulator
// meant.
func TestTranscript(t *testing.T) {
	t.Parallel()
	simulator, server := past(t, 30, 4, simulate.AllDeviations())
	for name, config := range map[string]string{
		"Lake":     configure(t, server.URL, into(inFolder(t, "lake"))),
		"Postgres": configure(t, server.URL, intoPostgres(newDatabase(t))),
	} {
		run(t, config, exitOK)
		compared := 0
		for truth := range simulator.Truth("acme-team-4", "live", standing) {
			if compared++; compared > 6 {
				break
			}
			r := convsync(t, nil, "transcript", truth.ID, "--config", config, "--output", "json")
			r.want(t, exitOK)
			var got map[string]any
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
				t.Fatal(err)
			}
			sameTranscript(t, name, truth, got)
		}
		r := convsync(t, nil, "transcript", "no-such-id", "--config", config)
		r.want(t, exitFailed, "no conversation no-such-id is stored", "check the id", "acme-team-4 (live): from 2026-05-25")
		if r.stdout != "" {
			t.Errorf("%s: an error on stdout: %s", name, r.stdout)
		}
	}
}

// sameTranscript compares the values of a transcript with those of the truth.
func sameTranscript(t *testing.T, destination string, truth *simulate.Truth, got map[string]any) {
	t.Helper()
	same := func(what string, want, got map[string]any, except ...string) {
		t.Helper()
		for name, value := range got {
			if expected, known := want[name]; known && !strings.Contains(strings.Join(except, " "), name) && !sameJSON(expected, value) {
				t.Errorf("%s: %s: %s of %s is %v, want %v", destination, truth.ID, name, what, value, expected)
			}
		}
	}
	same("the conversation", truth.Conversation, got, "metrics")
	turns, _ := got["turns"].([]any)
	metrics, _ := got["metrics"].([]any)
	if len(turns) != len(truth.Turns) || len(metrics) != len(truth.Metrics) {
		t.Fatalf("%s: %s: %d turns and %d metrics, want %d and %d", destination, truth.ID, len(turns), len(metrics), len(truth.Turns), len(truth.Metrics))
	}
	var entities []any
	for i, turn := range turns {
		same(fmt.Sprint("turn ", i), truth.Turns[i], turn.(map[string]any))
		for _, name := range []string{"user_input", "agent_response", "latency_seconds", "barge_in", "is_silence"} {
			if (truth.Turns[i][name] == nil) != (turn.(map[string]any)[name] == nil) {
				t.Errorf("%s: %s: turn %d has %v for %s", destination, truth.ID, i, turn, name)
			}
		}
		of, _ := turn.(map[string]any)["entities"].([]any)
		entities = append(entities, of...)
	}
	if len(entities) != len(truth.Entities) {
		t.Fatalf("%s: %s: %d entities, want %d", destination, truth.ID, len(entities), len(truth.Entities))
	}
	for i := range entities {
		same(fmt.Sprint("entity ", i), truth.Entities[i], entities[i].(map[string]any))
	}
	for i := range metrics {
		same(fmt.Sprint("metric ", i), truth.Metrics[i], metrics[i].(map[string]any))
	}
}

// sameJSON compares a value with one that was JSON.
func sameJSON(want, got any) bool {
	if at, ok := want.(time.Time); ok {
		want = at.Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(want)
	var plain any
	return err == nil && json.Unmarshal(text, &plain) == nil && reflect.DeepEqual(plain, got)
}

// TestTranscript_Found loads conversations by hand: in two projects, and with limits.
func TestTranscript_Found(t *testing.T) {
	t.Parallel()
	lake, database := filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	inLake, err := parquet.Open(parquet.Options{Path: lake})
	if err != nil {
		t.Fatal(err)
	}
	inDatabase, err := postgres.Open(t.Context(), postgres.Options{URL: func(context.Context) (string, error) { return database, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer inDatabase.Close()
	configs := map[string]string{"Lake": configure(t, "http://127.0.0.1:1", into(lake)), "Postgres": configure(t, "http://127.0.0.1:1", intoPostgres(database))}
	for name, destination := range map[string]load.Destination{"Lake": inLake, "Postgres": inDatabase} {
		loadCalls(t, destination)
		loadOther(t, destination)
		t.Run(name, func(t *testing.T) {
			transcript := func(args ...string) result {
				return convsync(t, nil, append([]string{"transcript", "--config", configs[name]}, args...)...)
			}
			transcript("first").want(t, exitUsage, "exists in several projects: p, q", "--project")
			transcript("first", "--project", "q").want(t, exitOK, "q · first\n")
			transcript("first", "--project", "r").want(t, exitFailed, "it is stored in the project p", "it is stored in the project q")
			convsync(t, nil, "search", "für", "--config", configs[name], "--output", "csv").want(t, exitOK, ",first,", "Danke **für** alles")
			transcript("none", "--project", "r").want(t, exitFailed, "nothing of the project r is loaded")
			transcript("open").want(t, exitOK, "! In progress when it was last read")
			transcript("hidden").want(t, exitOK, "! The source hides the transcript: it reports 5 turns and returns none.")
			transcript("missing").want(t, exitOK, "! The source no longer lists this conversation")
			transcript("handoff").want(t, exitOK, "Handoff", "yes: billing")
			transcript("summ").want(t, exitFailed, "ids that contain it: summer")
			transcript("gone").want(t, exitFailed, "it was deleted from the project q on")
			transcript("bad").want(t, exitFailed, "it was rejected in the project q", "no start")
			transcript().want(t, exitUsage, "expected the id of one conversation")
			transcript("\xff").want(t, exitUsage, "the id is not valid UTF-8")
			transcript("open", "--project", "p\x00").want(t, exitUsage, "--project has a NUL character")
			transcript("open", "--output", "xml").want(t, exitUsage, "--output")
			transcript("open", "-o", "a.pdf").want(t, exitUsage, "no format has the ending .pdf")
			for file, want := range map[string]string{"a.html": "<!DOCTYPE html>", "a.json": "{\n", "a.md": "# Conversation", "a.txt": "p · open\n"} {
				out := filepath.Join(t.TempDir(), file)
				transcript("open", "-o", out).want(t, exitOK, "wrote "+out)
				if text := readFile(t, out); !strings.HasPrefix(text, want) {
					t.Errorf("%s is %.100s", file, text)
				}
			}
		})
	}
	t.Run("Served", func(t *testing.T) { servedTranscripts(t, configs["Lake"]) })
	t.Run("OtherFiles", func(t *testing.T) { otherFiles(t, lake, configs["Lake"]) })
}

// otherFiles checks that the files of other conversations are not opened: they are damaged.
func otherFiles(t *testing.T, lake, config string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(lake, "*", "project_id=q", "*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		writeFile(t, file, "damaged")
	}
	convsync(t, nil, "transcript", "open", "--config", config).want(t, exitOK, "p · open\n")
	convsync(t, nil, "transcript", "first", "--project", "q", "--config", config).want(t, exitFailed)
}

// loadOther loads conversations into another project: one with an id that the first
// project has, one that is deleted, and a reject.
func loadOther(t *testing.T, destination load.Destination) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := destination.Begin(t.Context(), load.Owner{RunID: "run-2", Started: 2})
	must(err)
	must(w.Register(t.Context(), []load.Project{loadtest.Project("q")}))
	window := load.Window{Feed: load.Feed{ProjectID: "q", Environment: loadtest.Live}, RunID: "run-2", At: warehouse.TimestampOf(clocksBack)}
	at := warehouse.TimestampOf(clocksBack)
	must(w.Stage(t.Context(), &load.Batch{Feed: window.Feed, Rows: []*warehouse.Rows{
		loadtest.Conversation("q", "first", clocksBack, func(r *warehouse.Rows) { r.Turns[0].UserInput = "Danke fu\u0308r alles" }), loadtest.Conversation("q", "gone", clocksBack),
	}}))
	window.Rejects = []warehouse.Reject{{
		ProjectID:      "q",
		Environment:    loadtest.Live,
		RejectID:       "r-1",
		ConversationID: "bad",
		Reason:         "no start",
		FirstSeenAt:    at,
		LastSeenAt:     at,
		RunID:          "run-2",
	}}
	_, err = w.Publish(t.Context(), &window)
	must(err)
	window.ID++
	window.Missing, window.DeleteMissing = []load.Key{{ID: "gone", StartedAt: at}}, true
	_, err = w.Publish(t.Context(), &window)
	must(err)
	must(w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-2", Kind: "incremental", Status: warehouse.RunSucceeded}))
	must(w.Close())
}

// servedTranscripts asks the page of a service for conversations.
func servedTranscripts(t *testing.T, config string) {
	t.Helper()
	const token = "made-up-token-1234"
	writeFile(t, config, readFile(t, config)+"schedules: { nightly: { cron: \"0 2 29 2 *\" } }\nserve: { listen: \"127.0.0.1:0\", token: "+token+" }\n")
	url, said, stop := startServe(t, config)
	ask := func(path, token string) (int, http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, string(text)
	}
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/transcript?id=first&project=q":                   {http.StatusOK, "Conversation <span class=\"id\">first</span>"},
		"/transcript?id=first":                             {http.StatusConflict, "p, q"},
		"/transcript?id=%20first+":                         {http.StatusConflict, "p, q"},
		"/transcript?id=none":                              {http.StatusNotFound, "no conversation none is stored\ncheck the id; it may also have started outside of what is loaded:\n  p (live): "},
		"/transcript?id=%ff":                               {http.StatusBadRequest, "not valid UTF-8"},
		"/transcript?id=a&project=%00":                     {http.StatusBadRequest, "NUL"},
		"/transcript?id=" + strings.Repeat("%C3%B6", 2000): {http.StatusNotFound, "no conversation " + strings.Repeat("ö", 80) + "… (2000 characters) is stored\n"},
		"/transcript":                                      {http.StatusBadRequest, "id"},
		"/":                                                {http.StatusOK, `<form action="transcript"`},
	} {
		status, header, text := ask(path, token)
		if status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src '") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %s", path, policy)
		}
		if status, _, _ := ask(path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, status)
		}
	}
	stop()
	if text := said.String(); !strings.Contains(text, "showed a transcript") || strings.Contains(text, "7700") {
		t.Errorf("the log has %s", text)
	}
}
