package webhook

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"convsync/internal/warehouse"
)

// errNoEvent is returned for a body that is not an event. It contains nothing of
// the body.
var errNoEvent = errors.New("the body is not a JSON object")

// The topics of events.
type topic int

const (
	topicOther topic = iota
	topicCall
	topicAlert
)

// parsed is the content of a body. The source documents alert events only, and not
// their fields, so values are looked up by all names that its other APIs use.
type parsed struct {
	typ              string
	account, project string // as given
	conversation     string
	startedAt        warehouse.Null[warehouse.Timestamp]
	occurredAt       warehouse.Null[warehouse.Timestamp]
	alert            warehouse.ActiveAlert // the known fields
	body             warehouse.JSON        // without rules
	topic            topic
	resolved         bool // of an alert
}

// parse reads a body.
func parse(body []byte) (*parsed, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var top map[string]any
	if err := decoder.Decode(&top); err != nil || top == nil {
		return nil, errNoEvent
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoEvent
	}
	f := flatten(top)
	p := &parsed{
		typ:          f.text("type", "eventtype", "event", "eventname"),
		account:      f.text("accountid", "account.id", "workspaceid"),
		project:      f.text("projectid", "agentid", "project.id", "agent.id", "project", "agent"),
		conversation: f.text("conversationid", "callsid", "callid", "conversation.id", "call.id", "call.sid", "conversation"),
		startedAt:    f.time("startedat", "starttime", "callstartedat", "conversationstartedat", "callstarttime"),
		occurredAt:   f.time("occurredat", "createdat", "timestamp", "time", "sentat"),
	}
	p.body, _ = warehouse.Canonical(string(body))
	p.topic = topicOf(p.typ)
	switch p.topic {
	case topicAlert:
		p.readAlert(f)
	case topicCall:
		p.conversation = cmp.Or(p.conversation, f.text("data.id", "object.id", "payload.id"))
	}
	return p, nil
}

// topicOf derives the topic from the words of a type.
func topicOf(typ string) topic {
	words := strings.FieldsFunc(strings.ToLower(typ), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for _, word := range words {
		switch strings.TrimSuffix(word, "s") {
		case "alert":
			return topicAlert
		case "call", "conversation", "handoff":
			return topicCall
		}
	}
	return topicOther
}

// readAlert reads the fields of an alert.
func (p *parsed) readAlert(f fields) {
	rule := f.text("alertruleid", "ruleid", "alertrule.id", "rule.id")
	p.alert = warehouse.ActiveAlert{
		AlertID:        f.text("alertid", "alert.id", "incidentid"),
		RuleID:         warehouse.Text(rule),
		Name:           warehouse.Text(f.text("name", "rulename", "alertname", "alert.name", "alertrule.name", "rule.name")),
		Severity:       warehouse.Text(f.text("severity", "priority")),
		Metric:         warehouse.Text(f.text("metric")),
		Operator:       warehouse.Text(f.text("operator")),
		ThresholdValue: f.number("thresholdvalue", "threshold"),
		WindowDuration: warehouse.Text(f.text("windowduration", "window")),
		CurrentValue:   f.number("currentvalue", "value"),
		TriggeredAt:    f.time("triggeredat", "since"),
		ResolvedAt:     f.time("resolvedat"),
	}
	p.alert.AlertID = cmp.Or(p.alert.AlertID, rule, f.text("data.id", "object.id", "payload.id"), string(p.alert.Name))
	state := strings.ToLower(f.text("status", "state", "currentstate"))
	p.resolved = strings.Contains(strings.ToLower(p.typ), "resolv") || !strings.Contains(strings.ToLower(p.typ), "trigger") &&
		(state == "resolved" || state == "ok")
	if p.resolved && !p.alert.ResolvedAt.Valid && !f.has("triggeredat") {
		// Since when the rule has its current state, which is resolved.
		p.alert.ResolvedAt, p.alert.TriggeredAt = p.alert.TriggeredAt, warehouse.Null[warehouse.Timestamp]{}
	}
}

// fields are the values of a body by name, in lower-case letters and digits. The
// outermost value of a name counts; a value in an object also has the key
// object.name.
type fields map[string]any

// levels is the depth of the search: an envelope, its data, and an object in it.
const levels = 4

func flatten(top map[string]any) fields {
	f := fields{}
	level := []object{{"", top}}
	for range levels {
		var next []object
		for _, o := range level {
			for _, name := range slices.Sorted(maps.Keys(o.members)) {
				if inner, ok := o.members[name].(map[string]any); ok {
					next = append(next, object{plain(name), inner})
					continue
				}
				f.put(o.name+"."+plain(name), o.members[name])
				if !byOwner[plain(name)] {
					f.put(plain(name), o.members[name])
				}
			}
		}
		level = next
	}
	return f
}

// object is an object of a body, with its name.
type object struct {
	name    string
	members map[string]any
}

// byOwner are names that have a meaning only with the name of their object.
var byOwner = map[string]bool{"id": true, "sid": true}

func (f fields) put(name string, value any) {
	if _, there := f[name]; !there && value != nil && value != "" {
		f[name] = value
	}
}

// plain reduces a name to lower-case letters and digits, so that project_id and
// projectId are equal.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

func (f fields) has(name string) bool { return f[name] != nil }

// maxText is the maximum size of a value that gets its own column, in bytes.
const maxText = 500

// text returns the first value of the names that is a text or a number.
func (f fields) text(names ...string) string {
	for _, name := range names {
		text := ""
		switch v := f[name].(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		}
		text = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
		if text != "" && len(text) <= maxText {
			return text
		}
	}
	return ""
}

func (f fields) number(names ...string) (n warehouse.Null[float64]) {
	if v, err := strconv.ParseFloat(f.text(names...), 64); err == nil && v-v == 0 {
		n = warehouse.Some(v)
	}
	return n
}

// time parses a time in any form that the other APIs use: ISO 8601 with or without
// a zone, Unix seconds, or Unix milliseconds.
func (f fields) time(names ...string) (at warehouse.Null[warehouse.Timestamp]) {
	for _, name := range names {
		if t, ok := parseTime(f.text(name)); ok {
			return warehouse.Some(warehouse.TimestampOf(t))
		}
	}
	return at
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, plausible(t)
		}
	}
	const milliseconds = 100_000_000_000 // as seconds, this is the year 5138
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n < milliseconds*1000) {
		return time.Time{}, false
	}
	if n < milliseconds {
		n *= 1000
	}
	t := time.UnixMilli(int64(n))
	return t, plausible(t)
}

// plausible reports whether t can be the time of an event.
func plausible(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2200 }
