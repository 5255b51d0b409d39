package pipeline

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// masking is a rule that masks the user's input, and the word secret in payloads.
func masking(version string) transform.Rules {
	return transform.Rules{{
		Name: "mask", Version: version,
		Conversation: func(c *polyai.Conversation) {
			for i := range c.Turns {
				c.Turns[i].UserInput = "***"
			}
		},
		JSON: func(v polyai.Value) polyai.Value {
			if bytes.Contains(v, []byte("panic")) {
				panic("secret")
			}
			return bytes.ReplaceAll(v, []byte("secret"), []byte("***"))
		},
	}}
}

func TestAddReject_Rules(t *testing.T) {
	t.Parallel()
	const unruled = "; its payload is not stored: it is not JSON, so the rules cannot be applied"
	for name, c := range map[string]struct {
		rules                transform.Rules
		value                string
		id, payload, because string
	}{
		"None":        {nil, `{"note": "secret"}`, `{"note":"secret"}`, `{"note":"secret"}`, ""},
		"NoneNotJSON": {nil, `{"note":NaN}`, `{"note":NaN}`, `{"note":NaN}`, ""},
		"JSON":        {masking("1"), `{"note": "secret"}`, `{"note":"***"}`, `{"note":"***"}`, ""},
		"NotJSON":     {masking("1"), `{"secret":NaN}`, `{"secret":NaN}`, "", unruled},
		"Panic":       {masking("1"), `{"note":"secret panic"}`, `{"note":"secret panic"}`, "", "; its payload is not stored: panic with a string at rules_test.go:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := &window{unchanged: newUnchanged(), options: &transform.Options{Rules: c.rules}, rejects: map[string]warehouse.Reject{}}
			st.addReject(polyai.Value(c.value), warehouse.Reject{Reason: "no_id"})
			r := st.rejects[extract.Digest(polyai.Value(c.id))]
			if string(r.Payload) != c.payload || !strings.HasPrefix(r.Reason, "no_id"+c.because) || c.because == "" && r.Reason != "no_id" {
				t.Errorf("got %+v", st.rejects)
			}
		})
	}
}

// Each batch has the rules of its feed, by which a loader keeps what is hidden. Data
// that was read with other rules is read again, and once only.
func TestRun_Rules(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	for i, c := range []struct {
		rules transform.Rules
		all   bool
	}{{nil, true}, {nil, false}, {masking("1"), true}, {masking("1"), false}, {masking("2"), true}, {nil, true}} {
		d.batches = nil
		o := options(t, source, d, now)
		o.Feeds[0].Transform.Rules = c.rules
		report, err := Run(t.Context(), o)
		if err != nil || report.Status != warehouse.RunSucceeded {
			t.Fatalf("run %d: %v, %+v", i, err, report)
		}
		if read := report.Conversations.Read >= conversations; read != c.all {
			t.Errorf("run %d: read %d conversations, of %d", i, report.Conversations.Read, conversations)
		}
		for _, b := range d.batches {
			checkMasked(t, b, c.rules != nil)
		}
		for _, r := range d.coverage() {
			if r.Shape != o.Feeds[0].Transform.Shape() {
				t.Errorf("run %d: %+v was not read with the current rules", i, r)
			}
		}
	}
}

func checkMasked(t *testing.T, b *load.Batch, want bool) {
	t.Helper()
	stored := &warehouse.Rows{Turns: []warehouse.Turn{{UserInput: "Ada Example"}}}
	if kept := b.Ruled(stored).Turns[0].UserInput; (kept == "***") != want {
		t.Errorf("a stored turn is kept as %q", kept)
	}
	for _, r := range b.Rows {
		for i := range r.Turns {
			if masked := r.Turns[i].UserInput == "***"; masked != want {
				t.Fatalf("a turn has the input %q", r.Turns[i].UserInput)
			}
		}
	}
}

// A replay applies the rules to what was stored without them.
func TestReplay_Rules(t *testing.T) {
	t.Parallel()
	d := newFake()
	d.reject(warehouse.Reject{
		RejectID: "1", ConversationID: "a", LastSeenAt: 10,
		Payload: `{"id":"a","started_at":"2026-06-03T13:19:19Z","turns":[{"user_input":"Ada Example"}]}`,
	})
	o := options(t, nil, d, at(end))
	o.Feeds[0].Transform.Rules = masking("1")
	if _, err := Replay(t.Context(), o); err != nil || len(d.batches) != 1 {
		t.Fatalf("%v, %d batches", err, len(d.batches))
	}
	checkMasked(t, d.batches[0], true)
}

// The payload of a conversation that the destination refuses passes through the
// rules, too.
func TestRefused_Rules(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	source := simulated(t, now, simulate.Deviations{})
	for truth := range source.Truth("acme-team-4", "live", now()) {
		d.refused = map[string]string{truth.ID: "refused by a constraint"}
		break
	}
	o := options(t, edited(source, regexp.MustCompile(`"language":"[^"]*"`), `"language":"secret"`), d, now)
	o.Feeds[0].Transform.Rules = masking("1")
	if _, err := Run(t.Context(), o); err != nil || len(d.rejects()) != 1 {
		t.Fatalf("%v, %d rejects", err, len(d.rejects()))
	}
	if p := string(d.rejects()[0].Payload); strings.Contains(p, "secret") || !strings.Contains(p, "***") {
		t.Errorf("the payload is %s", p)
	}
}
