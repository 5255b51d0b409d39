package polyai

// longList is the size of a conversation of which the turns are counted before they are
// decoded: a list that grows needs twice its memory for a moment.
const longList = 1 << 20

// turns reads the list of turns at the cursor.
func (d *Decoder) turns() {
	c := &d.c
	c.Turns = c.Turns[:0] // the last duplicate wins
	if len(d.in.v) >= longList {
		c.Turns = make([]Turn, 0, d.countTurns())
	}
	for d.in.enter(); d.in.element(); {
		n := len(c.Turns)
		if n < cap(c.Turns) {
			c.Turns = c.Turns[:n+1]
			t := &c.Turns[n]
			*t = Turn{Extra: t.Extra[:0], Entities: t.Entities[:0]}
		} else {
			c.Turns = append(c.Turns, Turn{})
		}
		d.turn(&c.Turns[n])
	}
}

func (d *Decoder) countTurns() (n int) {
	in := d.in
	for in.enter(); in.element(); n++ {
		in.value()
	}
	return n
}

// turn reads the turn at the cursor. A value that is not an object keeps its index, and
// is stored in Extra.
func (d *Decoder) turn(t *Turn) {
	if d.in.kind() != Object {
		f := field{
			d:      d,
			extra:  &t.Extra,
			path:   "turns[]",
			quoted: token{Value: Value(`"turn"`)},
			v:      d.in.value(),
		}
		f.keep(DriftUnread)
		return
	}
	for d.in.enter(); ; {
		name, more := d.in.member()
		if !more {
			return
		}
		f := field{
			d:      d,
			extra:  &t.Extra,
			path:   "turns[].",
			quoted: name,
			v:      d.in.value(),
		}
		d.turnMember(t, &f)
	}
}

func (d *Decoder) turnMember(t *Turn, f *field) {
	switch string(d.bytes(f.quoted)) {
	case "turn_id":
		t.TurnID = f.integer()
	case "user_input":
		t.UserInput = f.text()
	case "user_input_dtmf":
		t.UserInputDTMF = f.text()
	case "user_input_datetime":
		t.UserInputAt = f.time()
	case "agent_response":
		t.AgentResponse = f.text()
	case "agent_response_datetime":
		t.AgentResponseAt = f.time()
	case "latency":
		d.latency(t, f)
	case "translated_user_input":
		t.TranslatedUserInput = f.text()
	case "english_agent_response":
		t.EnglishAgentResponse = f.text()
	case "asr_lang_code":
		t.UserLanguage = f.text()
	case "tts_lang_code":
		t.AgentLanguage = f.text()
	case "is_ood":
		t.IsOOD = f.bool()
	case "is_silence":
		t.IsSilence = f.bool()
	case "barge_in":
		t.BargeIn = f.bool()
	case "intents":
		t.Intents = f.v.Value
	case "entities":
		d.entities(t, f)
	case "user_input_audio_url":
		t.UserAudioURL = f.text()
	case "metadata", "llm_requests", "reviews", "user_input_dtmf_finish_key":
		f.keepKnown()
	default:
		f.keep(DriftUnknown)
	}
}

// latency reads a latency: a number of seconds, or an object with the seconds, a label
// and the percentile of the last day.
func (d *Decoder) latency(t *Turn, f *field) {
	t.LatencySeconds, t.LatencyLabel, t.LatencyPercentile1d = Optional[float64]{}, "", Optional[float64]{}
	if f.v.Kind() != Object {
		t.LatencySeconds = f.float()
		return
	}
	whole := true
	in := cursor{v: f.v.Value}
	for in.enter(); ; {
		name, more := in.member()
		if !more {
			break
		}
		var ok bool
		switch value := in.value(); string(d.bytes(name)) {
		case "perceived_latency":
			t.LatencySeconds, ok = d.readFloat(value)
		case "perceived_latency_percentile_1d":
			t.LatencyPercentile1d, ok = d.readFloat(value)
		case "label":
			if ok = value.scalar(); ok && value.Kind() != Null {
				t.LatencyLabel, _ = d.Text(value.Value)
			}
		}
		whole = whole && ok
	}
	if !whole {
		f.keep(DriftUnread)
	}
}

func (v Value) scalar() bool { return v.Kind() != Object && v.Kind() != Array }

// entities reads entities: an object from names to a value or a list of values, or a
// list of such objects.
func (d *Decoder) entities(t *Turn, f *field) {
	t.Entities = t.Entities[:0]
	whole := true
	add := func(v Value) {
		if v.Kind() != Object {
			whole = whole && v.Kind() == Null
			return
		}
		for name, value := range v.RawMembers() {
			text, _ := d.Text(name)
			t.Entities = append(t.Entities, Entity{text, value})
		}
	}
	if f.v.Kind() == Array {
		for v := range f.v.Elements() {
			add(v)
		}
	} else {
		add(f.v.Value)
	}
	if !whole {
		f.keep(DriftUnread)
	}
}
