package simulate

import (
	"strconv"
)

// emptyForm is the JSON form of an empty text.
type emptyForm uint8

const (
	emptyText emptyForm = iota
	emptyNull
	emptyAbsent
)

// hiding is the form of hidden turns.
type hiding uint8

const (
	notHidden hiding = iota
	hideEmpty
	hideNull
)

// append writes the conversation. Without latency its turns carry none.
func (c *conversation) append(dst []byte, withLatency bool) []byte {
	if c.unreadable {
		return c.appendUnreadable(dst)
	}
	dst = appendQuoted(append(dst, `{"id":`...), c.id)
	dst = c.field(dst, "account_id", c.accountID)
	dst = c.field(dst, "project_id", c.projectID)
	dst = c.field(dst, "variant_id", c.variant.id)
	dst = c.field(dst, "variant_name", c.variant.name)
	dst = c.field(dst, "environment", c.envName)
	dst = moment{c.start, c.startForm}.append(append(dst, `,"started_at":`...))
	dst = c.field(dst, "channel", c.channel.name)
	dst = c.field(dst, "from_number", c.from)
	dst = c.field(dst, "to_number", c.to)
	dst = c.inProgress.append(append(dst, `,"in_progress":`...))
	dst = c.numTurns.append(append(dst, `,"num_turns":`...))
	dst = c.totalDuration.append(append(dst, `,"total_duration":`...))
	dst = c.agentDuration.append(append(dst, `,"polyai_duration":`...))
	dst = c.handoffSaid.append(append(dst, `,"handoff":`...))
	dst = c.field(dst, "handoff_reason", c.reason)
	dst = c.field(dst, "handoff_destination", c.destination)
	dst = c.numSilences.append(append(dst, `,"num_silences":`...))
	dst = c.numOOD.append(append(dst, `,"num_ood":`...))
	dst = c.field(dst, "note", c.note)
	dst = c.scored.append(dst)
	for i := range c.extra {
		dst = c.extra[i].append(append(dst, ','), wire)
	}
	dst = c.appendMetrics(append(dst, `,"metrics":`...), wire)
	dst = c.appendState(append(dst, `,"state":`...), wire)
	return append(c.appendTurns(append(dst, `,"turns":`...), withLatency), '}')
}

func (c *conversation) appendTurns(dst []byte, withLatency bool) []byte {
	switch c.hiddenTurns {
	case hideEmpty:
		return append(dst, "[]"...)
	case hideNull:
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i := range c.turns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.appendTurn(dst, i, withLatency)
	}
	return append(dst, ']')
}

func (c *conversation) appendTurn(dst []byte, i int, withLatency bool) []byte {
	t := &c.turns[i]
	dst = c.appendText(append(dst, `{"user_input":`...), &t.user)
	dst = append(dst, `,"user_input_dtmf":`...)
	dst = c.appendOr(dst, t.dtmf)
	dst = t.userAt.append(append(dst, `,"user_input_datetime":`...))
	dst = c.appendText(append(dst, `,"agent_response":`...), &t.agent)
	dst = t.agentAt.append(append(dst, `,"agent_response_datetime":`...))
	if withLatency {
		dst = t.latency.append(dst)
	}
	dst = c.appendText(append(dst, `,"translated_user_input":`...), &t.translated)
	dst = c.appendText(append(dst, `,"english_agent_response":`...), &t.english)
	dst = t.appendIntents(append(dst, `,"intents":`...))
	dst = t.appendEntities(append(dst, `,"entities":`...))
	dst = t.outside.append(append(dst, `,"is_ood":`...))
	dst = t.silent.append(append(dst, `,"is_silence":`...))
	dst = t.bargeIn.append(append(dst, `,"barge_in":`...))
	if t.recognised {
		dst = append(append(append(dst, `,"asr_lang_code":"`...), languages[c.language]...), '"')
		dst = append(append(append(dst, `,"tts_lang_code":"`...), languages[c.language]...), '"')
		dst = strconv.AppendInt(append(dst, `,"turn_id":`...), int64(i)+1, 10)
	}
	if t.audio != "" {
		dst = appendQuoted(append(dst, `,"user_input_audio_url":`...), t.audio)
	}
	for j := range t.extra {
		dst = t.extra[j].append(append(dst, ','), wire)
	}
	return append(dst, '}')
}

