package transform

import (
	"cmp"
	"slices"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

func (b *builder) turns() {
	if len(b.c.Turns) == 0 {
		return
	}
	b.rows.Turns = slices.Grow(b.rows.Turns, len(b.c.Turns))[:len(b.c.Turns)]
	for i := range b.c.Turns {
		b.turn(i, &b.c.Turns[i], &b.rows.Turns[i])
		b.entities(i, b.c.Turns[i].Entities)
	}
	b.rows.Entities = append(b.rows.Entities, b.entityRows...)
}

func (b *builder) turn(index int, t *polyai.Turn, row *warehouse.Turn) {
	*row = warehouse.Turn{
		ProjectID:            b.project,
		ConversationID:       b.c.ID,
		TurnIndex:            int64(index),
		StartedAt:            b.start,
		TurnID:               nullable(t.TurnID),
		UserInput:            warehouse.Text(t.UserInput),
		UserInputDTMF:        warehouse.Text(t.UserInputDTMF),
		UserInputAt:          timestamp(t.UserInputAt),
		AgentResponse:        warehouse.Text(t.AgentResponse),
		AgentResponseAt:      timestamp(t.AgentResponseAt),
		LatencySeconds:       nullable(t.LatencySeconds),
		LatencyLabel:         warehouse.Text(t.LatencyLabel),
		LatencyPercentile1d:  nullable(t.LatencyPercentile1d),
		TranslatedUserInput:  warehouse.Text(t.TranslatedUserInput),
		EnglishAgentResponse: warehouse.Text(t.EnglishAgentResponse),
		UserLanguage:         warehouse.Text(t.UserLanguage),
		AgentLanguage:        warehouse.Text(t.AgentLanguage),
		IsOOD:                nullable(t.IsOOD),
		IsSilence:            nullable(t.IsSilence),
		BargeIn:              nullable(t.BargeIn),
		Intents:              b.list("turns[].intents", "turns[].intents[]", t.Intents),
		UserAudioURL:         warehouse.Text(t.UserAudioURL),
		Extra:                b.extra("turns[].extra", t.Extra),
	}
	if t.UserInputAt.Valid && t.AgentResponseAt.Valid {
		row.ResponseGapSeconds = warehouse.Some(float64(t.AgentResponseAt.V-t.UserInputAt.V) / 1e6)
	}
}

// entities makes the entity rows of a turn, ordered by key: one row per element of a
// list, none for a value that is null.
func (b *builder) entities(turn int, entities []polyai.Entity) {
	from := len(b.entityRows)
	add := func(name string, value warehouse.Text) {
		b.entityRows = append(b.entityRows, warehouse.Entity{
			ProjectID:      b.project,
			ConversationID: b.c.ID,
			TurnIndex:      int64(turn),
			Name:           name,
			StartedAt:      b.start,
			Value:          value,
		})
	}
	for _, e := range entities {
		switch {
		case len(e.Name) > maxKeyBytes:
			b.keepEntity(turn, e)
		case e.Value.Kind() == polyai.Null || e.Value.Kind() == polyai.Absent:
		case e.Value.Kind() == polyai.Array:
			for v := range e.Value.Elements() {
				add(e.Name, b.text("turns[].entities[]", v))
			}
		default:
			add(e.Name, b.text("turns[].entities", e.Value))
		}
	}
	rows := b.entityRows[from:]
	slices.SortStableFunc(rows, func(x, y warehouse.Entity) int { return cmp.Compare(x.Name, y.Name) })
	for i := 1; i < len(rows); i++ {
		if rows[i].Name == rows[i-1].Name {
			rows[i].Ordinal = rows[i-1].Ordinal + 1
		}
	}
}

// keepEntity stores an entity whose name is too long for a key in the turn's extra.
func (b *builder) keepEntity(turn int, e polyai.Entity) {
	t := &b.c.Turns[turn]
	object := append(append(append([]byte{'{'}, quote(e.Name)...), ':'), e.Value...)
	t.Extra = append(t.Extra, polyai.Member{Name: "entities", Value: append(object, '}')})
	b.note("turns[].entities", e.Value, DriftLongName)
	b.rows.Turns[turn].Extra = b.extra("turns[].extra", t.Extra)
}

// text returns a scalar as text, and an object or a list as canonical JSON text. It
// is NULL for null and "".
func (b *builder) text(path string, v polyai.Value) warehouse.Text {
	switch v.Kind() {
	case polyai.Null, polyai.Absent:
		return ""
	case polyai.String:
		s, replaced := b.decoder.Text(v)
		if replaced {
			b.note(path, v, polyai.DriftReplaced)
		}
		return warehouse.Text(s)
	case polyai.Object, polyai.Array:
		return warehouse.Text(b.json(path, v))
	}
	return warehouse.Text(b.decoder.Copy(v))
}

// list returns a list of text; NULL for null. An element that is null becomes "". A
// single value becomes a list of one element. elements is the path of the elements.
func (b *builder) list(path, elements string, v polyai.Value) warehouse.List {
	from := len(b.texts)
	switch v.Kind() {
	case polyai.Null, polyai.Absent:
		return nil
	case polyai.Array:
		for element := range v.Elements() {
			b.addText(string(b.text(elements, element)))
		}
	default:
		one := b.text(path, v)
		if one == "" {
			return nil
		}
		b.addText(string(one))
	}
	if len(b.texts) == from {
		return warehouse.List{}
	}
	return b.texts[from:len(b.texts):len(b.texts)]
}

// addText adds a text to the block of texts, of which lists are parts.
func (b *builder) addText(s string) {
	if b.texts == nil {
		b.texts = make([]string, 0, len(b.c.Turns)+1)
	}
	b.texts = append(b.texts, s)
}
