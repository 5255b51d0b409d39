package transcript_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"convsync/internal/answer"
	"convsync/internal/transcript"
)

var update = flag.Bool("update", false, "write the golden files")

// source answers each statement with the rows that a test has for it.
type source struct {
	answer.Source
	answers [][][]any
	asked   []answer.Statement
}

func (s *source) Ask(_ context.Context, statement answer.Statement) (answer.Rows, error) {
	s.asked = append(s.asked, statement)
	if len(s.answers) == 0 {
		return &rows{}, nil
	}
	next := &rows{rows: s.answers[0]}
	s.answers = s.answers[1:]
	return next, nil
}

func (*source) Dialect() string { return "duckdb" }

type rows struct {
	answer.Rows
	rows [][]any
}

func (r *rows) Next(context.Context) ([]any, error) {
	if len(r.rows) == 0 {
		return nil, io.EOF
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func (*rows) Columns() []answer.Column { return nil }
func (*rows) Close() error             { return nil }

// call is a conversation with every part, in any order, and with text that is markup, or
// controls a terminal. The times have the forms of both engines.
func call() [][]any {
	return [][]any{
		{"zone", "p", "Europe/London"},
		{"zone", "q", "UTC"},
		{"metric", "p", `{"name":"score","ordinal":0,"value":"9.5"}`},
		{"turn", "p", `{"turn_index":2,"user_input":null,"is_silence":true,"user_input_at":"2026-06-15T12:00:40.5+00:00","barge_in":false,
			"agent_response":"Are you still there?","agent_response_at":"2026-06-15T12:00:43+00:00","latency_seconds":6.5,"latency_label":"slow_asr"}`},
		{"turn", "p", `{"turn_index":0,"agent_response":"Hello, <b>Ada</b>!\nHow *can* I help?","agent_response_at":"2026-06-15 12:00:01.25+00","agent_language":"en-GB"}`},
		{"conversation", "p", `{"project_id":"p","environment":"live","conversation_id":"call-1","started_at":"2026-06-15 12:00:00+00",
			"finished_at":"2026-06-15 12:03:12+00","updated_at":"2026-06-15 12:10:00+00","total_duration_seconds":192.0,"polyai_duration_seconds":59.5,"channel_family":"voice",
			"direction":"inbound","variant_name":"Main | site","language":"en-GB","customer_number":"+447700900123","lifecycle":"final","transcript_status":"short",
			"num_turns":5,"turns_loaded":3,"handoff":true,"handoff_reason":"billing","handoff_destination":"+447700900100","latency_p50_seconds":0.75,
			"latency_p95_seconds":6.5,"latency_max_seconds":6.5,"poly_score":4.5,"summary_heading":"A bill","summary":"Ada Example asks about a bill.",
			"tags":["billing",null,"vip"],"note":"Call back","missing_since":"2026-06-16T08:00:00+00:00"}`},
		{"entity", "p", `{"turn_index":1,"name":"amount","ordinal":0,"value":"12.50"}`},
		{"metric", "p", `{"name":"outcome","ordinal":0,"value":null}`},
		{"turn", "p", `{"turn_index":1,"user_input":"\u001b[31mC'est <script>alert(1)</script>\u202e ma facture","translated_user_input":"It is my bill","user_input_dtmf":"12#",
			"user_input_at":"2026-06-15 12:00:07+00","user_language":"fr","barge_in":true,"is_ood":true,"intents":["billing"],"latency_seconds":0.75,
			"agent_response":"One moment: this is a long sentence, which does not fit into one line of a narrow terminal.","agent_response_at":"2026-06-15 12:00:08+00"}`},
	}
}

func find(t *testing.T, found [][]any) *transcript.Transcript {
	t.Helper()
	call, err := transcript.Find(t.Context(), &source{answers: [][][]any{found}}, "call-1", "")
	if err != nil {
		t.Fatal(err)
	}
	return call
}

func TestFormats(t *testing.T) {
	t.Parallel()
	found := find(t, call())
	for name, write := range map[string]func(io.Writer) error{
		"call.txt":      func(w io.Writer) error { return found.WriteText(w, transcript.Terminal{}) },
		"call.wide.txt": func(w io.Writer) error { return found.WriteText(w, transcript.Terminal{Width: 60, Color: true}) },
		"call.html":     found.WriteHTML,
		"call.json":     found.WriteJSON,
		"call.md":       found.WriteMarkdown,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", &got, want)
			}
		})
	}
}

// Whatever is said, a terminal gets no control characters but those of colors, and its
// lines fit.
func TestWriteText_Escapes(t *testing.T) {
	t.Parallel()
	found := find(t, call())
	var plain, colored bytes.Buffer
	if err := errors.Join(found.WriteText(&plain, transcript.Terminal{Width: 40}), found.WriteText(&colored, transcript.Terminal{Width: 40, Color: true})); err != nil {
		t.Fatal(err)
	}
	if without := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(colored.String(), ""); without != plain.String() {
		t.Errorf("colors change the text:\n%s\n%s", without, &plain)
	}
	for line := range strings.Lines(plain.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }) {
			t.Errorf("%q has a control character", line)
		}
		if n := len([]rune(line)); n > 40 && !strings.Contains(line, "█") {
			t.Errorf("%q has %d columns", line, n)
		}
	}
}

