package polyai

import "strings"

// Decode reads one conversation in any form that the API is known to return. It
// returns a [*RejectError] if the value is not an object, has no id, has no readable
// start, or is the stub of a conversation that was too large.
func Decode(v Value) (*Conversation, error) { return new(Decoder).Decode(v) }

// Decoder reads conversations one after another, and reuses its memory.
type Decoder struct {
	// Texts holds the text of the conversation. It can take more until the next
	// conversation.
	Texts

	c       Conversation
	in      cursor
	started bool
	choice  field  // see choose
	scratch []byte // see bytes
	// Fields that the source spells in more than one way.
	environment, deployment, finished, score, summaries spellings
}

// Decode is [Decode] with the memory of the decoder: the conversation is valid until
// the next call. Its text remains valid.
func (d *Decoder) Decode(v Value) (*Conversation, error) {
	d.reset(v)
	if v.Kind() != Object {
		return nil, &RejectError{Reason: RejectNotAnObject}
	}
	for d.in.enter(); ; {
		name, more := d.in.member()
		if !more {
			break
		}
		if string(d.bytes(name)) == "turns" && d.in.kind() == Array {
			d.turns()
			continue
		}
		f := field{d: d, extra: &d.c.Extra, quoted: name, v: d.in.value()}
		d.member(&f)
	}
	d.resolve()
	return d.result()
}

// reset prepares for the next conversation.
func (d *Decoder) reset(v Value) {
	d.c = Conversation{Turns: d.c.Turns[:0], Extra: d.c.Extra[:0], Drift: d.c.Drift[:0]}
	d.in, d.choice, d.started = cursor{v: v}, field{}, false
	d.environment, d.deployment, d.finished = spellings{}, spellings{}, spellings{}
	d.score, d.summaries = spellings{}, spellings{}
	d.Start(len(v) / 2) // what remains without names, times and numbers
}

// Release forgets the last conversation, so that the decoder does not keep the response
// alive, but keeps its memory for the next one.
func (d *Decoder) Release() {
	turns := d.c.Turns[:cap(d.c.Turns)] // a second list of turns may have been shorter
	for i := range turns {
		t := &turns[i]
		extra, entities := t.Extra[:cap(t.Extra)], t.Entities[:cap(t.Entities)]
		clear(extra)
		clear(entities)
		*t = Turn{Extra: extra[:0], Entities: entities[:0]}
	}
	clear(d.c.Extra[:cap(d.c.Extra)])
	clear(d.c.Drift[:cap(d.c.Drift)])
	d.reset(nil)
}

func (d *Decoder) result() (*Conversation, error) {
	c := &d.c
	if isStub(c) {
		return nil, &RejectError{Reason: RejectTooLarge, ID: c.ID, StartedAt: Optional[Micros]{V: c.StartedAt, Valid: d.started}}
	}
	if c.ID == "" {
		return nil, &RejectError{Reason: RejectNoID, StartedAt: Optional[Micros]{V: c.StartedAt, Valid: d.started}}
	}
	if !d.started {
		return nil, &RejectError{Reason: RejectNoStart, ID: c.ID}
	}
	return c, nil
}

// bytes returns the bytes of [Value.Text]. They are valid until the next call.
func (d *Decoder) bytes(t token) []byte {
	if t.Kind() != String {
		return t.Value
	}
	inner := t.Value[1 : len(t.Value)-1]
	if t.plain || isText(inner) {
		return inner
	}
	d.scratch, _ = appendUnquoted(d.scratch[:0], inner)
	return d.scratch
}

func (d *Decoder) member(f *field) {
	c := &d.c
	switch string(d.bytes(f.quoted)) {
	case "id":
		c.ID = strings.Clone(f.text()) // ids are kept for longer than rows
	case "account_id":
		c.AccountID = f.text()
	case "project_id":
		c.ProjectID = f.text()
	case "environment":
		d.environment.note(0, f)
	case "client_env":
		d.environment.note(1, f)
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
		d.deployment.note(0, f)
	case "deploymentId":
		d.deployment.note(1, f)
	case "started_at":
		at := f.time()
		c.StartedAt, d.started = at.V, at.Valid
	case "finished_at":
		d.finished.note(0, f)
	case "finishedAt":
		d.finished.note(1, f)
	case "in_progress":
		c.InProgress = f.bool()
	default:
		d.moreMember(f)
	}
}

func (d *Decoder) moreMember(f *field) {
	c := &d.c
	switch string(d.bytes(f.quoted)) {
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
		c.Tags = f.v.Value
	case "metrics":
		c.Metrics = f.v.Value
	case "state":
		c.State = f.v.Value
	case "turns":
		c.Turns = c.Turns[:0] // the last duplicate wins
		if f.v.Kind() != Null {
			f.keep(DriftUnread)
		}
	default:
		f.keep(DriftUnknown)
	}
}
