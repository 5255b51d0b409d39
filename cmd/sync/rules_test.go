package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"convsync/internal/config"
	"convsync/internal/pipeline"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

func TestEventRules(t *testing.T) {
	t.Parallel()
	replace := func(old, by string) transform.Rules {
		return transform.Rules{{Name: old, Version: by, JSON: func(v polyai.Value) polyai.Value {
			return polyai.Value(strings.ReplaceAll(string(v), old, by))
		}}}
	}
	rules := eventRules(map[string]transform.Rules{"a": replace("secret", "a"), "b": replace("private", "b"), "c": nil})
	for project, want := range map[string]warehouse.JSON{
		"a": `{"x":["a","private"]}`,
		"b": `{"x":["secret","b"]}`,
		"c": `{"x":["secret","private"]}`,
		"":  `{"x":["a","b"]}`,
	} {
		if got := rules(project, `{"x":["secret","private"]}`); got != want {
			t.Errorf("%q: got %s, want %s", project, got, want)
		}
	}
}

// masked is a rule for all text that the simulator gives a turn and its entities.
var masked = transform.Rules{{
	Name: "mask", Version: "1",
	Conversation: func(c *polyai.Conversation) {
		for i := range c.Turns {
			t := &c.Turns[i]
			t.UserInput, t.AgentResponse, t.Extra = "***", "***", nil
			for j := range t.Entities {
				t.Entities[j].Value = polyai.Value(`"***"`)
			}
		}
	},
}}

// Turns that were stored without rules, and that the source hides now, are masked
// by the next run.
func TestRun_RulesKept(t *testing.T) {
	t.Parallel()
	destinations(t, func(t *testing.T, destination string) {
		simulator, server := past(t, 50, 3, simulate.Deviations{})
		file := configure(t, server.URL, destination)
		run(t, file, exitOK)
		for truth := range simulator.Truth("acme-team-4", "live", standing) {
			if err := simulator.Override("acme-team-4", "live", truth.Index, simulate.Override{HideTranscript: true}); err != nil {
				t.Fatal(err)
			}
		}
		cfg, err := config.Load(config.Options{File: file, LookupEnv: os.LookupEnv})
		if err != nil {
			t.Fatal(err)
		}
		options, err := newRun(t.Context(), &app{log: slog.New(slog.DiscardHandler)}, cfg, syncOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer closeRun(options, nil)
		options.Feeds[0].Transform.Rules = masked
		for i, updates := range []bool{true, false} {
			report, err := pipeline.Run(t.Context(), options.Options)
			if err != nil || (report.Conversations.Updated > 0) != updates {
				t.Fatalf("run %d: %v, %+v", i, err, report.Conversations)
			}
			options.Owner = newOwner()
		}
		turns := 0
		err = options.destination.Read(t.Context(), options.Feeds[0].Feed, 0, warehouse.TimestampOf(standing.AddDate(1, 0, 0)), func(r *warehouse.Rows) error {
			for i := range r.Turns {
				turns++
				if turn := &r.Turns[i]; turn.UserInput != "***" || turn.AgentResponse != "***" {
					t.Errorf("a turn is stored as %+v", turn)
				}
			}
			if r.Conversation.ContentHash != r.Hash() || r.Conversation.Shape != options.Feeds[0].Transform.Shape() {
				t.Errorf("%s has another hash or version", r.Conversation.ConversationID)
			}
			return nil
		})
		if err != nil || turns < 50 {
			t.Errorf("%d turns, %v", turns, err)
		}
	})
}