func TestWriteHTML_Policy(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := find(t, call()).WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(page.String(), "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !ok || transcript.StyleSource() != want {
		t.Errorf("the policy allows %s, and the style is %s", transcript.StyleSource(), want)
	}
	for _, not := range []string{"<script", "style=", "http:", "https:", "url("} {
		if strings.Contains(strings.ToLower(page.String()), not) {
			t.Errorf("the page has %s", not)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`"lifecycle":"final","transcript_status":"complete"`:                     "",
		`"lifecycle":"open","transcript_status":"complete"`:                      "open",
		`"lifecycle":"abandoned","transcript_status":"none"`:                     "abandoned none",
		`"lifecycle":"final","transcript_status":"hidden","num_turns":5`:         "hidden",
		`"lifecycle":"final","transcript_status":"hidden_kept"`:                  "hidden_kept",
		`"lifecycle":"open","transcript_status":"short","missing_since":null`:    "open short",
		`"lifecycle":"final","missing_since":"2026-06-16 08:00:00+00","tags":[]`: "missing",
	} {
		found := find(t, [][]any{{"conversation", "p", `{"project_id":"p","conversation_id":"call-1","started_at":"2026-06-15 12:00:00+00",` + fields + `}`}})
		var kinds []string
		for _, n := range found.Notes {
			kinds = append(kinds, n.Kind)
		}
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: notes %q, want %q", fields, got, want)
		}
		for name, write := range map[string]func(io.Writer) error{"HTML": found.WriteHTML, "Markdown": found.WriteMarkdown} {
			var page bytes.Buffer
			if err := write(&page); err != nil || strings.Contains(page.String(), "Note:") != (want != "") {
				t.Errorf("%s: %s: %v\n%s", name, fields, err, &page)
			}
		}
	}
}

func TestFind_Ambiguous(t *testing.T) {
	t.Parallel()
	s := &source{answers: [][][]any{{{"conversation", "q", `{}`}, {"conversation", "p", `{}`}}}}
	_, err := transcript.Find(t.Context(), s, "call-1", "")
	var ambiguous *transcript.AmbiguousError
	if !errors.As(err, &ambiguous) || strings.Join(ambiguous.Projects, " ") != "p q" {
		t.Errorf("got %v", err)
	}
}

func TestFind_Missing(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	for want, traces := range map[string][][]any{
		"no conversation call-1 is stored": {{"upsert", "p", "call-1", at}},
		"it was rejected in the project p, last on 2026-06-15T12:00:00Z: no start (table rejects": {{"rejected", "p", "no start", at}},
		"it was deleted from the project p on 2026-06-15T12:00:00Z":                               {{"delete", "p", "call-1", at}, {"upsert", "p", "call-1", at.Add(-time.Hour)}},
		"it was removed from the project p on 2026-06-15T12:00:00Z, at the end":                   {{"expire", "p", "call-1", at}},
		"it was erased from the project p on":                                                     {{"erase", "p", "call-1", at}},
		"ids that contain it: a-call-1, b-call-1":                                                 {{"like", "p", "a-call-1", at}, {"like", "p", "b-call-1", at}},
		"ids that contain it: 1, 2, and more":                                                     {{"like", "p", "1", at}, {"like", "p", "2", at}, {"like", "p", "3", at}, {"like", "p", "4", at}},
	} {
		s := &source{answers: [][][]any{{}, {}, traces}}
		_, err := transcript.Find(t.Context(), s, "call-1", "")
		var missing *transcript.NotFoundError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if len(s.asked) != 3 || s.asked[0].Conversation != "call-1" || s.asked[1].Conversation != "" {
			t.Errorf("asked %+v", s.asked)
		}
	}
}

// An error about a row that cannot be read has nothing that was said.
func TestFind_Unreadable(t *testing.T) {
	t.Parallel()
	_, err := transcript.Find(t.Context(), &source{answers: [][][]any{{{"turn", "p", `{"turn_index":"a secret"}`}}}}, "call-1", "")
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"2026-06-15 12:00:00.25+00"`: `"2026-06-15T12:00:00.25Z"`, `"2026-06-15T14:00:00+02:00"`: `"2026-06-15T12:00:00Z"`, "null": "null",
	} {
		var at transcript.Time
		err := json.Unmarshal([]byte(text), &at)
		got, failed := json.Marshal(at)
		if err != nil || failed != nil || string(got) != want {
			t.Errorf("%s is %s, want %s: %v, %v", text, got, want, err, failed)
		}
	}
}
