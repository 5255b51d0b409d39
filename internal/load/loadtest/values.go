package loadtest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"convsync/internal/warehouse"
)

// valueChecks are about values that a destination could change. Each is loaded,
// read, and loaded again, which must change nothing: a value that is not stored
// exactly would be written again in every run.
var valueChecks = []check{
	{"values/text", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(texts(), putText)...) }},
	{"values/long text", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(longTexts(), putLongText)...) }},
	{"values/ids", func(t testing.TB, s Subject) {
		var rows []*warehouse.Rows
		for _, id := range names() {
			rows = append(rows, Conversation("p", id, Noon))
		}
		roundTrip(t, s, rows...)
	}},
	{"values/names", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(names(), putName)...) }},
	{"values/projects", func(t testing.TB, s Subject) {
		var rows []*warehouse.Rows
		for _, p := range projectIDs {
			rows = append(rows, Conversation(p, "c-1", Noon), Conversation(p, "c-2", Noon, Open()))
		}
		roundTrip(t, s, rows...)
	}},
	{"values/NULL and zero", func(t testing.TB, s Subject) {
		roundTrip(t, s, Conversation("p", "null", Noon, bare), Conversation("p", "zero", Noon, zeros))
	}},
	{"values/lists", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(lists(), putList)...) }},
	{"values/JSON", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(documents(), putJSON)...) }},
	{"values/floats", func(t testing.TB, s Subject) { roundTrip(t, s, withEach(floats, putFloat)...) }},
	{"values/integers", func(t testing.TB, s Subject) {
		roundTrip(t, s, withEach([]int64{math.MinInt64, -1, 1, math.MaxInt64}, putInteger)...)
	}},
	{"values/times", func(t testing.TB, s Subject) {
		var rows []*warehouse.Rows
		for i, at := range moments() {
			rows = append(rows, Conversation("p", fmt.Sprintf("c-%d", i), at, putTime(warehouse.TimestampOf(at))))
		}
		roundTrip(t, s, rows...)
	}},
}

// withEach makes a conversation with each of the values in every column of their type.
func withEach[V any](values []V, put func(V) Option) []*warehouse.Rows {
	var rows []*warehouse.Rows
	for i, v := range values {
		rows = append(rows, Conversation("p", fmt.Sprintf("c-%d", i), Noon, put(v)))
	}
	return rows
}

// roundTrip loads the conversations twice.
func roundTrip(t testing.TB, s Subject, rows ...*warehouse.Rows) {
	t.Helper()
	var projects []string
	of := map[string][]*warehouse.Rows{}
	for _, r := range rows {
		p := r.Conversation.ProjectID
		if of[p] == nil {
			projects = append(projects, p)
		}
		of[p] = append(of[p], r)
	}
	b := begin(t, s, 1, projects...)
	for _, p := range projects {
		counted(t, b.load(of[p]...), int64(len(of[p])), 0, 0)
	}
	before := dump(t, s)
	before.count(t, len(rows))
	for _, r := range rows {
		before.stored(t, r)
	}
	b.end()
	b = begin(t, s, 2, projects...)
	for _, p := range projects {
		counted(t, b.load(of[p]...), 0, 0, int64(len(of[p])))
	}
	sameContent(t, before, dump(t, s))
	for _, p := range projects {
		keepAll(b, of[p])
	}
	d := dump(t, s)
	for _, r := range rows {
		want := Clone(r)
		want.Conversation.NumTurns = warehouse.Null[int64]{}
		if shown := want.Conversation.Metrics; shown == "" || shown == "{}" {
			want.Conversation.Metrics, want.Metrics = "", nil
		}
		d.stored(t, kept(want))
	}
}

// keepAll hides the turns and metrics of a project's conversations, so that the
// loader has to read the stored ones to keep them, each alone and together with
// others.
func keepAll(b *session, rows []*warehouse.Rows) {
	b.Helper()
	var halves [2][]*warehouse.Rows
	for i, r := range rows {
		hidden := Clone(r)
		Hidden(warehouse.Null[int64]{})(hidden)
		NoMetrics("")(hidden)
		Seal(hidden)
		halves[i%2] = append(halves[i%2], hidden)
	}
	for _, half := range halves {
		if len(half) > 0 {
			b.load(half...)
		}
	}
}

// bare sets every nullable column to NULL.
func bare(r *warehouse.Rows) {
	c := &r.Conversation
	r.Conversation = warehouse.Conversation{
		AccountID:      c.AccountID,
		ProjectID:      c.ProjectID,
		ConversationID: c.ConversationID,
		Environment:    c.Environment,
		ChannelFamily:  "other",
		StartedAt:      c.StartedAt,
		Lifecycle:      warehouse.LifecycleFinal,
		APIVersion:     APIVersion,
		Shape:          Shape,
	}
	r.Turns, r.Entities = []warehouse.Turn{{}}, []warehouse.Entity{{Name: "guest_name"}}
	r.Metrics = []warehouse.Metric{{Name: "score"}}
	r.Audio = []warehouse.AudioReference{{Direction: "combined", Availability: warehouse.AudioUnknown}}
}

