package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// planned yields conversations after all of them have ended.
func planned(t *testing.T, conversations int, mean float64, check func(*conversation)) {
	t.Helper()
	o := testOptions(conversations)
	o.Projects[0].TurnsMean, o.Projects[0].Summaries = mean, true
	e := newTest(t, o).environments[0]
	var c conversation
	for i := range conversations {
		c.fill(e, e.head(i), later.UnixMicro())
		check(&c)
	}
}

func script(c *conversation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s, %s\n", c.channel.name, languages[c.language], c.topic, outcomeNames[c.plan.outcome])
	for i := range c.turns {
		fmt.Fprintf(&b, "  U: %s%s\n  A: %s\n", c.turns[i].user.String(), c.turns[i].dtmf, c.turns[i].agent.String())
	}
	if c.scored != nil {
		fmt.Fprintf(&b, "  = %v | %v | %v | %s -> %s\n", c.scored.polyScore, c.scored.heading, c.scored.summary, c.reason, c.destination)
	}
	return b.String()
}

func TestConversations(t *testing.T) {
	t.Parallel()
	for _, mean := range []float64{1, 2, 4, 8, 15, 40, 100} {
		t.Run(fmt.Sprintf("%g turns", mean), func(t *testing.T) {
			t.Parallel()
			planned(t, 2_000/max(int(mean)/10, 1), mean, func(c *conversation) {
				if len(c.turns) != c.head.turns {
					t.Fatalf("%d turns of %d:\n%s", len(c.turns), c.head.turns, script(c))
				}
				checkPhrases(t, c)
				checkEnding(t, c)
			})
		})
	}
}

// checkPhrases checks that nothing is said twice, and everything in one language.
func checkPhrases(t *testing.T, c *conversation) {
	t.Helper()
	said := map[string]bool{"": true}
	for i := range c.turns {
		turn := &c.turns[i]
		for _, text := range []string{turn.user.String(), turn.agent.String()} {
			if said[text] && text != "" {
				t.Errorf("%q is said twice:\n%s", text, script(c))
			}
			said[text] = true
		}
		s := c.plan.said[i]
		if turn.user.before != s.user[c.language].before || turn.agent.before != s.agent[c.language].before {
			t.Errorf("turn %d is not in %s:\n%s", i, languages[c.language], script(c))
		}
		if c.channel.family != voice && turn.dtmf != "" {
			t.Errorf("keys in a %s:\n%s", c.channel.name, script(c))
		}
	}
	if strings.Contains(fmt.Sprint(script(c)), "{") {
		t.Errorf("a placeholder is not filled:\n%s", script(c))
	}
}

// checkEnding checks that the end of a conversation fits its outcome.
func checkEnding(t *testing.T, c *conversation) {
	t.Helper()
	last := c.plan.said[len(c.plan.said)-1]
	in := func(list []spoken) bool {
		return slices.ContainsFunc(list, func(s spoken) bool { return s.user == last.user && s.agent == last.agent })
	}
	handoff := in(spokenAtOnce)
	if c.handoff && !handoff {
		handoff = in(join(spokenHandoffs[c.plan.reason]...))
		if !slices.Contains(handoffEndings[c.plan.reason].destinations, c.destination) || c.reason != handoffEndings[c.plan.reason].reason {
			t.Errorf("handed over to %q because %q:\n%s", c.destination, c.reason, script(c))
		}
	}
	if handoff != c.handoff {
		t.Errorf("handoff is %v, and it ends with\n%s", c.handoff, script(c))
	}
	if goodbye := in(spokenGoodbyes); goodbye != (c.plan.outcome == resolved) {
		t.Errorf("it is %s, and ends with\n%s", outcomeNames[c.plan.outcome], script(c))
	}
	if c.plan.outcome == resolved && !c.plan.said[len(c.plan.said)-2].settled && !in(spokenAnywhere) {
		checkSettled(t, c)
	}
}

// checkSettled checks that no question of a topic is open at the goodbye.
func checkSettled(t *testing.T, c *conversation) {
	t.Helper()
	for i := len(c.plan.said) - 2; i > 0; i-- {
		s := c.plan.said[i]
		if s.settled {
			return
		}
		if !slices.ContainsFunc(join(spokenAnywhere, spokenKeypad), func(a spoken) bool { return a.agent == s.agent }) {
			t.Errorf("a question is open at the goodbye:\n%s", script(c))
			return
		}
	}
}

// TestShares checks that the shares of topics, handoff reasons and outcomes are
// realistic.
func TestShares(t *testing.T) {
	t.Parallel()
	const n = 6_000
	shares, summaries, reviewed := map[string]float64{}, map[string]bool{}, 0.0
	planned(t, n, 8, func(c *conversation) {
		shares[c.topic] += 1. / n
		shares[languages[c.language]] += 1. / n
		shares[outcomeNames[c.plan.outcome]] += 1. / n
		if c.handoff {
			shares[c.reason] += 1. / n
		}
		summaries[c.scored.summary.(string)] = true
		reviewed++
		if c.plan.outcome == hungUp && c.metric("csat_score") || c.metric("odd_number") {
			t.Errorf("metrics do not fit: %v\n%s", c.metrics, script(c))
		}
	})
	for name, between := range map[string][2]float64{
		"delivery": {0.25, 0.40}, "billing": {0.16, 0.30}, "booking": {0.10, 0.22}, "account": {0.07, 0.15},
		"opening_hours": {0.05, 0.16}, "returns": {0.02, 0.08}, "order": {0.005, 0.05}, unknownTopic: {0.002, 0.05}, wrongCompany: {0.002, 0.06},
		"en-GB": {0.86, 0.93}, "de-DE": {0.04, 0.08}, "es-ES": {0.02, 0.06},
		"abandoned": {0.06, 0.14}, "handoff": {0.15, 0.25},
		"caller asked for a person": {0.06, 0.12}, "could not verify": {0.01, 0.05}, "topic not covered": {0.02, 0.07},
		"complaint": {0.01, 0.06}, "payment needed": {0.005, 0.04},
	} {
		if got := shares[name]; got < between[0] || got > between[1] {
			t.Errorf("%s has a share of %.3f, want %g to %g", name, got, between[0], between[1])
		}
	}
	if float64(len(summaries)) < 0.2*reviewed {
		t.Errorf("%d different summaries of %g", len(summaries), reviewed)
	}
}

func (c *conversation) metric(name string) bool {
	return slices.ContainsFunc(c.metrics, func(m metric) bool { return m.name == name })
}

// TestPhrases checks that each phrase is unique and translated.
func TestPhrases(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range everySpoken() {
		for _, phrases := range [][len(languages)]template{s.user, s.agent} {
			for l, p := range phrases {
				said := languages[l] + p.before + "{}" + p.after
				switch {
				case p == template{}: // empty, or only the placeholder
				case known[said]:
					t.Errorf("%q is not unique", said)
				case l > 0 && len(p.before) > 5 && p.before == phrases[0].before:
					t.Errorf("%q is not translated", said)
				}
				known[said] = true
			}
		}
	}
	for s, values := range placeholderValues {
		for l := range languages {
			if len(values[l]) != len(values[0]) {
				t.Errorf("placeholder %s has %d values in %s, %d in English", placeholderEntity[s], len(values[l]), languages[l], len(values[0]))
			}
		}
	}
}
