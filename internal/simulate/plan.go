package simulate

// outcome is how a conversation ends.
type outcome uint8

const (
	resolved outcome = iota
	handedOff
	hungUp // the user hangs up in the middle
	misdialled
)

const (
	hangUpShare = 0.12 // of the conversations without a handoff
	mostMatters = 3    // topics of a conversation before an order fills the rest
	noTopic     = -1
	orderTopic  = len(topics) - 1
)

// plan is the complete content of a conversation. It is made before the first turn,
// so that a conversation in progress keeps its turns while it grows.
type plan struct {
	said        []*spoken
	anywhere    uint32 // bits of the interjections so far
	topics      uint32 // bits of the topics so far
	main        int    // the first topic, or noTopic
	orderEnd    int    // the index in said of the order's last step; 0 without an order
	lines       int    // of the order
	outcome     outcome
	reason      int // of the handoff
	destination string
}

// make plans the turns of a conversation.
func (p *plan) make(c *conversation, r *random) {
	*p = plan{said: p.said[:0], main: noTopic}
	turns := c.head.turns
	hangsUp, greeting := r.chance(hangUpShare), r.n(len(spokenGreetings))
	switch {
	case c.handoff:
		p.outcome = handedOff
	case hangsUp || turns == 1:
		p.outcome = hungUp
	case turns == 2:
		p.outcome = misdialled
	}
	switch {
	case c.outbound:
		p.add(&spokenOutbound[0])
	default:
		p.add(&spokenGreetings[greeting])
	}
	switch {
	case p.outcome == handedOff:
		p.handOff(c, turns, r)
	case p.outcome == hungUp:
		p.hangUp(c, turns, r)
	case p.outcome == misdialled && c.outbound:
		p.add(&spokenMisdial[1])
	case p.outcome == misdialled:
		p.add(&spokenMisdial[0])
	default:
		p.talk(c, turns-2, r)
		p.add(&spokenGoodbyes[r.n(len(spokenGoodbyes))])
	}
}

func (p *plan) add(s ...*spoken) { p.said = append(p.said, s...) }

func (p *plan) addAll(list []spoken) {
	for i := range list {
		p.said = append(p.said, &list[i])
	}
}

// handOff plans a handoff whose reason fits the topic.
func (p *plan) handOff(c *conversation, turns int, r *random) {
	if turns == 1 {
		p.said[0] = &spokenAtOnce[0]
	}
	if turns <= 2 {
		p.reason = askedForPerson
	}
	if turns > 2 {
		p.main = pickTopic(r, 0, turns-2)
		p.reason = pickWeighted(r, topics[p.main].reasons[:])
		if p.reason == notVerified && turns-3 < shortest(p.main) {
			p.reason = askedForPerson // to fail takes two turns
		}
	}
	p.destination = pick(r, handoffEndings[p.reason].destinations)
	if turns == 1 {
		return
	}
	ending := pick(r, spokenHandoffs[p.reason])
	more := 0
	if p.reason == askedForPerson && turns > 2 {
		more = r.n(3) // the user interrupts the topic
	}
	p.talk(c, turns-1-len(ending)+more, r)
	p.said = p.said[:turns-len(ending)]
	p.addAll(ending)
}

// hangUp plans an end in the middle of a topic, or after a question of the agent
// that was not answered.
func (p *plan) hangUp(c *conversation, turns int, r *random) {
	if turns == 1 {
		return
	}
	if r.chance(0.5) && turns >= 4 {
		p.talk(c, turns-2, r)
		p.add(&spokenHangUps[r.n(len(spokenHangUps))])
		return
	}
	p.talk(c, turns-1+3, r)
	p.said = p.said[:turns]
}

