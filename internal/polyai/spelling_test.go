package polyai

import (
	"reflect"
	"strings"
	"testing"
)

// spelled is a field that the source spells in several ways, with two values.
type spelled struct {
	names     []string // the documented one first
	one, two  string   // as JSON
	want, alt any      // of one, of two
	got       func(*Conversation) any
}

var spelledFields = []spelled{
	{[]string{"environment", "client_env"}, `"live"`, `"sandbox"`, "live", "sandbox", func(c *Conversation) any { return c.Environment }},
	{[]string{"deployment_id", "deploymentId"}, `"dep-7"`, `"dep-8"`, "dep-7", "dep-8", func(c *Conversation) any { return c.DeploymentID }},
	{[]string{"finished_at", "finishedAt"}, `"2026-06-03T10:05:00Z"`, `"2026-06-03T10:06:00Z"`, Some(Micros(1780481100000000)), Some(Micros(1780481160000000)),
		func(c *Conversation) any { return c.FinishedAt }},
	{[]string{"poly_score", "polyScore"}, `4.5`, `"2"`, Some(4.5), Some(2.0), func(c *Conversation) any { return c.PolyScore }},
	{[]string{"summary", "short_summary", "shortSummary"}, `"told"`, `{"content":"other"}`, "told", "other", func(c *Conversation) any { return c.Summary }},
}

// TestDecodeSpellings: every pair of spellings of every field, in either order.
func TestDecodeSpellings(t *testing.T) {
	t.Parallel()
	for _, f := range spelledFields {
		for i, first := range f.names {
			for j, second := range f.names {
				if i == j {
					continue
				}
				t.Run(first+" "+second, func(t *testing.T) {
					t.Parallel()
					f.check(t, first, second, i < j)
				})
			}
		}
	}
}

// check checks the field in two spellings, one of which is the documented one.
func (f *spelled) check(t *testing.T, first, second string, firstWins bool) {
	members := func(one, two string) string { return `"` + first + `":` + one + `,"` + second + `":` + two }
	want, loser, lost := f.want, second, f.two
	if !firstWins {
		want, loser, lost = f.alt, first, f.one
	}
	extra := []Member{{loser, Value(lost)}}
	for _, c := range []struct {
		members string
		want    any
		extra   []Member
		drift   string
	}{
		{members(f.one, `null`), f.want, nil, ""},
		{members(`null`, f.two), f.alt, nil, ""},
		{members(f.one, `""`), f.want, nil, ""},
		{members(`""`, f.two), f.alt, nil, ""},
		{members(f.one, f.one), f.want, nil, ""},
		{members(f.one, f.two), want, extra, loser + " two_spellings"},
	} {
		got := decode(t, c.members)
		var drift []string
		for _, d := range got.Drift {
			drift = append(drift, d.Path+" "+string(d.Kind))
		}
		if v := f.got(got); v != c.want || !reflect.DeepEqual(got.Extra, c.extra) || strings.Join(drift, ", ") != c.drift {
			t.Errorf("%s: got %v, extra %s, drift %q; want %v, extra %s, drift %q", c.members, v, got.Extra, drift, c.want, c.extra, c.drift)
		}
	}
}

func TestDecodeDuplicates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, members string
		got           func(*Conversation) any
		want          any
	}{
		{"last wins", `"poly_score":1,"poly_score":2`, func(c *Conversation) any { return c.PolyScore }, Some(2.0)},
		{"last is null", `"poly_score":1,"poly_score":null`, func(c *Conversation) any { return c.PolyScore }, Optional[float64]{}},
		{"last is null, alias is not", `"poly_score":1,"polyScore":3,"poly_score":null`, func(c *Conversation) any { return c.PolyScore }, Some(3.0)},
		{"unreadable, alias is not", `"finished_at":"soon","finishedAt":"1970-01-01T00:00:01Z"`, func(c *Conversation) any { return c.FinishedAt }, Some(Micros(1_000_000))},
		{"heading from another spelling", `"shortSummary":{"heading":"h","content":"told"},"summary":"told"`,
			func(c *Conversation) any { return c.SummaryHeading + "/" + c.Summary }, "h/told"},
		{"turns", `"turns":[{},{}],"turns":null`, func(c *Conversation) any { return len(c.Turns) }, 0},
		{"entities", `"turns":[{"entities":{"a":1},"entities":{"b":2}}]`, func(c *Conversation) any { return c.Turns[0].Entities[0].Name }, "b"},
		{"latency", `"turns":[{"latency":{"label":"slow"},"latency":2}]`, func(c *Conversation) any { return c.Turns[0].LatencyLabel }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.got(decode(t, c.members)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
