package transform

import (
	"strings"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// metrics sets the metrics column and makes the metric rows: one row per element of
// a list, none for a metric that is null.
func (b *builder) metrics() {
	b.metricJSON = b.appendJSON(b.metricJSON[:0], "metrics", b.c.Metrics)
	b.rows.Conversation.Metrics = warehouse.JSON(b.decoder.Copy(b.metricJSON))
	all := polyai.Value(b.metricJSON)
	if all.Kind() != polyai.Object {
		if all.Kind() != polyai.Absent {
			b.note("metrics", all, polyai.DriftUnread)
		}
		return
	}
	// The canonical form is sorted and has no duplicates, so neither have the rows.
	for quoted, v := range all.RawMembers() {
		name, _ := b.decoder.Text(quoted)
		switch {
		case len(name) > maxKeyBytes:
			b.note("metrics", v, DriftLongName)
		case v.Kind() == polyai.Null:
		case v.Kind() == polyai.Array:
			ordinal := int64(0)
			for element := range v.Elements() {
				b.metric(name, ordinal, element)
				ordinal++
			}
		default:
			b.metric(name, 0, v)
		}
	}
	b.rows.Metrics = append(b.rows.Metrics, b.metricRows...)
}

func (b *builder) metric(name string, ordinal int64, v polyai.Value) {
	row := warehouse.Metric{
		ProjectID:      b.project,
		ConversationID: b.c.ID,
		Name:           name,
		Ordinal:        ordinal,
		StartedAt:      b.start,
	}
	if value, at, ok := recorded(v); ok {
		v = value
		row.RecordedAt = warehouse.Some(at)
	}
	row.Value = b.text("metrics", v)
	text := string(row.Value)
	switch v.Kind() {
	case polyai.String:
		if number, ok := polyai.ParseNumber(text); ok {
			row.ValueNumber = warehouse.Some(number)
		} else if at, ok := polyai.ParseTime(text); ok {
			row.ValueAt = warehouse.Some(warehouse.Timestamp(at))
		}
		row.ValueBoolean = parseBool(text)
	case polyai.Number:
		if number, ok := polyai.ParseNumber(text); ok {
			row.ValueNumber = warehouse.Some(number)
		}
	case polyai.Bool:
		row.ValueBoolean = parseBool(text)
	}
	b.metricRows = append(b.metricRows, row)
}

// recorded reads a value with the time of its recording: {"timestamp": …,
// "value": …}. ok is false for any other form.
func recorded(v polyai.Value) (value polyai.Value, at warehouse.Timestamp, ok bool) {
	if v.Kind() != polyai.Object {
		return nil, 0, false
	}
	var timed bool
	for name, m := range v.Members() {
		switch name {
		case "timestamp":
			micros, parsed := polyai.ParseTime(m.Text())
			at, timed = warehouse.Timestamp(micros), parsed && m.Kind() == polyai.String
		case "value":
			value = m
		default:
			return nil, 0, false
		}
	}
	return value, at, timed && len(value) > 0
}

func parseBool(s string) warehouse.Null[bool] {
	switch {
	case strings.EqualFold(s, "true"):
		return warehouse.Some(true)
	case strings.EqualFold(s, "false"):
		return warehouse.Some(false)
	}
	return warehouse.Null[bool]{}
}
