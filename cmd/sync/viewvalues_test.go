package main

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/parquet"
	"convsync/internal/load/postgres"
	"convsync/internal/warehouse"
)

// clocksBack is the day of 25 hours in London.
var clocksBack = time.Date(2025, 10, 26, 0, 0, 0, 0, time.UTC)

// exampleCalls are conversations of one local day and one of the next.
func exampleCalls() []*warehouse.Rows {
	call := func(id, clock, number string, change ...loadtest.Option) *warehouse.Rows {
		after, err := time.ParseDuration(clock)
		if err != nil {
			panic(err)
		}
		change = append(change, func(r *warehouse.Rows) { r.Conversation.CustomerNumber = warehouse.Text(number) })
		return loadtest.Conversation("p", id, clocksBack.Add(after), change...)
	}
	set := func(change func(c *warehouse.Conversation)) loadtest.Option {
		return func(r *warehouse.Rows) { change(&r.Conversation) }
	}
	lasted := func(seconds float64) loadtest.Option {
		return set(func(c *warehouse.Conversation) { c.TotalDurationSeconds = warehouse.Some(seconds) })
	}
	scored := func(score float64) loadtest.Option {
		return func(r *warehouse.Rows) { r.Metrics[2].ValueNumber = warehouse.Some(score) }
	}
	hidden := loadtest.Hidden(warehouse.Some(int64(5)))
	return []*warehouse.Rows{
		call("first", "-30m", "+1", scored(9.5)), // 00:30 in London
		call("summer", "30m", "+2"),              // 01:30
		call("winter", "90m", "+3", loadtest.Turns(4), func(r *warehouse.Rows) { // 01:30 again
			for i := range r.Turns {
				r.Turns[i].IsSilence = warehouse.Some(i >= 2)
				if i >= 2 {
					r.Turns[i].UserInput = ""
				}
			}
		}),
		call("second", "12h", "+1", scored(10.5)),
		call("handoff", "13h", "+4", set(func(c *warehouse.Conversation) { c.Handoff, c.HandoffReason = warehouse.Some(true), "billing" })),
		call("unknown-handoff", "14h", "+5", set(func(c *warehouse.Conversation) { c.Handoff = warehouse.Null[bool]{} })),
		call("short", "15h", "+6", lasted(5)),
		call("open", "16h", "+7", loadtest.Open()),
		call("hidden", "17h", "+8", hidden, lasted(60)),
		call("hidden-short", "18h", "+9", hidden, lasted(5)),
		call("absurd", "19h", "", lasted(1e300), scored(1e300), set(func(c *warehouse.Conversation) { c.PolyAIDurationSeconds = warehouse.Null[float64]{} })),
		call("missing", "20h", "+1"),
		call("third", "36h", "+1"), // 24 hours after the second
	}
}

// loadCalls loads the conversations. One of them is missing at the source, and
// everything was read up to two days after clocksBack.
func loadCalls(t *testing.T, destination load.Destination) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(destination.Prepare(t.Context()))
	w, err := destination.Begin(t.Context(), load.Owner{RunID: "run-1", Started: 1})
	must(err)
	must(w.Register(t.Context(), []load.Project{loadtest.Project("p")}))
	from, until := warehouse.TimestampOf(clocksBack.Add(-2*time.Hour)), warehouse.TimestampOf(clocksBack.Add(48*time.Hour))
	window := load.Window{
		Feed:      load.Feed{ProjectID: "p", Environment: loadtest.Live},
		RunID:     "run-1",
		At:        until,
		Watermark: until,
		Coverage:  []load.Range{{From: from, Until: until, ReadAt: until, Shape: loadtest.Shape}},
	}
	must(w.Stage(t.Context(), &load.Batch{Feed: window.Feed, Rows: exampleCalls()}))
	_, err = w.Publish(t.Context(), &window)
	must(err)
	window.ID++
	window.Missing = []load.Key{{ID: "missing", StartedAt: warehouse.TimestampOf(clocksBack.Add(20 * time.Hour))}}
	_, err = w.Publish(t.Context(), &window)
	must(err)
	must(w.Finish(t.Context(), &warehouse.SyncRun{RunID: "run-1", Kind: "incremental", Status: warehouse.RunSucceeded}))
	must(w.Close())
}

