package simulate

import "math"

// talk makes the turns of the plan that have happened by now.
func (c *conversation) talk(r *random) {
	median := c.medianLatency()
	length := c.agent * secondMicros / int64(c.head.turns)
	var used [placeholderCount]int
	for i, s := range c.plan.said {
		t := turn{outside: say(s.kind == outOfDomain), silent: say(s.kind == silent), intents: s.intents, recognised: c.language != 0}
		if s.kind == typed {
			t.dtmf = pick(r, keys)
		}
		c.say(&t, s, used[s.placeholder])
		if s.placeholder != placeholderName { // a person keeps their name
			used[s.placeholder]++
		}
		t.bargeIn = say(c.channel.family == voice && i > 0 && r.chance(0.05))
		t.latency.millis = int64(1000 * median * math.Exp(0.45*r.normal()))
		begin := c.start + int64(i)*length
		t.userAt.at = begin + int64(r.between(0.05, 0.5)*float64(length))
		if i == 0 {
			t.userAt.at = c.start
		}
		t.agentAt.at = t.userAt.at + t.latency.millis*1000 + int64(r.n(1000))
		if c.open && t.agentAt.at > c.now {
			return
		}
		c.turns = append(c.turns, t)
	}
}

var keys = []string{"40021#", "1234#", "0000#", "55501#", "4711#"}

// releaseMonths is the number of months after which a release makes slow agents fast
// again.
const releaseMonths = 6

// medianLatency returns the median latency of the variant at the conversation's start,
// in seconds.
func (c *conversation) medianLatency() float64 {
	months := float64(c.start-c.environment.calendar.from) / (30 * 24 * float64(hourMicros))
	return c.variant.latency * math.Pow(c.variant.growthMonth, math.Mod(months, releaseMonths))
}

// value returns the value of a placeholder in a language, after so many other values
// of the same placeholder in this conversation.
func (c *conversation) value(s placeholder, used, language int) string {
	list := placeholderValues[s][language]
	if s == placeholderName {
		return list[c.caller]
	}
	return list[(int(c.seed>>8%997)+used)%len(list)]
}

// say sets the texts of a turn.
func (c *conversation) say(t *turn, s *spoken, used int) {
	words := func(p template, hasPlaceholder bool, language int) text {
		if !hasPlaceholder {
			return text{before: p.before}
		}
		return text{before: p.before, placeholder: c.value(s.placeholder, used, language), after: p.after}
	}
	l := c.language
	t.user, t.agent = words(s.user[l], s.userPlaceholder, l), words(s.agent[l], s.agentPlaceholder, l)
	if l != 0 {
		t.translated, t.english = words(s.user[0], s.userPlaceholder, 0), words(s.agent[0], s.agentPlaceholder, 0)
	}
	if s.userPlaceholder {
		t.entity = [2]string{placeholderEntity[s.placeholder], c.value(s.placeholder, used, l)}
	}
}
