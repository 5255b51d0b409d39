package simulate

import "strings"

// deviateHead changes whether and when a conversation is listed.
func (e *environment) deviateHead(h *head) {
	d := &e.deviations
	r := stream(h.seed, streamHead)
	channel, ends, late, readable := r.chance(0.15), !r.chance(0.003), r.chance(0.05), !r.chance(0.007)
	if d.NewChannels && channel {
		h.channel = pick(r, newChannels)
	}
	if d.NeverEnding && !ends {
		h.total = neverEnds
	}
	if d.LateArrivals && late {
		h.visible = h.start + int64(r.between(120, 6*3600))*secondMicros
	}
	h.unreadable = d.Unreadable && !readable
}

// apply makes a conversation deviate from the documentation.
func (d *Deviations) apply(c *conversation) {
	for _, deviation := range [...]struct {
		on    bool
		name  uint64
		apply func(*conversation, *random)
	}{
		{d.NullsForEmpty, streamEmpty, emptiness},
		{d.UnsaidBooleans, streamBooleans, unsaidBooleans},
		{d.TimeForms, streamTimes, otherTimes},
		{d.NumberForms, streamNumbers, otherNumbers},
		{d.LatencyObjects || d.LatencyStrings, streamLatency, d.otherLatency},
		{d.MetricForms, streamMetrics, oddMetrics},
		{d.NastyState, streamState, nastyState},
		{d.OddTexts, streamTexts, oddWords},
		{d.HiddenTranscripts, streamHidden, hideTranscript},
		{d.UnknownFields, streamUnknown, unknownFields},
		{d.ForeignIdentity, streamIdentity, foreignIdentity},
		{d.OddIDs, streamIDs, oddID},
		{d.OddNumbers, streamPhones, oddPhone},
		{d.EntityForms, streamEntities, otherEntities},
		{d.IntentForms, streamIntents, otherIntents},
		{d.Summaries, streamScores, score},
		{d.UnreadableValues, streamUnreadable, unreadableValues},
	} {
		if deviation.on {
			deviation.apply(c, stream(c.seed, deviation.name))
		}
	}
}

func emptiness(c *conversation, r *random) { c.empty = emptyForm(r.n(3)) }

func unsaidBooleans(c *conversation, r *random) {
	if r.chance(0.1) {
		c.handoffSaid = unsaid
	}
	// in_progress must be set on an open conversation, or it would count as ended.
	if r.chance(0.1) && !c.open {
		c.inProgress = unsaid
	}
	for i := range c.turns {
		t := &c.turns[i]
		for _, b := range [...]*boolean{&t.outside, &t.silent, &t.bargeIn} {
			if r.chance(0.1) {
				*b = unsaid
			}
		}
	}
}

func otherTimes(c *conversation, r *random) {
	c.startForm = timeForm(r.n(readableTimes))
	units := []int64{1, 1e3, 1e5, 1e6}
	for i := range c.turns {
		for _, m := range [...]*moment{&c.turns[i].userAt, &c.turns[i].agentAt} {
			m.at -= m.at % pick(r, units)
			m.form = timeForm(r.n(readableTimes))
			if r.chance(0.04) {
				m.form = timeNull
			}
		}
	}
}

func otherNumbers(c *conversation, r *random) {
	for _, n := range [...]*number{&c.numTurns, &c.numSilences, &c.numOOD, &c.totalDuration, &c.agentDuration} {
		n.form = [...]numberForm{numberPlain, numberPlain, numberPlain, numberPoint, numberText, numberNull}[r.n(6)]
	}
	for _, n := range [...]*number{&c.totalDuration, &c.agentDuration} {
		if r.chance(0.2) {
			n.value += 0.5
		}
	}
}

func (d *Deviations) otherLatency(c *conversation, r *random) {
	for i := range c.turns {
		l := &c.turns[i].latency
		switch n := r.n(12); {
		case n < 3 && d.LatencyObjects:
			l.form = [...]latencyForm{latencyObject, latencyObject, latencyRated}[n]
		case n >= 3 && n < 6 && d.LatencyStrings:
			l.form = [...]latencyForm{latencyText, latencyNull, latencyAbsent}[n-3]
		}
	}
}

