package polyai

// Decode reads one conversation in any form that the API is known to return. It
// returns a [*RejectError] if the value is not an object, has no id, has no readable
// start, or is the stub of a conversation that was too large.
func Decode(v Value) (*Conversation, error) {
	if v.Kind() != Object {
		return nil, &RejectError{Reason: RejectNotAnObject}
	}
	d := decoder{c: &Conversation{}}
	for name, value := range v.members() {
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

// decoder reads one conversation. The raw value of a field that cannot be read is
// stored in the Extra of the turn or the conversation.
type decoder struct {
	c       *Conversation
	started bool
	scratch []byte // name of the member, without quotes
	// Fields that the source spells in more than one way.
	environment, deployment, finished, score, summaries spellings
}

// name returns the name of a member. It allocates no memory unless the name has
// escapes or is not ASCII.
func (d *decoder) name(quoted Value) []byte {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' || c >= 0x80 {
			d.scratch = append(d.scratch[:0], quoted.Text()...)
			return d.scratch
		}
	}
	return inner
}

func (d *decoder) member(quoted, v Value) {
	c := d.c
	f := field{d: d, extra: &c.Extra, quoted: quoted, v: v}
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

func (d *decoder) moreMember(f *field) {
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

func (v Value) scalar() bool { return v.Kind() != Object && v.Kind() != Array }