// fillBoth loads the same into a new lake and a new database.
func fillBoth(t *testing.T, fill func(*testing.T, load.Destination)) (lake, database string) {
	t.Helper()
	lake, database = filepath.Join(t.TempDir(), "lake"), newDatabase(t)
	inLake, err := parquet.Open(parquet.Options{Path: lake})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, inLake)
	inDatabase, err := postgres.Open(t.Context(), postgres.Options{URL: func(context.Context) (string, error) { return database, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer inDatabase.Close()
	fill(t, inDatabase)
	return lake, database
}

// TestViewValues compares views with values that were worked out by hand.
func TestViewValues(t *testing.T) {
	t.Parallel()
	lake, database := fillBoth(t, loadCalls)
	for name, rows := range map[string]func(view string) []map[string]any{
		"Parquet":  func(name string) []map[string]any { return view(t, name, lake, "") },
		"Postgres": func(name string) []map[string]any { return view(t, name, "", database) },
	} {
		has := func(view string, row int, want map[string]any) {
			t.Helper()
			all := rows(view)
			if row >= len(all) {
				t.Fatalf("%s: %s has %d rows", name, view, len(all))
			}
			for column, value := range want {
				if got := all[row][column]; !reflect.DeepEqual(got, value) {
					t.Errorf("%s: row %d of %s: %s is %v, want %v", name, row, view, column, got, value)
				}
			}
		}
		has("daily_kpis", 0, exampleDay())
		has("daily_kpis", 1, map[string]any{"day": clocksBack.AddDate(0, 0, 1), "is_complete": true, "conversations": int64(1),
			"contained_no_callback": nil, "contained_no_callback_rate": nil, "callback_known": int64(1)})
		has("latency_hourly", 1, map[string]any{"local_hour": clocksBack.Add(time.Hour), "started_at": clocksBack.Add(30 * time.Minute), "conversations": int64(2),
			"turns": int64(7), "p50_seconds": 1.5, "p90_seconds": 3.5, "p95_seconds": 3.5, "p99_seconds": 3.5, "max_seconds": 3.5})
		has("handoff_reasons", 0, map[string]any{"day": clocksBack, "variant_name": "Main", "handoff_reason": "billing", "handoff_destination": nil, "handoffs": int64(1)})
		has("metric_daily", 1, map[string]any{"day": clocksBack, "name": "score", "conversations": int64(11), "entries": int64(11), "given": int64(11),
			"boolean_values": int64(0), "true_rate": nil, "numeric_values": int64(2), "numeric_average": 10.0})
		has("callbacks", 0, map[string]any{"conversation_id": "first", "next_conversation_id": "second", "gap_seconds": 45000.0, "outcome": "contained", "next_outcome": "contained"})
		has("callbacks", 1, map[string]any{"conversation_id": "second", "next_conversation_id": "third", "gap_seconds": 86400.0})
		checkContacts(t, name, rows("contacts"))
	}
}

func exampleDay() map[string]any {
	return map[string]any{
		"day": clocksBack, "started_at": clocksBack.Add(-30 * time.Minute), "is_complete": true, "conversations": int64(11), "finished": int64(10),
		"handoffs": int64(1), "handoff_known": int64(9), "handoff_rate": 1.0 / 9, "contained": int64(8), "containment_rate": 8.0 / 9,
		"early_abandons": int64(2), "early_known": int64(9), "early_abandon_rate": 2.0 / 9,
		"contained_no_callback": int64(2), "callback_known": int64(7), "contained_no_callback_rate": 2.0 / 7,
		"duration_known": int64(9), "total_seconds": 640.0, "avg_total_seconds": 640.0 / 9,
		"agent_duration_known": int64(9), "agent_seconds": 722.25, "avg_agent_seconds": 80.25,
		"turns": int64(28), "user_turns": int64(26), "silent_turns": int64(2), "silence_known_turns": int64(4), "silence_rate": 0.5,
		"ood_turns": int64(10), "ood_known_turns": int64(28), "ood_rate": 10.0 / 28,
		"latency_turns": int64(28), "latency_p50_seconds": 1.5, "latency_p95_seconds": 2.5, "latency_to_500ms": int64(9), "latency_to_1s": int64(0),
		"latency_to_1500ms": int64(9), "latency_to_2s": int64(0), "latency_to_3s": int64(9), "latency_to_5s": int64(1), "latency_over_5s": int64(0),
	}
}

func checkContacts(t *testing.T, destination string, rows []map[string]any) {
	t.Helper()
	outcomes := map[string]any{}
	byID := map[string]map[string]any{}
	for _, row := range rows {
		id := row["conversation_id"].(string)
		outcomes[id], byID[id] = row["outcome"], row
	}
	want := map[string]any{
		"first": "contained", "summer": "contained", "winter": "contained", "second": "contained", "handoff": "handed_off", "unknown-handoff": nil,
		"short": "abandoned_early", "open": "open", "hidden": nil, "hidden-short": "abandoned_early", "absurd": "contained", "third": "contained",
	}
	if !reflect.DeepEqual(outcomes, want) {
		t.Errorf("%s: outcomes are %v, want %v", destination, outcomes, want)
	}
	for id, want := range map[string]map[string]any{
		"first": {
			"local_started_at": clocksBack.Add(30 * time.Minute), "day": clocksBack, "hour": int64(0), "weekday": int64(7), "last_speaker": "agent",
			"last_agent_utterance": "The agent answers thing 2", "repeat_within_24h": true, "repeat_within_7d": nil, "silent_turns_at_end": int64(0),
		},
		"winter": {"hour": int64(1), "user_turns": int64(2), "silent_turns_at_end": int64(2), "last_user_utterance": "Ada Example says thing 1", "repeat_within_24h": false, "repeat_within_7d": nil},
		"second": {"next_started_at": clocksBack.Add(36 * time.Hour), "repeat_within_24h": true},
		"third":  {"next_started_at": nil, "repeat_within_24h": nil},
		"hidden": {"user_turns": nil, "turns": int64(0), "last_speaker": nil, "last_user_utterance": nil, "silent_turns_at_end": int64(0)},
		"absurd": {"repeat_within_24h": nil, "customer_number": nil},
	} {
		for column, value := range want {
			if got := byID[id][column]; !reflect.DeepEqual(got, value) {
				t.Errorf("%s: %s of %s is %v, want %v", destination, column, id, got, value)
			}
		}
	}
}
