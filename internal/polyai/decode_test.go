package polyai

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// decode reads a conversation with the given further members.
func decode(t testing.TB, members string) *Conversation {
	t.Helper()
	text := `{"id":"CA1","started_at":"2026-06-03T13:19:19Z"`
	if members != "" {
		text += "," + members
	}
	c, err := Decode(Value(text + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDecode(t *testing.T) {
	t.Parallel()
	turn := func(c *Conversation) *Turn { return &c.Turns[0] }
	for _, c := range []struct {
		name, members string
		got           func(*Conversation) any
		want          any
		drift         string // kinds, joined
	}{
		{"text", `"channel":"VOICE-SIP"`, func(c *Conversation) any { return c.Channel }, "VOICE-SIP", ""},
		{"text null", `"channel":null`, func(c *Conversation) any { return c.Channel }, "", ""},
		{"text as a number", `"to_number":12`, func(c *Conversation) any { return c.ToNumber }, "12", ""},
		{"text as an object", `"note":{"a":1}`, func(c *Conversation) any { return c.Extra }, []Member{{"note", Value(`{"a":1}`)}}, "note unreadable_value"},
		{"escapes", `"note":"\u00e9\n\ud83d\ude00"`, func(c *Conversation) any { return c.Note }, "é\n😀", ""},
		{"U+0000", `"note":"a\u0000b"`, func(c *Conversation) any { return c.Note }, "a\uFFFDb", "note replaced_text"},
		{"a lone surrogate", `"note":"a\ud83dx"`, func(c *Conversation) any { return c.Note }, "a\uFFFDx", "note replaced_text"},
		{"a replacement character that was said", `"note":"\uFFFD\ufffd"`, func(c *Conversation) any { return c.Note }, "\uFFFD\uFFFD", ""},
		{"bad UTF-8", "\"note\":\"a\xffb\"", func(c *Conversation) any { return c.Note }, "a\uFFFDb", "note replaced_text"},
		{"a name with escapes", `"n\u006fte":"x"`, func(c *Conversation) any { return c.Note }, "x", ""},
		{"white space", ` "turns" : [ { "user_input" : "a" } , null ] `, func(c *Conversation) any { return []any{len(c.Turns), c.Turns[0].UserInput} }, []any{2, "a"}, "turns[] unreadable_value"},
		{"an integer", `"num_turns":73`, func(c *Conversation) any { return c.NumTurns }, Some[int64](73), ""},
		{"an integer as a float", `"num_turns":73.0`, func(c *Conversation) any { return c.NumTurns }, Some[int64](73), ""},
		{"an integer as text", `"num_turns":"73"`, func(c *Conversation) any { return c.NumTurns }, Some[int64](73), ""},
		{"an integer with an exponent", `"num_turns":7.3e1`, func(c *Conversation) any { return c.NumTurns }, Some[int64](73), ""},
		{"a large integer", `"num_turns":9007199254740993`, func(c *Conversation) any { return c.NumTurns }, Some[int64](9007199254740993), ""},
		{"an integer that is none", `"num_turns":73.5`, func(c *Conversation) any { return c.NumTurns }, Optional[int64]{}, "num_turns unreadable_value"},
		{"an integer beyond", `"num_turns":1e30`, func(c *Conversation) any { return c.NumTurns }, Optional[int64]{}, "num_turns unreadable_value"},
		{"seconds", `"total_duration":73.5`, func(c *Conversation) any { return c.TotalDurationSeconds }, Some(73.5), ""},
		{"seconds as text", `"total_duration":"73"`, func(c *Conversation) any { return c.TotalDurationSeconds }, Some(73.0), ""},
		{"seconds as empty text", `"total_duration":""`, func(c *Conversation) any { return c.TotalDurationSeconds }, Optional[float64]{}, ""},
		{"seconds beyond a float", `"total_duration":1e999`, func(c *Conversation) any { return c.TotalDurationSeconds }, Optional[float64]{}, "total_duration unreadable_value"},
		{"a boolean", `"handoff":true`, func(c *Conversation) any { return c.Handoff }, Some(true), ""},
		{"a boolean as text", `"handoff":"false"`, func(c *Conversation) any { return c.Handoff }, Some(false), ""},
		{"a boolean null", `"handoff":null`, func(c *Conversation) any { return c.Handoff }, Optional[bool]{}, ""},
		{"a boolean that is none", `"handoff":"perhaps"`, func(c *Conversation) any { return c.Handoff }, Optional[bool]{}, "handoff unreadable_value"},
		{"a score", `"polyScore":6.0`, func(c *Conversation) any { return c.PolyScore }, Some(6.0), ""},
		{"a summary", `"summary":"s"`, func(c *Conversation) any { return []string{c.SummaryHeading, c.Summary} }, []string{"", "s"}, ""},
		{"a summary in parts", `"shortSummary":{"heading":"h","content":"c"}`, func(c *Conversation) any { return []string{c.SummaryHeading, c.Summary} }, []string{"h", "c"}, ""},
		{"a summary with more", `"summary":{"heading":"h","more":1}`, func(c *Conversation) any { return c.Extra }, []Member{{"summary", Value(`{"heading":"h","more":1}`)}}, "summary unreadable_value"},
		{"a time that is none", `"finished_at":"yesterday"`, func(c *Conversation) any { return c.Extra }, []Member{{"finished_at", Value(`"yesterday"`)}}, "finished_at unreadable_value"},
		{"an unknown field", `"new":[1]`, func(c *Conversation) any { return c.Extra }, []Member{{"new", Value(`[1]`)}}, "new unknown_field"},
		{"turns hidden", `"turns":null`, func(c *Conversation) any { return len(c.Turns) }, 0, ""},
		{"turns that are none", `"turns":{"a":1}`, func(c *Conversation) any { return c.Extra }, []Member{{"turns", Value(`{"a":1}`)}}, "turns unreadable_value"},
		{"latency", `"turns":[{"latency":1.61}]`, func(c *Conversation) any { return turn(c).LatencySeconds }, Some(1.61), ""},
		{"latency as text", `"turns":[{"latency":"1.61"}]`, func(c *Conversation) any { return turn(c).LatencySeconds }, Some(1.61), ""},
		{"latency null", `"turns":[{"latency":null}]`, func(c *Conversation) any { return turn(c).LatencySeconds }, Optional[float64]{}, ""},
		{"latency as an object", `"turns":[{"latency":{"label":"slow","perceived_latency":1.61,"perceived_latency_percentile_1d":0.9}}]`,
			func(c *Conversation) any {
				return []any{turn(c).LatencySeconds, turn(c).LatencyLabel, turn(c).LatencyPercentile1d}
			}, []any{Some(1.61), "slow", Some(0.9)}, ""},
		{"latency as an object of nulls", `"turns":[{"latency":{"label":null,"perceived_latency":null}}]`, func(c *Conversation) any { return turn(c).LatencySeconds }, Optional[float64]{}, ""},
		{"latency with more", `"turns":[{"latency":{"perceived_latency":1,"p99":2}}]`, func(c *Conversation) any { return turn(c).Extra },
			[]Member{{"latency", Value(`{"perceived_latency":1,"p99":2}`)}}, "turns[].latency unreadable_value"},
		{"latency that is none", `"turns":[{"latency":[1]}]`, func(c *Conversation) any { return turn(c).Extra }, []Member{{"latency", Value(`[1]`)}}, "turns[].latency unreadable_value"},
		{"entities as a list", `"turns":[{"entities":[{"a":1},{"b":["x"]}]}]`, func(c *Conversation) any { return turn(c).Entities }, []Entity{{"a", Value(`1`)}, {"b", Value(`["x"]`)}}, ""},
		{"entities as one map", `"turns":[{"entities":{"a":"x"}}]`, func(c *Conversation) any { return turn(c).Entities }, []Entity{{"a", Value(`"x"`)}}, ""},
		{"entities null", `"turns":[{"entities":null}]`, func(c *Conversation) any { return len(turn(c).Entities) }, 0, ""},
		{"entities that are none", `"turns":[{"entities":["x"]}]`, func(c *Conversation) any { return turn(c).Extra }, []Member{{"entities", Value(`["x"]`)}}, "turns[].entities unreadable_value"},
		{"a listed field without a place", `"turns":[{"metadata":{"safety":1}}]`, func(c *Conversation) any { return turn(c).Extra }, []Member{{"metadata", Value(`{"safety":1}`)}}, ""},
		{"an unknown field of a turn", `"turns":[{"new":1}]`, func(c *Conversation) any { return turn(c).Extra }, []Member{{"new", Value(`1`)}}, "turns[].new unknown_field"},
		{"a turn that is none keeps its place", `"turns":[7,{"user_input":"a"}]`, func(c *Conversation) any { return []any{turn(c).Extra, c.Turns[1].UserInput} },
			[]any{[]Member{{"turn", Value(`7`)}}, "a"}, "turns[] unreadable_value"},
		{"languages of a turn", `"turns":[{"asr_lang_code":"en-GB","tts_lang_code":"de-DE"}]`, func(c *Conversation) any { return []string{turn(c).UserLanguage, turn(c).AgentLanguage} }, []string{"en-GB", "de-DE"}, ""},
		{"the last duplicate wins", `"note":"a","note":"b"`, func(c *Conversation) any { return c.Note }, "b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := decode(t, c.members)
			if v := c.got(got); !reflect.DeepEqual(v, c.want) {
				t.Errorf("got %#v, want %#v", v, c.want)
			}
			var drift []string
			for _, d := range got.Drift {
				drift = append(drift, d.Path+" "+string(d.Kind))
			}
			if strings.Join(drift, ", ") != c.drift {
				t.Errorf("drift %q, want %q", drift, c.drift)
			}
		})
	}
}

func TestDecode_Rejects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]RejectError{
		`[]`:                                    {Reason: RejectNotAnObject},
		`null`:                                  {Reason: RejectNotAnObject},
		`{"started_at":"2026-06-03T13:19:19Z"}`: {Reason: RejectNoID, StartedAt: Some(Micros(1780492759000000))},
		`{"id":null}`:                           {Reason: RejectNoID},
		`{"id":"CA1"}`:                          {Reason: RejectNoStart, ID: "CA1"},
		`{"id":"CA1","started_at":"soon"}`:      {Reason: RejectNoStart, ID: "CA1"},
		`{"id":"CA1","started_at":1780492759}`:  {Reason: RejectNoStart, ID: "CA1"},
	} {
		_, err := Decode(Value(text))
		var reject *RejectError
		if !errors.As(err, &reject) || *reject != want {
			t.Errorf("%s gives %v, want %v", text, err, want)
		}
	}
}

