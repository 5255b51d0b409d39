package simulate

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"
)

// served is a conversation of a response, read by encoding/json.
type served struct {
	ID            string
	StartedAt     time.Time `json:"started_at"`
	Channel       string
	FromNumber    string  `json:"from_number"`
	InProgress    bool    `json:"in_progress"`
	NumTurns      int64   `json:"num_turns"`
	TotalDuration float64 `json:"total_duration"`
	Handoff       bool
	HandoffReason string `json:"handoff_reason"`
	Note          string
	Metrics       map[string]any
	State         map[string]any
	Turns         []struct {
		UserInput       string    `json:"user_input"`
		AgentResponse   string    `json:"agent_response"`
		UserInputAt     time.Time `json:"user_input_datetime"`
		AgentResponseAt time.Time `json:"agent_response_datetime"`
		Translated      string    `json:"translated_user_input"`
		Latency         float64
		Intents         []string
		Entities        []map[string]string
		IsOOD           bool `json:"is_ood"`
		IsSilence       bool `json:"is_silence"`
	}
}

func truths(s *Simulator, asOf time.Time) []*Truth {
	return slices.Collect(s.Truth("acme-team-4", "live", asOf))
}

func TestTruth(t *testing.T) {
	t.Parallel()
	for name, asOf := range map[string]time.Time{"at the end": later, "on a busy morning": testFrom.Add(8*24*time.Hour + 10*time.Hour)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(1_500)
			o.Now = func() time.Time { return asOf }
			s := newTest(t, o)
			want := truths(s, asOf)
			n := 0
			for a := range walk(t, s, url.Values{"include_latency": {"true"}}) {
				for _, text := range a.Conversations {
					if n == len(want) {
						t.Fatalf("more than the %d conversations of the truth are served", n)
					}
					var c served
					if err := json.Unmarshal(text, &c); err != nil {
						t.Fatal(err)
					}
					compare(t, want[n], &c)
					n++
				}
			}
			if n != len(want) || n == 0 {
				t.Errorf("%d conversations served, %d in the truth", n, len(want))
			}
		})
	}
}

func compare(t *testing.T, want *Truth, c *served) {
	t.Helper()
	check := func(name string, got, want any) {
		t.Helper()
		if at, ok := got.(time.Time); ok {
			got = at.UTC()
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is %v, in the truth %v", c.ID, name, got, want)
		}
	}
	row := want.Conversation
	check("id", c.ID, row["conversation_id"])
	check("start", c.StartedAt, row["started_at"])
	check("channel", c.Channel, row["channel"])
	check("from", orNil(c.FromNumber), row["from_number"])
	check("in progress", c.InProgress, row["in_progress"])
	check("turns", c.NumTurns, row["num_turns"])
	check("duration", c.TotalDuration, row["total_duration_seconds"])
	check("handoff", c.Handoff, row["handoff"])
	check("reason", orNil(c.HandoffReason), row["handoff_reason"])
	check("note", orNil(c.Note), row["note"])
	check("metrics", c.Metrics, parse(t, row["metrics"]))
	check("state", c.State, parse(t, row["state"]))
	check("loaded", int64(len(c.Turns)), row["turns_loaded"])
	sum, entities := 0.0, 0
	for i, turn := range c.Turns {
		row := want.Turns[i]
		check("user", orNil(turn.UserInput), row["user_input"])
		check("agent", orNil(turn.AgentResponse), row["agent_response"])
		check("user at", turn.UserInputAt, row["user_input_at"])
		check("agent at", turn.AgentResponseAt, row["agent_response_at"])
		check("translation", orNil(turn.Translated), row["translated_user_input"])
		check("latency", turn.Latency, row["latency_seconds"])
		check("intents", turn.Intents, row["intents"])
		check("ood", turn.IsOOD, row["is_ood"])
		check("silence", turn.IsSilence, row["is_silence"])
		sum += turn.Latency
		for _, e := range turn.Entities {
			for name, value := range e {
				check("entity", []any{name, value}, []any{want.Entities[entities]["name"], want.Entities[entities]["value"]})
				entities++
			}
		}
	}
	if len(c.Turns) > 0 {
		check("mean latency", sum/float64(len(c.Turns)), row["latency_avg_seconds"])
	}
	check("entities", entities, len(want.Entities))
	compareMetrics(t, want, c)
}

func compareMetrics(t *testing.T, want *Truth, c *served) {
	t.Helper()
	rows := 0
	for name, v := range c.Metrics {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for ordinal, v := range list {
			rows++
			found := slices.ContainsFunc(want.Metrics, func(m map[string]any) bool {
				return m["name"] == name && m["ordinal"] == int64(ordinal) && (m["value"] == v || v == "" && m["value"] == nil)
			})
			if !found {
				t.Errorf("%s: metric %s %d is not in the truth", c.ID, name, ordinal)
			}
		}
	}
	if rows != len(want.Metrics) {
		t.Errorf("%s: %d metrics, %d in the truth", c.ID, rows, len(want.Metrics))
	}
}

func parse(t *testing.T, v any) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(v.(JSON)), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestProject_Hidden(t *testing.T) {
	t.Parallel()
	o := testOptions(30)
	o.Projects[0].HideTranscripts, o.Projects[0].HideMetrics = true, true
	s := newTest(t, o)
	for _, text := range askPage(t, s, url.Values{}).Conversations {
		if turns, metrics := string(field(t, text, "turns")), string(field(t, text, "metrics")); turns != "[]" || metrics != "{}" {
			t.Errorf("turns %s, metrics %s", turns, metrics)
		}
	}
	for _, truth := range truths(s, later) {
		if len(truth.Turns)+len(truth.Metrics) > 0 || truth.Conversation["transcript_status"] != "hidden" || truth.Conversation["metrics"] != JSON("{}") {
			t.Errorf("%s: %d turns, status %v", truth.ID, len(truth.Turns), truth.Conversation["transcript_status"])
		}
	}
}

func TestVariants_Latency(t *testing.T) {
	t.Parallel()
	o := testOptions(3_000)
	o.Projects[0].From = testTo.AddDate(0, -6, 0)
	sum, n := map[bool]float64{}, map[bool]float64{}
	middle := testTo.AddDate(0, -3, 0)
	for _, truth := range truths(newTest(t, o), later) {
		if row := truth.Conversation; row["variant_name"] == "Evening team (gets slower)" && row["latency_p50_seconds"] != nil {
			half := row["started_at"].(time.Time).After(middle)
			sum[half] += row["latency_p50_seconds"].(float64)
			n[half]++
		}
	}
	if before, after := sum[false]/n[false], sum[true]/n[true]; after < before*1.3 {
		t.Errorf("median latency %g s, three months later %g s", before, after)
	}
}