func (t *turn) appendIntents(dst []byte) []byte {
	if t.intentForm != nil {
		return append(dst, t.intentForm.wire...)
	}
	dst = append(dst, '[')
	for i, intent := range t.intents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, intent)
	}
	return append(dst, ']')
}

func (t *turn) appendEntities(dst []byte) []byte {
	switch {
	case t.entityForm != nil:
		return append(dst, t.entityForm.wire...)
	case t.entity[0] == "":
		return append(dst, "[]"...)
	}
	dst = appendQuoted(append(dst, "[{"...), t.entity[0])
	dst = appendQuoted(append(dst, ':'), t.entity[1])
	return append(dst, "}]"...)
}

// side is a form of a value: as the source sends it, or as a warehouse should store
// it. These differ if a value cannot be stored as it is sent.
type side bool

const (
	wire   side = false
	stored side = true
)

func (c *conversation) appendMetrics(dst []byte, s side) []byte {
	dst = append(dst, '{')
	if c.hiddenMetrics {
		return append(dst, '}')
	}
	for i := range c.metrics {
		m := &c.metrics[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, m.name), ':')
		switch m.kind {
		case metricOdd:
			dst = m.form.append(dst, s)
		case metricList:
			dst = appendQuoted(append(dst, '['), m.text)
			dst = append(appendQuoted(append(dst, ','), m.second), ']')
		case metricTime:
			dst = moment{at: m.at}.append(dst)
		default:
			dst = appendQuoted(dst, m.text)
		}
	}
	return append(dst, '}')
}

func (c *conversation) appendState(dst []byte, s side) []byte {
	dst = appendQuoted(append(dst, `{"from_":`...), c.from)
	dst = appendQuoted(append(dst, `,"to":`...), c.to)
	dst = appendQuoted(append(dst, `,"call_sid":`...), c.callSID)
	dst = appendQuoted(append(dst, `,"customer_name":`...), placeholderValues[placeholderName][0][c.caller])
	dst = appendQuoted(append(dst, `,"topic":`...), c.topic)
	dst = appendQuoted(append(dst, `,"language":`...), languages[c.language])
	dst = strconv.AppendInt(append(dst, `,"attempts":`...), int64(c.head.turns%3), 10)
	dst = append(dst, `,"flags":{"vip":false,"opted_in":true},"slots":[]`...)
	if c.nasty != nil {
		dst = append(append(dst, `,"custom":`...), c.nasty.side(s)...)
	}
	return append(dst, '}')
}

// field appends a member with a text.
func (c *conversation) field(dst []byte, name, value string) []byte {
	if value == "" && c.empty == emptyAbsent {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return c.appendOr(dst, value)
}

func (c *conversation) appendOr(dst []byte, value string) []byte {
	if value == "" && c.empty != emptyText {
		return append(dst, "null"...)
	}
	return appendQuoted(dst, value)
}

func (c *conversation) appendText(dst []byte, t *text) []byte {
	switch {
	case t.odd != nil:
		return append(dst, t.odd.wire...)
	case c.empty != emptyText && t.isEmpty():
		return append(dst, "null"...)
	}
	// Phrases need no escapes, which a test checks.
	dst = append(append(dst, '"'), t.before...)
	return append(append(append(dst, t.placeholder...), t.after...), '"')
}

func (b boolean) append(dst []byte) []byte {
	return append(dst, [...]string{"null", "false", "true"}[b]...)
}

// appendQuoted writes valid UTF-8 as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		if c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
			continue
		}
		dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(append(dst, s[from:]...), '"')
}
