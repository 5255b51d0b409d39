package polyai

// plainDecode is the plain form of [Decode], against which it is tested: it scans each
// value again at each level of nesting, and has an object for each text.
func plainDecode(v Value) (*Conversation, error) {
	if v.Kind() != Object {
		return nil, &RejectError{Reason: RejectNotAnObject}
	}
	d := plainDecoder{c: &Conversation{}}
	for name, value := range v.RawMembers() {
		d.member(name, value)
	}
	d.resolve()
	if isStub(d.c) {
		return nil, &RejectError{Reason: RejectTooLarge, ID: d.c.ID, StartedAt: Optional[Micros]{V: d.c.StartedAt, Valid: d.started}}
	}
	if d.c.ID == "" {
		return nil, &RejectError{Reason: RejectNoID, StartedAt: Optional[Micros]{V: d.c.StartedAt, Valid: d.started}}
	}
	if !d.started {
		return nil, &RejectError{Reason: RejectNoStart, ID: d.c.ID}
	}
	return d.c, nil
}

type plainDecoder struct {
	c                                                   *Conversation
	started                                             bool
	scratch                                             []byte // name of the member, without quotes
	environment, deployment, finished, score, summaries plainSpellings
}

func (d *plainDecoder) name(quoted Value) []byte {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' || c >= 0x80 {
			d.scratch = append(d.scratch[:0], quoted.Text()...)
			return d.scratch
		}
	}
	return inner
}

func (d *plainDecoder) member(quoted, v Value) {
	c := d.c
	f := plainField{d: d, extra: &c.Extra, quoted: quoted, v: v}
	switch string(d.name(quoted)) {
	case "id":
		c.ID = f.text()
	case "account_id":
		c.AccountID = f.text()
	case "project_id":
		c.ProjectID = f.text()
	case "environment":
		d.environment.note(0, &f)
	case "client_env":
		d.environment.note(1, &f)
	case "channel":
		c.Channel = f.text()
	case "direction":
		c.Direction = f.text()
	case "variant_id":
		c.VariantID = f.text()
	case "variant_name":
		c.VariantName = f.text()
	case "from_number":
		c.FromNumber = f.text()
	case "to_number":
		c.ToNumber = f.text()
	case "language":
		c.Language = f.text()
	case "deployment_id":
		d.deployment.note(0, &f)
	case "deploymentId":
		d.deployment.note(1, &f)
	case "started_at":
		at := f.time()
		c.StartedAt, d.started = at.V, at.Valid
	case "finished_at":
		d.finished.note(0, &f)
	case "finishedAt":
		d.finished.note(1, &f)
	case "in_progress":
		c.InProgress = f.bool()
	default:
		d.moreMember(&f)
	}
}

func (d *plainDecoder) moreMember(f *plainField) {
	c := d.c
	switch string(d.name(f.quoted)) {
	case "total_duration":
		c.TotalDurationSeconds = f.float()
	case "polyai_duration":
		c.PolyAIDurationSeconds = f.float()
	case "num_turns":
		c.NumTurns = f.integer()
	case "num_silences":
		c.NumSilences = f.integer()
	case "num_ood":
		c.NumOOD = f.integer()
	case "handoff":
		c.Handoff = f.bool()
	case "handoff_reason":
		c.HandoffReason = f.text()
	case "handoff_destination":
		c.HandoffDestination = f.text()
	case "poly_score":
		d.score.note(0, f)
	case "polyScore":
		d.score.note(1, f)
	case "summary":
		d.summaries.note(0, f)
	case "short_summary":
		d.summaries.note(1, f)
	case "shortSummary":
		d.summaries.note(2, f)
	case "note":
		c.Note = f.text()
	case "tags":
		c.Tags = f.v
	case "metrics":
		c.Metrics = f.v
	case "state":
		c.State = f.v
	case "turns":
		d.turns(f)
	default:
		f.keep(DriftUnknown)
	}
}

func (d *plainDecoder) turns(f *plainField) {
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

func (d *plainDecoder) turn(t *Turn, v Value) {
	if v.Kind() != Object {
		f := plainField{
			d:      d,
			extra:  &t.Extra,
			path:   "turns[]",
			quoted: Value(`"turn"`),
			v:      v,
		}
		f.keep(DriftUnread)
		return
	}
	for name, value := range v.RawMembers() {
		d.turnMember(t, name, value)
	}
}

func (d *plainDecoder) turnMember(t *Turn, quoted, v Value) {
	f := plainField{
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

func (d *plainDecoder) latency(t *Turn, f *plainField) {
	t.LatencySeconds, t.LatencyLabel, t.LatencyPercentile1d = Optional[float64]{}, "", Optional[float64]{}
	if f.v.Kind() != Object {
		t.LatencySeconds = f.float()
		return
	}
	whole := true
	for name, value := range f.v.Members() {
		switch name {
		case "perceived_latency":
			t.LatencySeconds, whole = plainWhole(value, whole)
		case "perceived_latency_percentile_1d":
			t.LatencyPercentile1d, whole = plainWhole(value, whole)
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

func plainWhole(v Value, whole bool) (Optional[float64], bool) {
	n, ok := plainFloat(v)
	return n, whole && ok
}

func (d *plainDecoder) entities(t *Turn, f *plainField) {
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