func TestDrift_NoValues(t *testing.T) {
	t.Parallel()
	c := decode(t, `"`+strings.Repeat("ä", 5000)+`":"secret"`)
	d := c.Drift[0]
	if d.Path != DataName || d.Type != "string" || d.Length != len(`"secret"`) {
		t.Errorf("drift %+v", d)
	}
}

// FuzzDecode holds for any JSON: no panic, sound text, the same result as that of the
// plain form, and iterators that see what the standard library sees.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"id":"CA1","started_at":"2026-06-03T13:19:19Z","turns":[{"latency":{"perceived_latency":1}}],"metrics":{"a":[1,null]}}`,
		`{"id":"a\u0000","started_at":"2026-06-03 00:00:00","state":{"x":1e400000},"new":"\ud800"}`,
		`[ {"a" : [ ] , "b":"\\\"" } , "x]" , -1.5e3 ]`, `"\ud83d\ude00\u12"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		v := Value(bytes.TrimSpace(text))
		checkIterators(t, v)
		var d Decoder
		for range 2 { // a decoder that is reused remembers nothing
			checkPlain(t, &d, v)
		}
		c, err := Decode(v)
		if err != nil {
			return
		}
		for _, s := range []string{c.ID, c.Channel, c.Note, c.Summary} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Fatalf("%q cannot be stored as text", s)
			}
		}
	})
}

func checkIterators(t *testing.T, v Value) {
	t.Helper()
	switch v.Kind() {
	case Array:
		var want []json.RawMessage
		if err := json.Unmarshal(v, &want); err != nil {
			t.Fatal(err)
		}
		i := 0
		for e := range v.Elements() {
			if i >= len(want) || !bytes.Equal(e, want[i]) {
				t.Fatalf("element %d is %s", i, e)
			}
			checkIterators(t, e)
			i++
		}
		if i != len(want) {
			t.Fatalf("%d elements, not %d", i, len(want))
		}
	case Object:
		var want map[string]json.RawMessage
		if err := json.Unmarshal(v, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]Value{}
		for name, m := range v.RawMembers() {
			var s string
			if err := json.Unmarshal(name, &s); err != nil {
				t.Fatalf("name %s: %v", name, err)
			}
			got[s] = m
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, not %d", len(got), len(want))
		}
		for name, m := range got {
			if !bytes.Equal(m, want[name]) {
				t.Fatalf("member is %s, not %s", m, want[name])
			}
		}
	case String:
		var want string
		if err := json.Unmarshal(v, &want); err != nil {
			t.Fatal(err)
		}
		if got := v.Text(); got != strings.ReplaceAll(want, "\x00", "\uFFFD") {
			t.Fatalf("text %q, want %q", got, want)
		}
	}
}
