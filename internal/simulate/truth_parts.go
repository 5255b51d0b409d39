package simulate

import "slices"

func (c *conversation) turnTruth(i int) map[string]any {
	t := &c.turns[i]
	user, agent := t.userAt.value(), t.agentAt.value()
	row := map[string]any{
		"project_id": c.environment.project.ID, "conversation_id": c.id, "turn_index": int64(i), "started_at": timeOf(c.start),
		"turn_id": nil, "user_language": nil, "agent_language": nil, "user_audio_url": orNil(t.audio),
		"user_input": orNil(t.user.String()), "user_input_dtmf": orNil(t.dtmf), "user_input_at": user,
		"agent_response": orNil(t.agent.String()), "agent_response_at": agent,
		"latency_seconds": nil, "latency_label": nil, "latency_percentile_1d": nil, "response_gap_seconds": nil,
		"translated_user_input": orNil(t.translated.String()), "english_agent_response": orNil(t.english.String()),
		"is_ood": t.outside.value(), "is_silence": t.silent.value(), "barge_in": t.bargeIn.value(),
		"intents": t.storedIntents(), "extra": t.storedExtra(),
	}
	if t.recognised {
		row["turn_id"], row["user_language"], row["agent_language"] = int64(i)+1, languages[c.language], languages[c.language]
	}
	if t.latency.known() {
		row["latency_seconds"] = t.latency.seconds()
	}
	if t.latency.form == latencyRated {
		row["latency_label"], row["latency_percentile_1d"] = latencyLabel, latencyPercentile
	}
	if user != nil && agent != nil {
		row["response_gap_seconds"] = float64(t.agentAt.at-t.userAt.at) / 1e6
	}
	return row
}

func (t *turn) storedIntents() any {
	list := t.intents
	if t.intentForm != nil {
		list = t.intentForm.stored
	}
	if list == nil {
		return nil
	}
	return slices.Clone(list)
}

func (t *turn) storedExtra() any {
	var members []byte
	for i := range t.extra {
		m := &t.extra[i]
		members = append(append(appendQuoted(append(members, ','), m.name), ':'), m.side(stored)...)
	}
	if t.userAt.form == timeUnread {
		members = append(members, `,"user_input_datetime":"`+unreadTime+`"`...)
	}
	return object(members)
}

func (c *conversation) entityTruth(i int) []map[string]any {
	t := &c.turns[i]
	var pairs []entityRow
	switch {
	case t.entityForm != nil:
		pairs = t.entityForm.rows
	case t.entity[0] != "":
		pairs = []entityRow{{t.entity[0], t.entity[1]}}
	}
	var rows []map[string]any
	ordinal := int64(0)
	for j, p := range pairs {
		if ordinal++; j == 0 || pairs[j-1].name != p.name {
			ordinal = 0
		}
		rows = append(rows, map[string]any{
			"project_id": c.environment.project.ID, "conversation_id": c.id, "turn_index": int64(i),
			"name": p.name, "ordinal": ordinal, "started_at": timeOf(c.start), "value": p.value,
		})
	}
	return rows
}

// metricTruth returns the rows of a metric.
func (c *conversation) metricTruth(m *metric) []map[string]any {
	var values []metricRow
	switch m.kind {
	case metricOdd:
		values = m.form.rows
	case metricList:
		values = []metricRow{{value: orNil(m.text)}, {value: orNil(m.second)}}
	case metricNumber:
		values = []metricRow{{value: m.text, number: m.number}}
	case metricBoolean:
		values = []metricRow{{value: m.text, boolean: m.text == "true"}}
	case metricTime:
		said := moment{at: m.at}.append(nil)
		values = []metricRow{{value: string(said[1 : len(said)-1]), at: timeOf(m.at)}}
	default:
		values = []metricRow{{value: orNil(m.text)}}
	}
	var rows []map[string]any
	for i, v := range values {
		rows = append(rows, map[string]any{
			"project_id": c.environment.project.ID, "conversation_id": c.id, "name": m.name, "ordinal": int64(i),
			"started_at": timeOf(c.start), "value": v.value, "value_number": v.number, "value_boolean": v.boolean,
			"value_at": v.at, "recorded_at": v.recorded,
		})
	}
	return rows
}
