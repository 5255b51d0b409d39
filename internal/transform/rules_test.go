package transform

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// private is a conversation with the word secret wherever it can have text.
const private = `"from_number":"secret","note":"secret","summary":"secret","tags":["secret"],"state":{"a":"secret"},"unknown":"secret",` +
	`"handoff_reason":"secret","metrics":{"a":"secret","b":["secret",5]},` +
	`"turns":[{"user_input":"secret","agent_response":"secret","intents":["secret"],"entities":{"name":["secret","b"]},"unknown":{"a":"secret"}}]`

// upper upper-cases the word secret in all that is stored.
var upper = Rule{Name: "upper", Version: "1", Conversation: upperConversation, JSON: upperJSON}

func upperText(s *string) { *s = strings.ReplaceAll(*s, "secret", "SECRET") }

func upperJSON(v polyai.Value) polyai.Value {
	return bytes.ReplaceAll(v, []byte("secret"), []byte("SECRET"))
}

func upperConversation(c *polyai.Conversation) {
	for _, text := range []*string{&c.FromNumber, &c.Note, &c.Summary, &c.HandoffReason} {
		upperText(text)
	}
	c.Tags, c.Metrics, c.State = upperJSON(c.Tags), upperJSON(c.Metrics), upperJSON(c.State)
	upperMembers(c.Extra)
	for i := range c.Turns {
		t := &c.Turns[i]
		upperText(&t.UserInput)
		upperText(&t.AgentResponse)
		t.Intents = upperJSON(t.Intents)
		for j := range t.Entities {
			t.Entities[j].Value = upperJSON(t.Entities[j].Value)
		}
		upperMembers(t.Extra)
	}
}

func upperMembers(members []polyai.Member) {
	for i := range members {
		members[i].Value = upperJSON(members[i].Value)
	}
}

// identity is a rule that changes nothing.
var identity = Rule{
	Name: "identity", Version: "1",
	Conversation: func(*polyai.Conversation) {},
	JSON:         func(v polyai.Value) polyai.Value { return v },
}

func withRules(o Options, rules ...Rule) *Options {
	o.Rules = rules
	return &o
}

// textOf is the text of all rows of a conversation.
func textOf(r *warehouse.Rows) string { return string(r.Append(nil)) }

func TestRules(t *testing.T) {
	t.Parallel()
	plain, _ := rows(t, &asked, private)
	ruled, _ := rows(t, withRules(asked, upper), private)
	loud, _ := rows(t, &asked, strings.ReplaceAll(private, "secret", "SECRET"))
	if n := strings.Count(textOf(plain), "secret"); n < 16 {
		t.Fatalf("only %d texts are tested", n)
	}
	if strings.Contains(textOf(ruled), "secret") {
		t.Errorf("a text did not pass through the rule: %+v", ruled)
	}
	if ruled.Conversation.ContentHash == plain.Conversation.ContentHash || ruled.Conversation.ContentHash != ruled.Hash() {
		t.Error("the rule was not applied before the hash")
	}
	if ruled.Conversation.Shape == plain.Conversation.Shape {
		t.Error("the transform version does not depend on the rules")
	}
	if ruled.Conversation.Shape = loud.Conversation.Shape; !reflect.DeepEqual(ruled, loud) {
		t.Errorf("got %+v, want the rows of a source that returns upper-case text: %+v", ruled, loud)
	}
}

// The hash and the version are those of data that was stored before there were
// rules: it must not be read again.
func TestRules_None(t *testing.T) {
	t.Parallel()
	const hash = "0fcefe5d5c7dd3e09b8bfc8a7bd1758e35cdda5536bd53eb1705ae26b9dace43"
	for name, o := range map[string]*Options{"Nil": &asked, "Empty": withRules(asked, Rules{}...)} {
		r, _ := rows(t, o, private)
		if c := &r.Conversation; c.ContentHash != hash || c.Shape != "2" || o.Shape() != "2" {
			t.Errorf("%s: hash %s, version %s", name, c.ContentHash, c.Shape)
		}
		if o.Stored(r) != r {
			t.Errorf("%s: stored rows change", name)
		}
		if got := o.Rules.Payload(polyai.Value(`{"b": 1, "a": 2}`)); got != `{"a":2,"b":1}` {
			t.Errorf("%s: payload %s", name, got)
		}
	}
}