// talk adds so many turns about topics, with some interjections. All questions are
// answered at their end.
func (p *plan) talk(c *conversation, turns int, r *random) {
	begin := len(p.said)
	asides := 0
	for range min(turns/2, 4) {
		if r.chance(0.25) {
			asides++
		}
	}
	if p.main != noTopic {
		asides = min(asides, max(turns-shortest(p.main), 0))
	}
	left := turns - asides
	for range mostMatters {
		if left == 0 {
			break
		}
		left -= p.matter(left, r)
	}
	switch {
	case p.orderEnd > 0:
		p.order(left)
	case left >= 3:
		p.topics |= 1 << orderTopic
		p.order(left)
	default:
		asides += left
	}
	for asides > 0 {
		asides -= p.aside(c, begin, asides, r)
	}
}

// matter adds one topic with at most so many turns, and returns their number.
func (p *plan) matter(most int, r *random) int {
	t := pickTopic(r, p.topics, most)
	if p.main != noTopic && p.topics == 0 {
		t = p.main // the handoff has chosen it
	}
	if t == noTopic {
		return 0
	}
	if p.main == noTopic {
		p.main = t
	}
	p.topics |= 1 << t
	if t == orderTopic {
		length := min(most, 4+r.n(6))
		p.order(length)
		return length
	}
	steps, length := spokenTopics[t], 0
	for i := range min(most, len(steps)) {
		// A longer topic is more likely than a shorter one.
		if steps[i].settled && (length == 0 || r.chance(0.7)) {
			length = i + 1
		}
	}
	p.addAll(steps[:length])
	return length
}

// order adds an order of so many turns, or so many lines to the existing order.
func (p *plan) order(turns int) {
	if turns == 0 {
		return
	}
	steps := spokenTopics[orderTopic]
	if p.orderEnd == 0 {
		p.add(&steps[0])
		p.orderEnd = len(p.said)
		p.add(&steps[1])
		turns -= 2
	}
	if p.main == noTopic {
		p.main = orderTopic
	}
	for range turns {
		p.insert(p.orderEnd, &spokenLines[p.lines%len(spokenLines)])
		p.orderEnd++
		p.lines++
	}
}

// aside adds an interjection, or the two turns of the keypad, somewhere after the
// first turn about a topic, and returns the number of turns.
func (p *plan) aside(c *conversation, begin, most int, r *random) int {
	at := begin + 1
	if len(p.said) > at {
		at += r.n(len(p.said) - at)
	}
	at = min(at, len(p.said))
	const keypadBit = 1 << 31
	if most >= 2 && c.channel.family == voice && p.anywhere&keypadBit == 0 && r.chance(0.3) {
		p.anywhere |= keypadBit
		p.insert(at, &spokenKeypad[0])
		p.insert(at+1, &spokenKeypad[1])
		return 2
	}
	first := 0
	if c.channel.family != voice {
		first = len(fillersOfVoice)
	}
	i := first + r.n(len(spokenAnywhere)-first)
	for p.anywhere&(1<<i) != 0 {
		if i++; i == len(spokenAnywhere) {
			i = first
		}
	}
	p.anywhere |= 1 << i
	p.insert(at, &spokenAnywhere[i])
	return 1
}

func (p *plan) insert(at int, s *spoken) {
	p.add(nil)
	copy(p.said[at+1:], p.said[at:])
	p.said[at] = s
}

// shortest returns the number of turns after which a topic is settled.
func shortest(t int) int {
	if t == orderTopic {
		return 3
	}
	for i := range spokenTopics[t] {
		if spokenTopics[t][i].settled {
			return i + 1
		}
	}
	return len(spokenTopics[t])
}

// pickTopic picks an unused topic that can be settled in so many turns, or noTopic.
func pickTopic(r *random, used uint32, most int) int {
	var weights [len(topics)]float64
	for t := range topics {
		if used&(1<<t) == 0 && shortest(t) <= most {
			weights[t] = topics[t].weight
		}
	}
	return pickWeighted(r, weights[:])
}

// pickWeighted picks an index with a probability by weight; -1 if all are 0.
func pickWeighted(r *random, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	u, last := r.float()*sum, -1
	for i, w := range weights {
		if w == 0 {
			continue
		}
		last = i
		if u -= w; u < 0 {
			break
		}
	}
	return last
}
