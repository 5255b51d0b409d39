package simulate

import "math"

// talk makes the turns that there have been until now.
func (c *conversation) talk(r *random) {
	topic := r.n(len(topics))
	c.topic = topics[topic].name
	median := c.medianLatency()
	length := c.agent * secondMicros / int64(c.head.turns)
	for i := range c.head.turns {
		t := turn{outside: no, silent: no, bargeIn: no}
		c.say(&t, c.next(&t, i, spokenTopics[topic], r), r)
		t.bargeIn = say(c.channel.family == voice && i > 0 && r.chance(0.05))
		t.recognised = c.language != 0
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

// next chooses what is said in a turn: a greeting, what the call is about, and
// whatever comes up until the goodbye.
func (c *conversation) next(t *turn, i int, steps []spoken, r *random) *spoken {
	last := i == c.head.turns-1
	switch u := r.float(); {
	case i == 0:
		return &spokenGreetings[r.n(len(spokenGreetings))]
	case last && c.handoff:
		return &spokenSpecial[specialHandover]
	case last:
		return &spokenSpecial[specialGoodbye]
	case i <= len(steps):
		return &steps[i-1]
	case u < 0.04:
		t.silent = yes
		return &spokenSpecial[specialSilence]
	case u < 0.08:
		t.outside = yes
		return &spokenSpecial[specialOutside]
	case u < 0.12 && c.channel.family == voice:
		t.dtmf = pick(r, keys)
		return &spokenSpecial[specialKeypad]
	case u < 0.25:
		return &spokenTopics[r.n(len(spokenTopics))][0]
	}
	return &spokenFillers[r.n(len(spokenFillers))]
}

var keys = []string{"1", "2", "3", "1234#", "0000", "555*", "4711#"}

// releaseMonths is how often a release makes slow agents quick again.
const releaseMonths = 6

// medianLatency is the median latency of the variant at the conversation's start, in seconds.
func (c *conversation) medianLatency() float64 {
	months := float64(c.start-c.environment.calendar.from) / (30 * 24 * float64(hourMicros))
	return c.variant.latency * math.Pow(c.variant.growthMonth, math.Mod(months, releaseMonths))
}

// say fills in the words of a turn. A person keeps their name and their reference.
func (c *conversation) say(t *turn, s *spoken, r *random) {
	slot := ""
	switch s.slot {
	case slotNone:
	case slotName:
		slot = c.caller
	case slotReference:
		slot = slotValues[slotReference][c.seed%uint64(len(slotValues[slotReference]))]
	default:
		slot = pick(r, slotValues[s.slot])
	}
	with := func(p phrase) text {
		if p.after == "" {
			return text{before: p.before}
		}
		return text{before: p.before, slot: slot, after: p.after}
	}
	t.user, t.agent = with(s.user[c.language]), with(s.agent[c.language])
	if c.language != 0 {
		t.translated, t.english = with(s.user[0]), with(s.agent[0])
	}
	t.intents = s.intents
	if s.userHas {
		t.entity = [2]string{slotEntity[s.slot], slot}
	}
}