func TestRules_Fingerprint(t *testing.T) {
	t.Parallel()
	named := func(name, version string) Rule { return Rule{Name: name, Version: version} }
	seen := map[string]string{}
	for name, rules := range map[string]Rules{
		"None":     nil,
		"One":      {named("a", "1")},
		"Version":  {named("a", "2")},
		"Two":      {named("a", "1"), named("b", "1")},
		"Order":    {named("b", "1"), named("a", "1")},
		"Joined":   {named("a1\nb", "1")},
		"NoChange": {named("", "")},
	} {
		f := rules.Fingerprint()
		if other, twice := seen[f]; twice {
			t.Errorf("%s and %s have the fingerprint %q", name, other, f)
		}
		seen[f] = name
	}
	if got := (Rules{named("a", "1")}).Fingerprint(); got != "9c53db64c856201d" {
		t.Errorf("the fingerprint of a/1 is %s: it must not depend on the release", got)
	}
}

func TestOptions_Stored(t *testing.T) {
	t.Parallel()
	stored, _ := rows(t, &asked, private)
	before := textOf(stored)
	want, _ := rows(t, &asked, strings.ReplaceAll(private, "secret", "SECRET"))
	got := withRules(asked, upper).Stored(stored)
	if !reflect.DeepEqual(got.Turns, want.Turns) || !reflect.DeepEqual(got.Entities, want.Entities) || !reflect.DeepEqual(got.Metrics, want.Metrics) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.Conversation.Metrics != want.Conversation.Metrics {
		t.Errorf("metrics are %s", got.Conversation.Metrics)
	}
	if textOf(stored) != before {
		t.Error("the stored rows were changed")
	}
}

// A rule that concerns the latency changes what is computed from it.
func TestOptions_Stored_Latency(t *testing.T) {
	t.Parallel()
	stored, _ := rows(t, &asked, `"turns":[{"latency":0.5},{"latency":1}]`)
	drop := identity
	drop.Conversation = func(c *polyai.Conversation) {
		for i := range c.Turns {
			c.Turns[i].LatencySeconds = polyai.Optional[float64]{}
		}
	}
	if c := withRules(asked, drop).Stored(stored).Conversation; c.LatencyTurns != 0 || c.LatencyMaxSeconds.Valid {
		t.Errorf("%d turns have a latency, the maximum is %v", c.LatencyTurns, c.LatencyMaxSeconds)
	}
}

// A lost row leaves a gap in the indexes, which are kept.
func TestOptions_Stored_Gap(t *testing.T) {
	t.Parallel()
	stored, _ := rows(t, &asked, `"turns":[{"user_input":"a"},{"user_input":"b","entities":{"x":1}}]`)
	stored.Turns = stored.Turns[1:]
	got := withRules(asked, identity).Stored(stored)
	if !reflect.DeepEqual(got.Turns, stored.Turns) || !reflect.DeepEqual(got.Entities, stored.Entities) {
		t.Errorf("got %+v %+v", got.Turns, got.Entities)
	}
}

func TestRules_Panic(t *testing.T) {
	t.Parallel()
	notJSON, noTurns := identity, identity
	notJSON.JSON = func(polyai.Value) polyai.Value { return polyai.Value("{") }
	noTurns.Conversation = func(c *polyai.Conversation) { c.Turns = nil }
	for name, use := range map[string]func(){
		"NotJSON": func() { Rules{notJSON}.Payload(polyai.Value("{}")) },
		"NoTurns": func() { rows(t, withRules(asked, noTurns), private) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("the result of a faulty rule was accepted")
				}
			}()
			use()
		})
	}
}