func oddMetrics(c *conversation, r *random) {
	for range r.n(3) {
		f := &metricForms[r.n(len(metricForms))]
		if c.metrics[len(c.metrics)-1].form == f {
			continue // a name is there once
		}
		c.metrics = append(c.metrics, metric{name: f.name, kind: metricOdd, form: f})
	}
}

func nastyState(c *conversation, r *random) {
	if r.chance(0.3) {
		c.nasty = &nastyValues[r.n(len(nastyValues))]
	}
}

func oddWords(c *conversation, r *random) {
	for i := range c.turns {
		t := &c.turns[i]
		for _, said := range [...]*text{&t.user, &t.agent, &t.translated} {
			if r.chance(0.03) {
				said.odd = &oddTexts[r.n(len(oddTexts))]
			}
		}
	}
}

func hideTranscript(c *conversation, r *random) {
	if r.chance(0.1) {
		c.hiddenTurns = [...]hiding{hideEmpty, hideNull}[r.n(2)]
	}
}

func unknownFields(c *conversation, r *random) {
	if r.chance(0.3) {
		c.extra = append(c.extra, pick(r, unknownOfConversations))
	}
	for i := range c.turns {
		if r.chance(0.06) {
			from := r.n(len(unknownOfTurns))
			c.turns[i].extra = unknownOfTurns[from : from+1]
		}
		if r.chance(0.03) {
			c.turns[i].audio = "https://audio.example.com/turns/" + c.callSID
		}
	}
}

func foreignIdentity(c *conversation, r *random) {
	p := &c.environment.project
	forms := func(id, alias string) string { return pick(r, []string{id, alias, "", id, alias}) }
	c.accountID = forms(c.accountID, p.AccountAlias)
	c.projectID = forms(c.projectID, p.Alias)
	c.envName = forms(c.envName, strings.ToUpper(c.envName))
}

const longestID = 900 // bytes

func oddID(c *conversation, r *random) {
	if !r.chance(0.15) {
		return
	}
	before, after := "", ""
	switch form := pick(r, oddIDs); form {
	case "long":
		after = "-" + strings.Repeat("long", (longestID-len(c.id)-1)/4)
	default:
		before = form
	}
	if c.outbound {
		before = "" // OUT- comes first
	}
	c.id = before + c.id + after
}

func oddPhone(c *conversation, r *random) {
	number, known := c.customer.(string)
	if !known || !r.chance(0.2) {
		return
	}
	written, meant := number, any(number)
	switch r.n(5) {
	case 0:
		written = spaced(number)
	case 1:
		written, meant = "sip:ada.example@example.com", "sip:ada.example@example.com"
	case 2:
		written, meant = "ada.example@example.com", "ada.example@example.com"
	case 3:
		written, meant = "polyai", "polyai"
	case 4:
		written, meant = "", nil
	}
	c.customer = meant
	if c.outbound {
		c.to = written
		return
	}
	c.from = written
}

// spaced formats a fictional number with spaces.
func spaced(number string) string {
	if rest, ok := strings.CutPrefix(number, "+1"); ok {
		return "+1 (" + rest[:3] + ") " + rest[3:6] + "-" + rest[6:]
	}
	return number[:3] + " " + number[3:7] + " " + number[7:]
}

func otherEntities(c *conversation, r *random) {
	for i := range c.turns {
		if r.chance(0.15) {
			c.turns[i].entityForm = &entityForms[r.n(len(entityForms))]
		}
	}
}

func otherIntents(c *conversation, r *random) {
	for i := range c.turns {
		if r.chance(0.15) {
			c.turns[i].intentForm = &intentForms[r.n(len(intentForms))]
		}
	}
}

// score adds the fields of a review to an ended conversation.
func score(c *conversation, r *random) {
	s := &scoredForms[r.n(len(scoredForms))]
	if c.open || s.direction != nil && c.outbound {
		return
	}
	c.scored = s
}

func unreadableValues(c *conversation, r *random) {
	if n := r.n(20); n < 2 {
		[...]*number{&c.totalDuration, &c.numSilences}[n].form = numberUnread
	}
	for i := range c.turns {
		if r.chance(0.02) {
			c.turns[i].userAt.form = timeUnread
		}
	}
}