// zeros sets every number, boolean and time to its zero, which is not NULL.
func zeros(r *warehouse.Rows) {
	putFloat(0)(r)
	putInteger(0)(r)
	putTime(0)(r)
	putList(warehouse.List{})(r)
	eachField(r, func(field any) {
		if f, ok := field.(*warehouse.Null[bool]); ok {
			*f = warehouse.Some(false)
		}
	})
}

// texts are texts that some encodings change.
func texts() []string {
	return []string{
		"a", " ", "\n", "\t", "\r\n", `\`, `\N`, `\.`, `"`, `'`, `''`, "NULL", "null", "{}", "a,b", "$1", "%s", "%00",
		"line one\nline two\r\nline three\u2028four", "tab\tbell\x07escape\x1bdelete\x7f",
		"Ä ö ü ß — Ω 漢字 👩‍👩‍👧 العربية", "e\u0301 is not \u00e9", "\u200bzero width\ufeff", "\ufffd", "\U0010ffff", "\ufffe\uffff",
	}
}

// longTexts have a megabyte each.
func longTexts() []string {
	return []string{strings.Repeat("Ada Example says a great deal. ", 1<<20/31), strings.Repeat("\"\\\n", 1<<20/3), strings.Repeat("漢", 1<<20/3)}
}

// names are ids and names: short text that may be part of a key.
func names() []string {
	odd := []string{
		" ", ".", "..", "/", "a/b", "/etc/example", `a\b`, "a=b", "a%2Fb", "a&b?c#d", "a:b", "*", "null", "__HIVE_DEFAULT_PARTITION__",
		"a b", " a", "a ", "a\nb", "a\tb", "'a'", `"a"`, "a;b--", "ä", "a\u0308", "漢字", "👋", "\ufffd", "\U0010ffff", "-1", "+1", "0", "00", "0x1", "OUT-1", "A", "a",
	}
	long := make([]byte, 1000) // the longest name, which compresses badly
	for i, state := 0, uint32(1); i < len(long); i++ {
		state = state*1664525 + 1013904223
		long[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[state>>26]
	}
	return append(odd, string(long), strings.Repeat("漢", 300))
}

// projectIDs are unusual names for folders or partitions.
var projectIDs = []string{
	"PROJECT-EXAMPLE", "p/q", `p\q`, "..", ".", "_hidden", ".hidden", "p=1", "p%2Fq", "p q", " p", "p.", "CON",
	"p:q", "p*?", "p'q\"", "p\nq", "ä", "漢字", "👋", "-p", "~", "project_id=p", "null",
}

func lists() []warehouse.List {
	all := []warehouse.List{nil, {}, {""}, {"", ""}, {"NULL"}, {"null", "nil"}, {"a,b", "{c}", `d"e`, `f\g`}, {" "}, texts()}
	return append(all, make(warehouse.List, 1000))
}

// documents are JSON in canonical form.
func documents() []warehouse.JSON {
	digits := strings.Repeat("1234567890", 10_000)
	raw := []string{
		"", `{}`, `[]`, `""`, `0`, `-0`, `true`, `"text"`, `{"":""}`, `{"a":null}`, `[null]`,
		`{"b":1,"a":{"d":[1,2,{}],"c":false}}`, `{"ä":"Ω","漢":"👋","a\nb":"\u001f\"\\/"}`,
		`[1.0,1.50,100,1e2,1E+2,1e-7,-1.5e300,123456789012345678901234567890,0.1,0.30000000000000004]`,
		`1e324`, `-1e-324`, `[` + digits + `,-` + digits + `,0.` + digits[:16_000] + `]`,
		strings.Repeat("[", 512) + strings.Repeat("]", 512), strings.Repeat(`{"a":`, 512) + `1` + strings.Repeat("}", 512),
		`"` + strings.Repeat("x", 1<<20) + `"`, `{"type":"jsonb","$ref":"#","__proto__":1}`,
	}
	for _, s := range texts() {
		quoted := strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n", "\r", "\\r", "\t", "\\t", "\x07", "\\u0007", "\x1b", "\\u001b").Replace(s)
		raw = append(raw, `{"`+quoted+`":["`+quoted+`"]}`)
	}
	out := make([]warehouse.JSON, len(raw))
	for i, r := range raw {
		if r != "" {
			out[i], _ = warehouse.Canonical(r)
		}
	}
	return out
}

var floats = []float64{
	math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
	0.1, 1.0 / 3, 1e15 + 0.3, 1 << 53, 2.2250738585072014e-308, 1e-7, math.Pi,
}

func moments() []time.Time {
	return []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(1582, 10, 10, 12, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2000, 2, 29, 23, 59, 59, 999_999_000, time.UTC), time.Date(2024, 3, 31, 1, 30, 0, 0, time.UTC),
		time.Date(2024, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2100, 2, 28, 12, 0, 0, 123_456_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	}
}
