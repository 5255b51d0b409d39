package polyai

func (d *decoder) turns(f *field) {
	d.c.Turns = nil // the last duplicate wins
	switch f.v.Kind() {
	case Null:
		return
	case Array:
	default:
		f.keep(DriftUnread)
		return
	}
	n := 0
	for range f.v.Elements() {
		n++
	}
	d.c.Turns = make([]Turn, n)
	i := 0
	for v := range f.v.Elements() {
		d.turn(&d.c.Turns[i], v)
		i++
	}
}

// turn reads one turn. A value that is not an object keeps its index, and is stored in
// Extra.
func (d *decoder) turn(t *Turn, v Value) {
	if v.Kind() != Object {
		f := field{
			d:      d,
			extra:  &t.Extra,
			path:   "turns[]",
			quoted: Value(`"turn"`),
			v:      v,
		}
		f.keep(DriftUnread)
		return
	}
	for name, value := range v.members() {
		d.turnMember(t, name, value)
	}
}

func (d *decoder) turnMember(t *Turn, quoted, v Value) {
	f := field{
		d:      d,
		extra:  &t.Extra,
		path:   "turns[].",
		quoted: quoted,
		v:      v,
	}
	switch string(d.name(quoted)) {
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
		d.latency(t, &f)
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
		t.Intents = v
	case "entities":
		d.entities(t, &f)
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
func (d *decoder) latency(t *Turn, f *field) {
	t.LatencySeconds, t.LatencyLabel, t.LatencyPercentile1d = Optional[float64]{}, "", Optional[float64]{}
	if f.v.Kind() != Object {
		t.LatencySeconds = f.float()
		return
	}
	whole := true
	for name, value := range f.v.Members() {
		switch name {
		case "perceived_latency":
			t.LatencySeconds, whole = value.float(whole)
		case "perceived_latency_percentile_1d":
			t.LatencyPercentile1d, whole = value.float(whole)
		case "label":
			whole = whole && value.scalar()
			if value.Kind() != Null && value.scalar() {
				t.LatencyLabel = value.Text()
			}
		default:
			whole = false
		}
	}
	if !whole {
		f.keep(DriftUnread)
	}
}

// float reads a number. The result is false if whole is, or if v cannot be read.
func (v Value) float(whole bool) (Optional[float64], bool) {
	n, ok := readFloat(v)
	return n, whole && ok
}

// entities reads entities: an object from names to a value or a list of values, or a
// list of such objects.
func (d *decoder) entities(t *Turn, f *field) {
	t.Entities = nil
	whole := true
	add := func(v Value) {
		if v.Kind() != Object {
			whole = whole && v.Kind() == Null
			return
		}
		for name, value := range v.Members() {
			t.Entities = append(t.Entities, Entity{name, value})
		}
	}
	if f.v.Kind() == Array {
		for v := range f.v.Elements() {
			add(v)
		}
	} else {
		add(f.v)
	}
	if !whole {
		f.keep(DriftUnread)
	}
}
