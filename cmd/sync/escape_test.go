package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
)

// hostile is an id that clears the screen, renames the window, overwrites its
// line and turns the direction of the text.
const hostile = "call\x1b[2J\x1b]0;owned\a\r\u009b31m\u202egnp.\u2028\nok"

func TestEscapingWriter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		writes []string
		want   string
	}{
		"plain":         {[]string{"a\tb\nü 日本 ✓\n"}, "a\tb\nü 日本 ✓\n"},
		"escape":        {[]string{"\x1b[31mred\x1b[0m"}, `\u001b[31mred\u001b[0m`},
		"carriage":      {[]string{"WRONG\rok"}, `WRONG\u000dok`},
		"C1":            {[]string{"\u009b31m"}, `\u009b31m`},
		"direction":     {[]string{"a\u202eb\u2066c"}, `a\u202eb\u2066c`},
		"two writes":    {[]string{"a\xe2\x9c", "\x93b"}, "a✓b"},
		"C1 in two":     {[]string{"\xc2", "\x9b1m"}, `\u009b1m`},
		"no UTF-8":      {[]string{"a\xffb\x9b"}, `a\ufffdb\ufffd`},
		"half, and end": {[]string{"a\xc2", "b"}, `a\ufffdb`},
	} {
		var to bytes.Buffer
		w := &escapingWriter{to: &to}
		for _, text := range c.writes {
			if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%s: Write returned %d, %v", name, n, err)
			}
		}
		if to.String() != c.want {
			t.Errorf("%s: got %q, want %q", name, to.String(), c.want)
		}
	}
}

func TestOutputOfHostileValues(t *testing.T) {
	t.Parallel()
	var to bytes.Buffer
	out := &escapingWriter{to: &to}
	result := &verified{
		Projects: []verifiedFeed{{ProjectID: "acme-team-4", Findings: []verifiedFinding{{ConversationID: hostile, Kind: "missing"}}}},
		Stored:   []verifiedStored{{ProjectID: "acme-team-4", Findings: []storedFinding{{Kind: "orphan", ConversationID: hostile}}}},
		span:     extract.Span{},
	}
	status := &statusReport{
		Feeds: []feedStatus{{ProjectID: "acme-team-4", Drift: []driftStatus{{Path: hostile}}}},
		Runs:  []runSummary{{Status: "failed", Error: hostile, Started: time.Unix(0, 0).UTC(), Warnings: []string{hostile}}},
	}
	result.Stored[0].Faults = map[load.FaultKind]int64{"orphan": 1}
	result.print(out)
	if err := status.print(out, time.Now()); err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewTextHandler(out, nil)).Warn(hostile, "id", hostile)
	for line := range strings.Lines(to.String()) {
		if strings.HasPrefix(line, "ok") {
			t.Errorf("a value makes a line of its own: %q", line)
		}
	}
	to2 := &bytes.Buffer{}
	log := slog.New(slog.NewJSONHandler(&escapingWriter{to: to2}, nil))
	log.Warn(hostile, "id", hostile)
	var entry struct{ ID string }
	if err := json.Unmarshal(to2.Bytes(), &entry); err != nil || entry.ID != hostile {
		t.Errorf("the log in JSON holds %q, %v", entry.ID, err)
	}
	for _, text := range []string{to.String(), to2.String()} {
		if strings.ContainsAny(text, "\x1b\a\r\u009b\u202e\u2028") {
			t.Errorf("not escaped: %q", text)
		}
	}
}
