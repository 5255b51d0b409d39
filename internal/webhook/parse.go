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

// errNoEvent says that a body is no event. It says nothing of the body.
var errNoEvent = errors.New("the body is not a JSON object")

// What an event is about.
type topic int

const (
	topicOther topic = iota
	topicCall
	topicAlert
)

// parsed is what a body tells. Only alert events are documented, and not what
// is in them: it is looked for under all the names that the other APIs use.
type parsed struct {
	typ              string
	account, project string // as given
	conversation     string
	startedAt        warehouse.Null[warehouse.Timestamp]
	occurredAt       warehouse.Null[warehouse.Timestamp]
	alert            warehouse.ActiveAlert // as far as it is told
	payload          warehouse.JSON
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
		typ: f.text("type", "eventtype", "event", "eventname"), account: f.text("accountid", "account.id", "workspaceid"),
		project:      f.text("projectid", "agentid", "project.id", "agent.id", "project", "agent"),
		conversation: f.text("conversationid", "callsid", "callid", "conversation.id", "call.id", "call.sid", "conversation"),
		startedAt:    f.time("startedat", "starttime", "callstartedat", "conversationstartedat", "callstarttime"),
		occurredAt:   f.time("occurredat", "createdat", "timestamp", "time", "sentat"),
	}
	p.payload, _ = warehouse.Canonical(string(body))
	p.topic = topicOf(p.typ)
	switch p.topic {
	case topicAlert:
		p.readAlert(f)
	case topicCall:
		p.conversation = cmp.Or(p.conversation, f.text("data.id", "object.id", "payload.id"))
	}
	return p, nil
}

// topicOf tells by the words of a type what it is about.
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

// readAlert takes what is told of an alert.
func (p *parsed) readAlert(f fields) {
	rule := f.text("alertruleid", "ruleid", "alertrule.id", "rule.id")
	p.alert = warehouse.ActiveAlert{
		AlertID: f.text("alertid", "alert.id", "incidentid"), RuleID: warehouse.Text(rule),
		Name:     warehouse.Text(f.text("name", "rulename", "alertname", "alert.name", "alertrule.name", "rule.name")),
		Severity: warehouse.Text(f.text("severity", "priority")), Metric: warehouse.Text(f.text("metric")),
		Operator: warehouse.Text(f.text("operator")), ThresholdValue: f.number("thresholdvalue", "threshold"),
		WindowDuration: warehouse.Text(f.text("windowduration", "window")), CurrentValue: f.number("currentvalue", "value"),
		TriggeredAt: f.time("triggeredat", "since"), ResolvedAt: f.time("resolvedat"),
	}
	p.alert.AlertID = cmp.Or(p.alert.AlertID, rule, f.text("data.id", "object.id", "payload.id"), string(p.alert.Name))
	state := strings.ToLower(f.text("status", "state", "currentstate"))
	p.resolved = strings.Contains(strings.ToLower(p.typ), "resolv") || !strings.Contains(strings.ToLower(p.typ), "trigger") &&
		(state == "resolved" || state == "ok")
	if p.resolved && !p.alert.ResolvedAt.Valid && !f.has("triggeredat") {
		// Since when the rule is as it is now: resolved.
		p.alert.ResolvedAt, p.alert.TriggeredAt = p.alert.TriggeredAt, warehouse.Null[warehouse.Timestamp]{}
	}
}

// fields are the values of a body by their names in small letters and digits:
// of the outermost level that has the name, and, for what lies in an object,
// also by that object's name before a dot.
type fields map[string]any

// levels is how deep is looked: an envelope, its data, and an object in that.
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

// object is an object of a body, with the name that it has there.
type object struct {
	name    string
	members map[string]any
}

// byOwner are names that say nothing without the object that has them.
var byOwner = map[string]bool{"id": true, "sid": true}

func (f fields) put(name string, value any) {
	if _, there := f[name]; !there && value != nil && value != "" {
		f[name] = value
	}
}

// plain is a name in small letters and digits: project_id and projectId are one.
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

// maxText bounds what is taken out of a body for a column of its own.
const maxText = 500

// text is the first of the names that has text, or a number.
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

// time is a time in any of the forms that the other APIs use: ISO 8601, with or
// without a zone, or Unix seconds or milliseconds.
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

// plausible leaves out what can be no time of an event.
func plausible(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2200 }
