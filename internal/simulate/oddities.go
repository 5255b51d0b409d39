package simulate

import (
	"strconv"
	"strings"
	"time"
)

// The tables of unusual values that were observed or must be expected, each with
// the value that a warehouse should store.

var newChannels = []channel{
	{"SMS", sms}, {"sms.twilio", sms}, {"WEBRTC", voice}, {"WEBRTC-GATEWAY", voice}, {"sip.polyai", voice},
	{"webchat.polyai", chat}, {"EMAIL", email}, {"HOLOGRAM", other}, {"", other},
}

var oddIDs = []string{"long", "a/b?c=d&e#", "with space ", "ü-日本-😀-", `"quoted"\`, "100%25", "..", "<b>", "line\nbreak"}

var oddTexts = []oddText{
	{`"<script>alert('hello')</script> &amp; <b>bold</b>"`, "<script>alert('hello')</script> &amp; <b>bold</b>"},
	{`"\u003cb\u003eescaped\u003c\/b\u003e"`, "<b>escaped</b>"},
	{`"two\nlines,\ttab, \"quotes\", back\\slash"`, "two\nlines,\ttab, \"quotes\", back\\slash"},
	{`"\ud83d\ude00 and 👩‍👩‍👧"`, "😀 and 👩‍👩‍👧"},
	{`"مرحبا، كيف حالك؟"`, "مرحبا، كيف حالك؟"},
	{`"日本語でお願いします"`, "日本語でお願いします"},
	{`"e\u0301 is not é"`, "e\u0301 is not é"},
	{`"before\u0000after"`, "before\uFFFDafter"},
	{`"lone \ud800 surrogate"`, "lone \uFFFD surrogate"},
	{"\"bad \xff byte\"", "bad \uFFFD byte"},
	{`"separators \u2028 and \u2029"`, "separators \u2028 and \u2029"},
	{`" "`, " "},
	{`"NULL"`, "NULL"},
	{`"\\N"`, `\N`},
	{`"=1+1"`, "=1+1"},
	{`"'; DROP TABLE turns; --"`, "'; DROP TABLE turns; --"},
	{`"` + strings.Repeat("I could talk for hours. ", 800) + `"`, strings.Repeat("I could talk for hours. ", 800)},
}

// deepest is the limit of JSON nesting in a warehouse. Deeper JSON is stored as text.
const deepest = 512

// nested returns a value of nested lists for the state, which adds one level.
func nested(levels int) fragment {
	wire := strings.Repeat("[", levels) + strings.Repeat("]", levels)
	kept := deepest - 1
	if levels <= kept {
		return fragment{wire: wire}
	}
	text := strings.Repeat("[", levels-kept) + strings.Repeat("]", levels-kept)
	return fragment{wire, strings.Repeat("[", kept) + `"` + text + `"` + strings.Repeat("]", kept)}
}

var nastyValues = []fragment{
	nested(100), nested(600),
	{wire: `{"big":1e300,"small":-1e-300,"long":123456789012345678901234567890,"precise":0.12345678901234567890123456789}`},
	{`{"beyond":[1e400,-1e-400,1e200000,-1e-200000]}`, `{"beyond":["1e400","-1e-400","1e200000","-1e-200000"]}`},
	{`{"k\u0000":"a\u0000b"}`, `{"k\ufffd":"a\ufffdb"}`},
	{`["\ud800","\udc00x","\ud83d\ude00"]`, `["\ufffd","\ufffdx","😀"]`},
	{`{"a":1,"b":2,"\u0061":{"last":true}}`, `{"a":{"last":true},"b":2}`},
	{"{\"bad\xff\":\"bad \xfe byte\"}", "{\"bad\ufffd\":\"bad \ufffd byte\"}"},
	{wire: `{"":{"empty name":[]}, "spaces" : [ 1 , 2 ] }`},
	{wire: `null`},
	{wire: `"<b>&amp;</b>\u2028"`},
}

var unknownOfConversations = []member{
	{"sentiment", fragment{wire: `{"label":"calm","score":0.71}`}},
	{"queue_position", fragment{wire: `3`}},
	{"closed_by", fragment{wire: `null`}},
	{"ratings", fragment{wire: `[1,null,"x",{"deep":[[]]}]`}},
	{"a name with spaces", fragment{wire: `true`}},
	{"raw_header", fragment{`"a\u0000b"`, `"a\ufffdb"`}},
	{"shoe_size", fragment{wire: `123456789012345678901234567890`}},
}

var unknownOfTurns = []member{
	{"metadata", fragment{wire: `{"function_events":[],"retrieved_topics":["opening hours"],"safety":null,"top_transcripts":[{"text":"hello","confidence":0.98}]}`}},
	{"llm_requests", fragment{wire: `[{"model":"example-1","tokens":{"in":812,"out":44}}]`}},
	{"reviews", fragment{wire: `[{"by":"Ada Example","verdict":"good"}]`}},
	{"user_input_dtmf_finish_key", fragment{wire: `"#"`}},
	{"room_temperature", fragment{wire: `20.5`}},
	{"mood", fragment{wire: `null`}},
}

var entityForms = []entityForm{
	{`null`, nil},
	{`[{}]`, nil},
	{`[{"nothing":null}]`, nil},
	{`{"zip":"EX1 1EX","city":"Exampleton"}`, []entityRow{{"city", "Exampleton"}, {"zip", "EX1 1EX"}}},
	{`[{"item":["a","b","c"]}]`, []entityRow{{"item", "a"}, {"item", "b"}, {"item", "c"}}},
	{`[{"item":"a"},{"item":["b"]},{"colour":"red"}]`, []entityRow{{"colour", "red"}, {"item", "a"}, {"item", "b"}}},
	{`[{"item":["a",null,""]}]`, []entityRow{{"item", "a"}, {"item", nil}, {"item", nil}}},
	{`[{"count":3,"sure":true,"weight":1.50}]`, []entityRow{{"count", "3"}, {"sure", "true"}, {"weight", "1.50"}}},
	{`[{"span":{"to":5,"from":1}}]`, []entityRow{{"span", `{"from":1,"to":5}`}}},
	{`[{"ключ \"q\"":"значение"}]`, []entityRow{{`ключ "q"`, "значение"}}},
}

var intentForms = []listForm{
	{`null`, nil},
	{`["b","a","b"]`, []string{"b", "a", "b"}},
	{`[{"score":0.93,"name":"query_bill"},{"name":"greet"}]`, []string{`{"name":"query_bill","score":0.93}`, `{"name":"greet"}`}},
	{`["a \"quoted\", {braced} intent","NULL"]`, []string{`a "quoted", {braced} intent`, "NULL"}},
}

var metricForms = []metricForm{
	{"odd_number", fragment{wire: `73.5`}, []metricRow{{value: "73.5", number: 73.5}}},
	{"odd_negative", fragment{wire: `-7`}, []metricRow{{value: "-7", number: -7.0}}},
	{"odd_huge", fragment{`1e400`, `"1e400"`}, []metricRow{{value: "1e400"}}},
	{"odd_true", fragment{wire: `true`}, []metricRow{{value: "true", boolean: true}}},
	{"odd_null", fragment{wire: `null`}, nil},
	{"odd_empty_list", fragment{wire: `[]`}, nil},
	{"odd_object", fragment{wire: `{"y":1,"x":[true,null]}`}, []metricRow{{value: `{"x":[true,null],"y":1}`}}},
	{"odd_list", fragment{wire: `["a",null,"",2,false]`}, []metricRow{{value: "a"}, {}, {}, {value: "2", number: 2.0}, {value: "false", boolean: false}}},
	{"odd_nested", fragment{wire: `[["a","b"],{"k":1}]`}, []metricRow{{value: `["a","b"]`}, {value: `{"k":1}`}}},
	{"odd_recorded", fragment{wire: `[{"timestamp":"2026-06-03T13:19:19.757917","value":"73"},{"timestamp":"2026-06-03T14:19:20+01:00","value":"again"}]`}, []metricRow{
		{value: "73", number: 73.0, recorded: time.Date(2026, 6, 3, 13, 19, 19, 757917000, time.UTC)},
		{value: "again", recorded: time.Date(2026, 6, 3, 13, 19, 20, 0, time.UTC)},
	}},
	{"odd_exponent", fragment{wire: `"-12.5e3"`}, []metricRow{{value: "-12.5e3", number: -12500.0}}},
	{"odd_phone", fragment{wire: `"+447700900123"`}, []metricRow{{value: "+447700900123"}}},
	{"odd_time", fragment{wire: `"2026-06-03 13:19:19"`}, []metricRow{{value: "2026-06-03 13:19:19", at: time.Date(2026, 6, 3, 13, 19, 19, 0, time.UTC)}}},
	{"odd_html", fragment{wire: `"<i>fine<\/i>"`}, []metricRow{{value: "<i>fine</i>"}}},
	{"odd_nul", fragment{`"a\u0000b"`, `"a\ufffdb"`}, []metricRow{{value: "a\uFFFDb"}}},
	{`odd "name" / ünïcode`, fragment{wire: `"x"`}, []metricRow{{value: "x"}}},
	// A duplicate name: the last one counts.
	{"odd_twice", fragment{`"first","odd_twice":"last"`, `"last"`}, []metricRow{{value: "last"}}},
}

var scoredForms = []scored{
	{
		wire:      `,"poly_score":4.5,"summary":"The caller asked about a bill.","tags":["billing","resolved"],"language":"en-GB","finishedAt":null`,
		polyScore: 4.5,
		summary:   "The caller asked about a bill.",
		tags:      []string{"billing", "resolved"},
		language:  "en-GB",
	},
	{
		wire:       `,"polyScore":6.0,"shortSummary":{"heading":"Booking","content":"An appointment was made."},"tags":[],"deploymentId":"DEPLOYMENT-example"`,
		polyScore:  6.0,
		heading:    "Booking",
		summary:    "An appointment was made.",
		tags:       []string{},
		deployment: "DEPLOYMENT-example",
	},
	{wire: `,"poly_score":null,"summary":null,"tags":null,"language":null,"direction":null`},
	{wire: `,"poly_score":"3","summary":{"heading":"","content":"No heading."},"direction":"inbound"`,
		polyScore: 3.0, summary: "No heading.", direction: "inbound"},
	{wire: `,"summary":"","language":"de-DE","tags":["with, comma","with \"quotes\"","NULL"]`,
		language: "de-DE", tags: []string{"with, comma", `with "quotes"`, "NULL"}},
}

// appendUnreadable writes a value that is not a conversation. No two are the same.
func (c *conversation) appendUnreadable(dst []byte) []byte {
	n := strconv.Itoa(c.index)
	start := string(moment{at: c.start}.append(nil))
	forms := [...]string{
		n,
		`"conversation ` + n + `"`,
		`[` + n + `]`,
		`{"started_at":` + start + `,"num_turns":` + n + `}`,
		`{"id":null,"started_at":` + start + `,"num_turns":` + n + `}`,
		`{"id":"","started_at":` + start + `,"num_turns":` + n + `}`,
		`{"id":"UNREADABLE-` + n + `","started_at":"the day before yesterday"}`,
		`{"id":"UNREADABLE-` + n + `","num_turns":0}`,
		`{"id":"UNREADABLE-` + n + `","started_at":null,"state":{"topic":"none"}}`,
	}
	return append(dst, forms[c.seed%uint64(len(forms))]...)
}
