package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

var asked = Options{
	AccountID:    "acme-uk",
	ProjectID:    "acme-team-4",
	Environment:  "live",
	APIVersion:   "v3",
	PhoneRegion:  "GB",
	AudioBaseURL: "https://api.uk.poly.ai",
	Audio:        []AudioKind{{"combined", true}},
}

// rows makes the rows of a conversation with the given further members.
func rows(t testing.TB, o *Options, members string) (*warehouse.Rows, []polyai.Drift) {
	t.Helper()
	text := `{"id":"CA1","started_at":"2026-06-03T13:19:19.757917Z"`
	if members != "" {
		text += "," + members
	}
	r, drift, err := Rows(compact(t, text+"}"), o, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r, drift
}

func compact(t testing.TB, text string) polyai.Value {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestConversationColumns(t *testing.T) {
	t.Parallel()
	some := func(v float64) warehouse.Null[float64] { return warehouse.Some(v) }
	start := warehouse.Timestamp(1780492759757917)
	end := func(r *warehouse.Rows) any { return r.Conversation.FinishedAt }
	for _, c := range []struct {
		name, members string
		got           func(*warehouse.Rows) any
		want          any
	}{
		{"requested ids", `"account_id":"ws-1","project_id":"acme-team-4"`, func(r *warehouse.Rows) any {
			c := r.Conversation
			return []string{c.AccountID, c.ProjectID, c.ConversationID, c.Environment, string(c.Extra)}
		}, []string{"acme-uk", "acme-team-4", "CA1", "live", `{"account_id":"ws-1"}`}},
		{"empty text is NULL", `"variant_id":"","note":null,"handoff_reason":" "`, func(r *warehouse.Rows) any {
			c := r.Conversation
			return []warehouse.Text{c.VariantID, c.Note, c.HandoffReason}
		}, []warehouse.Text{"", "", " "}},
		{"a missing boolean is NULL", `"handoff":null`, func(r *warehouse.Rows) any {
			return []warehouse.Null[bool]{r.Conversation.Handoff, r.Conversation.InProgress}
		}, []warehouse.Null[bool]{{}, {}}},
		{"the end follows from the duration", `"total_duration":73.5,"in_progress":false`, func(r *warehouse.Rows) any {
			return r.Conversation.FinishedAt
		}, warehouse.Some(start + 73_500_000)},
		{"an open conversation has no end", `"total_duration":73,"in_progress":true`, func(r *warehouse.Rows) any {
			return []any{r.Conversation.FinishedAt, r.Conversation.Lifecycle}
		}, []any{warehouse.Null[warehouse.Timestamp]{}, "open"}},
		{"the end from the source", `"finishedAt":"2026-06-03 13:20:00","total_duration":1`, func(r *warehouse.Rows) any {
			return r.Conversation.FinishedAt
		}, warehouse.Some(warehouse.Timestamp(1780492800000000))},
		{"an end beyond the year 9999", `"started_at":"9999-12-31T23:59:59Z","total_duration":1`, end, warehouse.Null[warehouse.Timestamp]{}},
		{"an end in the year 9999", `"started_at":"9999-12-31T23:59:58Z","total_duration":1`, end, warehouse.Some(warehouse.Timestamp(253_402_300_799_000_000))},
		{"an end beyond what pandas holds", `"started_at":"2262-04-11T23:47:16Z","total_duration":1`, end, warehouse.Null[warehouse.Timestamp]{}},
		{"a late end from the source", `"started_at":"2026-06-03T13:19:19Z","finishedAt":"9999-12-31T23:59:59Z"`, end, warehouse.Some(warehouse.Timestamp(253_402_300_799_000_000))},
		{"hidden", `"num_turns":3,"turns":[]`, status, "hidden"},
		{"hidden by null", `"num_turns":3,"turns":null`, status, "hidden"},
		{"none", `"num_turns":0,"turns":[]`, status, "none"},
		{"no number of turns", ``, status, "none"},
		{"short", `"num_turns":2,"turns":[{}]`, status, "short"},
		{"complete", `"num_turns":1,"turns":[{}]`, status, "complete"},
		{"latency", `"turns":[{"latency":4},{"latency":"1.5"},{"latency":null},{"latency":{"perceived_latency":2}},{"latency":3}]`, func(r *warehouse.Rows) any {
			c := r.Conversation
			return []any{c.LatencyTurns, c.LatencyAvgSeconds, c.LatencyP50Seconds, c.LatencyP95Seconds, c.LatencyMaxSeconds}
		}, []any{int64(4), some(2.625), some(2), some(4), some(4)}},
		{"no latency", `"turns":[{}]`, func(r *warehouse.Rows) any {
			return []any{r.Conversation.LatencyTurns, r.Conversation.LatencyAvgSeconds}
		}, []any{int64(0), warehouse.Null[float64]{}}},
		{"the gap", `"turns":[{"user_input_datetime":"2026-06-03T13:19:20Z","agent_response_datetime":"2026-06-03T13:19:21.25+00:00"}]`,
			func(r *warehouse.Rows) any { return r.Turns[0].ResponseGapSeconds }, some(1.25)},
		{"null is NULL, in JSON too", `"state": null ,"metrics":null`, func(r *warehouse.Rows) any {
			return []any{r.Conversation.State, r.Conversation.Metrics, len(r.Metrics)}
		}, []any{warehouse.JSON(""), warehouse.JSON(""), 0}},
		{"phone numbers are unchanged", `"from_number":" tel:+447700900123"`, func(r *warehouse.Rows) any {
			return []warehouse.Text{r.Conversation.FromNumber, r.Conversation.CustomerNumber}
		}, []warehouse.Text{" tel:+447700900123", "+447700900123"}},
		{"canonical JSON", `"state":{"b":1.50,"a":"\u0041","b":2}`, func(r *warehouse.Rows) any { return r.Conversation.State }, warehouse.JSON(`{"a":"A","b":2}`)},
		{"unknown fields are kept", `"new_field":{"x":[1]}`, func(r *warehouse.Rows) any { return r.Conversation.Extra }, warehouse.JSON(`{"new_field":{"x":[1]}}`)},
		{"a number of turns that is not whole", `"num_turns":73.5`, func(r *warehouse.Rows) any {
			return []any{r.Conversation.NumTurns, r.Conversation.Extra}
		}, []any{warehouse.Null[int64]{}, warehouse.JSON(`{"num_turns":73.5}`)}},
		{"voice has a recording", `"channel":"VOICE-SIP"`, func(r *warehouse.Rows) any { return len(r.Audio) }, 1},
		{"chat has none", `"channel":"webchat.polyai"`, func(r *warehouse.Rows) any { return len(r.Audio) }, 0},
		{"an unknown direction", `"direction":"sideways"`, func(r *warehouse.Rows) any {
			return []any{r.Conversation.Direction, r.Conversation.Extra}
		}, []any{warehouse.Text(""), warehouse.JSON(`{"direction":"sideways"}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := rows(t, &asked, c.members)
			if got := c.got(r); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func status(r *warehouse.Rows) any { return r.Conversation.TranscriptStatus }

func TestRows_Abandoned(t *testing.T) {
	t.Parallel()
	const start = warehouse.Timestamp(1780492759757917)
	value := compact(t, `{"id":"CA1","started_at":"2026-06-03T13:19:19.757917Z","in_progress":true}`)
	for openSince, want := range map[warehouse.Timestamp]string{
		start: warehouse.LifecycleOpen, start + 1: warehouse.LifecycleAbandoned, 0: warehouse.LifecycleOpen,
	} {
		if r, _, err := Rows(value, &asked, openSince); err != nil || r.Conversation.Lifecycle != want {
			t.Errorf("%v, lifecycle %q with the age limit %d, want %q", err, r.Conversation.Lifecycle, openSince, want)
		}
	}
}

func TestRows_StoreAs(t *testing.T) {
	t.Parallel()
	o := asked
	o.StoreAs = "team four"
	r, _ := rows(t, &o, `"project_id":"acme-team-4","channel":"sip.polyai","turns":[{"entities":[{"a":1}]}],"metrics":{"m":1}`)
	for _, got := range []string{r.Conversation.ProjectID, r.Turns[0].ProjectID, r.Entities[0].ProjectID, r.Metrics[0].ProjectID, r.Audio[0].ProjectID} {
		if got != "team four" {
			t.Errorf("stored as %q", got)
		}
	}
	if r.Conversation.Extra != "" {
		t.Errorf("extra %s, although the response names the requested project", r.Conversation.Extra)
	}
	if url := string(r.Audio[0].URL); !strings.Contains(url, "acme-team-4") {
		t.Errorf("the audio URL is %s, without the project id of the source", url)
	}
}

func TestMetricRows(t *testing.T) {
	t.Parallel()
	type row struct {
		name    string
		ordinal int64
		value   warehouse.Text
		number  float64
		boolean string
		at      warehouse.Timestamp
		written warehouse.Timestamp
	}
	for _, c := range []struct {
		name, metrics string
		want          []row
	}{
		{"text", `{"b":"x","a":"y"}`, []row{{name: "a", value: "y"}, {name: "b", value: "x"}}},
		{"a number as text and as number", `{"a":"73","b":1.5}`, []row{{name: "a", value: "73", number: 73}, {name: "b", value: "1.5", number: 1.5}}},
		{"booleans", `{"a":true,"b":"False"}`, []row{{name: "a", value: "true", boolean: "true"}, {name: "b", value: "False", boolean: "false"}}},
		{"a list", `{"a":["x",null,"",2]}`, []row{{name: "a", value: "x"}, {name: "a", ordinal: 1}, {name: "a", ordinal: 2}, {name: "a", ordinal: 3, value: "2", number: 2}}},
		{"null has no row", `{"a":null,"b":[]}`, nil},
		{"a time", `{"a":"2026-06-03T13:19:19Z"}`, []row{{name: "a", value: "2026-06-03T13:19:19Z", at: 1780492759000000}}},
		{"recorded values", `{"a":[{"timestamp":"2026-06-03T13:19:19.757917","value":"73"}]}`,
			[]row{{name: "a", value: "73", number: 73, written: 1780492759757917}}},
		{"an object", `{"a":{"y":1,"x":2}}`, []row{{name: "a", value: `{"x":2,"y":1}`}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := rows(t, &asked, `"metrics":`+c.metrics)
			var got []row
			for _, m := range r.Metrics {
				g := row{
					name:    m.Name,
					ordinal: m.Ordinal,
					value:   m.Value,
					number:  m.ValueNumber.V,
					at:      m.ValueAt.V,
					written: m.RecordedAt.V,
				}
				if m.ValueBoolean.Valid {
					g.boolean = map[bool]string{true: "true", false: "false"}[m.ValueBoolean.V]
				}
				got = append(got, g)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestEntityRows(t *testing.T) {
	t.Parallel()
	r, _ := rows(t, &asked, `"turns":[{},{"entities":[{"b":"2","a":["x",null]},{"a":true,"c":null},{"a":{"k":1}}]}]`)
	type row struct {
		turn    int64
		name    string
		ordinal int64
		value   warehouse.Text
	}
	var got []row
	for _, e := range r.Entities {
		got = append(got, row{e.TurnIndex, e.Name, e.Ordinal, e.Value})
	}
	want := []row{{1, "a", 0, "x"}, {1, "a", 1, ""}, {1, "a", 2, "true"}, {1, "a", 3, `{"k":1}`}, {1, "b", 0, "2"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRows_LongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", maxKeyBytes-1) + "éx"
	r, drift := rows(t, &asked, `"metrics":{"`+long+`":1},"turns":[{"entities":[{"`+long+`":"v"}]}]`)
	if len(r.Metrics) != 0 || len(r.Entities) != 0 {
		t.Errorf("%d metric and %d entity rows", len(r.Metrics), len(r.Entities))
	}
	if !strings.Contains(string(r.Conversation.Metrics), long) || !strings.Contains(string(r.Turns[0].Extra), long) {
		t.Error("the long name is not kept")
	}
	if len(drift) != 2 || drift[0].Kind != DriftLongName || drift[1].Kind != DriftLongName {
		t.Errorf("drift %+v", drift)
	}
	_, _, err := Rows(compact(t, `{"id":"`+long+`","started_at":"2026-06-03T13:19:19Z"}`), &asked, 0)
	var reject *polyai.RejectError
	if !errors.As(err, &reject) || reject.Reason != RejectLongID {
		t.Fatalf("a long id gives %v", err)
	}
	if !strings.HasPrefix(long, reject.ID) || len(reject.ID) > maxKeyBytes || len(reject.ID) <= maxKeyBytes-utf8.UTFMax ||
		reject.StartedAt != polyai.Some(polyai.Micros(1780492759000000)) {
		t.Errorf("a long id is rejected as %q (%d bytes), started at %v", reject.ID, len(reject.ID), reject.StartedAt)
	}
}

func TestRows_NullIsNotDrift(t *testing.T) {
	t.Parallel()
	if _, drift := rows(t, &asked, `"metrics":null,"state":null`); len(drift) != 0 {
		t.Errorf("drift %+v", drift)
	}
	if _, drift := rows(t, &asked, `"metrics":"none"`); len(drift) != 1 {
		t.Errorf("metrics of a wrong type: drift %+v", drift)
	}
}

func TestChannelFamily(t *testing.T) {
	t.Parallel()
	for channel, want := range map[string]string{
		"VOICE-SIP": "voice", "sip.polyai": "voice", "WEBRTC-GATEWAY": "voice", "WEBCHAT": "chat", "CHAT": "chat", "webchat.polyai": "chat",
		"sms.twilio": "sms", "SMS": "sms", "EMAIL": "email", "": "other", "FAX": "other", "polyai.sms": "sms",
	} {
		if got := channelFamily(channel); got != want {
			t.Errorf("%q is %q, want %q", channel, got, want)
		}
	}
}

func TestCustomerNumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		direction                warehouse.Text
		from, to, region, family string
	}{
		{"", "+442079460123", "polyai", "", "+442079460123"},
		{"outbound", "+442079460123", "+12015550123", "", "+12015550123"},
		{"", "020 7946 0123", "", "GB", "+442079460123"},
		{"", "020 7946 0123", "", "", "020 7946 0123"},
		{"", "0044 20 7946 0123", "", "", "+442079460123"},
		{"", "+44 (0)20 7946 0123", "", "", "+442079460123"},
		{"", "(201) 555-0123", "", "US", "+12015550123"},
		{"", "sip:anna@example.com", "", "GB", "sip:anna@example.com"},
		{"", "tel:+447700900123", "", "", "+447700900123"},
		{"", "TEL: +44-7700-900123", "", "", "+447700900123"},
		{"", " +44 7700 900123", "", "", "+447700900123"},
		{"outbound", "", "\t020 7946 0123 ", "GB", "+442079460123"},
		{"", " tel:12 ", "", "GB", "12"},
		{"", "telling", "", "GB", "telling"},
		{"", "tel:", "", "GB", ""},
		{"", "tel:Anonymous", "", "GB", ""},
		{"", "Anonymous", "", "GB", ""},
		{"", "+266696687", "", "GB", ""},
		{"", "12", "", "GB", "12"},
		{"", "", "+12015550123", "US", ""},
	} {
		if got := customerNumber(c.direction, c.from, c.to, c.region); string(got) != c.family {
			t.Errorf("%s %q %q in %q: %q, want %q", c.direction, c.from, c.to, c.region, got, c.family)
		}
	}
}

func TestSummarizeLatency(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sorted := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 40).Draw(t, "values")
		values := make([]float64, len(sorted))
		for i, v := range sorted {
			values[i] = float64(v)
		}
		var turns []warehouse.Turn
		for _, v := range values {
			turns = append(turns, warehouse.Turn{LatencySeconds: warehouse.Some(v)})
		}
		var c warehouse.Conversation
		warehouse.SummarizeLatency(&c, turns)
		for _, p := range []struct{ share, got float64 }{{0.5, c.LatencyP50Seconds.V}, {0.95, c.LatencyP95Seconds.V}, {1, c.LatencyMaxSeconds.V}} {
			atMost, below := 0, 0
			for _, v := range values {
				if v <= p.got {
					atMost++
				}
				if v < p.got {
					below++
				}
			}
			n := float64(len(values))
			if float64(atMost) < p.share*n || float64(below) >= p.share*n {
				t.Fatalf("%g is not the %g percentile of %v", p.got, p.share, values)
			}
		}
	})
}

// FuzzRows checks for any JSON that Rows does not panic and is deterministic, and
// that the rows are consistent and can be stored in all destinations.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		`{"id":"CA1","started_at":"2026-06-03T13:19:19Z","turns":[{"latency":{"perceived_latency":1}}],"metrics":{"a":[1,null]}}`,
		`{"id":"a\u0000","started_at":"2026-06-03","state":{"x":1e400000},"new":"\ud800"}`,
		`{"id":1,"started_at":"2026-06-03T13:19:19+14:00","turns":[1,null,{"entities":{"a":[{}]}}],"metrics":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		value := polyai.Value(bytes.TrimSpace(text))
		first, drift, err := Rows(bytes.Clone(value), &asked, 0)
		again, driftAgain, errAgain := Rows(value, &asked, 0)
		if !reflect.DeepEqual(first, again) || !reflect.DeepEqual(drift, driftAgain) || (err == nil) != (errAgain == nil) {
			t.Fatal("two reads of the same input differ")
		}
		if err != nil {
			return
		}
		checkSound(t, first)
	})
}

func checkSound(t *testing.T, r *warehouse.Rows) {
	t.Helper()
	c := &r.Conversation
	if c.ContentHash != r.Hash() || int(c.TurnsLoaded) != len(r.Turns) {
		t.Fatal("content hash or turns_loaded do not match the rows")
	}
	encoded := r.Append(nil)
	if bytes.Contains(encoded, []byte("\\u0000")) && bytes.Contains([]byte(c.State), []byte("\\u0000")) {
		t.Fatal("JSON with U+0000")
	}
	seen := map[any]bool{}
	for i, turn := range r.Turns {
		if turn.TurnIndex != int64(i) || turn.ConversationID != c.ConversationID || turn.StartedAt != c.StartedAt {
			t.Fatalf("turn %d does not belong to its conversation", i)
		}
		if strings.ContainsRune(string(turn.UserInput), 0) {
			t.Fatal("text with U+0000")
		}
	}
	for _, e := range r.Entities {
		key := [3]any{e.TurnIndex, e.Name, e.Ordinal}
		if seen[key] || e.TurnIndex >= c.TurnsLoaded {
			t.Fatalf("entity key %v is a duplicate, or its turn does not exist", key)
		}
		seen[key] = true
	}
	for _, m := range r.Metrics {
		key := [2]any{m.Name, m.Ordinal}
		if seen[key] {
			t.Fatalf("metric key %v is a duplicate", key)
		}
		seen[key] = true
	}
}
