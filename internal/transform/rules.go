package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// Rule changes conversations before they are stored, such as a privacy rule that
// masks phone numbers or drops a field. Its functions are deterministic,
// idempotent (stored values may pass through them again), safe for concurrent use,
// and write nothing into the bytes of a [polyai.Value].
type Rule struct {
	Name string // stable
	// Version changes whenever the rule can have another result. It covers the
	// settings of the rule as well.
	Version string
	// Conversation changes a decoded conversation: its columns, turns, entities and
	// metrics. It must not change the id, the start, or the number of turns, and not
	// keep the conversation, of which the memory is reused. Of a stored conversation,
	// it gets the parts that the source can hide: see [Options.Stored].
	Conversation func(*polyai.Conversation)
	// JSON changes all that is stored without being decoded: the payload of a
	// rejected conversation or of a webhook event. The result is well-formed JSON.
	JSON func(polyai.Value) polyai.Value
}

// Rules are applied in order. The zero value changes nothing.
type Rules []Rule

// Fingerprint identifies the rules with their versions and their order. It is ""
// if there are none.
func (rs Rules) Fingerprint() string {
	if len(rs) == 0 {
		return ""
	}
	h := sha256.New()
	for i := range rs {
		fmt.Fprintf(h, "%q %q\n", rs[i].Name, rs[i].Version)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Payload returns a well-formed JSON value in the form in which it is stored
// without being decoded: canonical, and changed by the rules.
func (rs Rules) Payload(v polyai.Value) warehouse.JSON {
	for i := range rs {
		if v = rs[i].JSON(v); !polyai.IsSound(v) {
			panic(fmt.Sprintf("transform: the result of rule %s is not JSON", rs[i].Name))
		}
	}
	canonical, _ := warehouse.Canonical(string(v))
	return canonical
}

// apply changes a decoded conversation.
func (rs Rules) apply(c *polyai.Conversation) {
	turns := len(c.Turns)
	for i := range rs {
		if rs[i].Conversation(c); len(c.Turns) != turns {
			panic(fmt.Sprintf("transform: rule %s changed the number of turns", rs[i].Name))
		}
	}
}

// Shape returns the transform version: that of this package, and the fingerprint of
// the rules. It is stored with the rows; data of another version is read again.
func (o *Options) Shape() string {
	if len(o.Rules) == 0 {
		return Shape
	}
	return Shape + "-" + o.Rules.Fingerprint()
}

// Stored returns a stored conversation as the current rules would have stored its
// turns, entities and metrics. These remain while the source hides them, and may
// have been stored with other rules. r does not change.
func (o *Options) Stored(r *warehouse.Rows) *warehouse.Rows {
	if len(o.Rules) == 0 {
		return r
	}
	c := decodedParts(r)
	o.Rules.apply(c)
	b := builder{
		o:       o,
		c:       c,
		rows:    &warehouse.Rows{},
		project: r.Conversation.ProjectID,
		start:   r.Conversation.StartedAt,
	}
	b.turns()
	b.metrics()
	for i := range b.rows.Turns {
		b.rows.Turns[i].TurnIndex = r.Turns[i].TurnIndex
	}
	for i := range b.rows.Entities {
		e := &b.rows.Entities[i]
		e.TurnIndex = r.Turns[e.TurnIndex].TurnIndex
	}
	ruled := *r
	ruled.Turns, ruled.Entities, ruled.Metrics = b.rows.Turns, b.rows.Entities, b.rows.Metrics
	ruled.Conversation.Metrics = b.rows.Conversation.Metrics
	warehouse.SummarizeLatency(&ruled.Conversation, ruled.Turns)
	return &ruled
}

// decodedParts returns the parts of a stored conversation as if they had been
// decoded, and the columns by which a rule may select conversations.
func decodedParts(r *warehouse.Rows) *polyai.Conversation {
	c := &r.Conversation
	decoded := &polyai.Conversation{
		ID:          c.ConversationID,
		StartedAt:   polyai.Micros(c.StartedAt),
		Environment: c.Environment,
		Channel:     string(c.Channel),
		Direction:   string(c.Direction),
		VariantID:   string(c.VariantID),
		Language:    string(c.Language),
		Metrics:     polyai.Value(c.Metrics),
		Turns:       make([]polyai.Turn, len(r.Turns)),
	}
	for i := range r.Turns {
		decoded.Turns[i] = decodedTurn(&r.Turns[i])
	}
	for i := range r.Entities {
		e := &r.Entities[i]
		ofTurn := func(t warehouse.Turn) bool { return t.TurnIndex == e.TurnIndex }
		if at := slices.IndexFunc(r.Turns, ofTurn); at >= 0 { // else it describes nothing
			t := &decoded.Turns[at]
			t.Entities = append(t.Entities, polyai.Entity{Name: e.Name, Value: quote(string(e.Value))})
		}
	}
	return decoded
}

func decodedTurn(t *warehouse.Turn) polyai.Turn {
	turn := polyai.Turn{
		TurnID:               optional(t.TurnID),
		UserInput:            string(t.UserInput),
		UserInputDTMF:        string(t.UserInputDTMF),
		UserInputAt:          optionalMicros(t.UserInputAt),
		AgentResponse:        string(t.AgentResponse),
		AgentResponseAt:      optionalMicros(t.AgentResponseAt),
		LatencySeconds:       optional(t.LatencySeconds),
		LatencyLabel:         string(t.LatencyLabel),
		LatencyPercentile1d:  optional(t.LatencyPercentile1d),
		TranslatedUserInput:  string(t.TranslatedUserInput),
		EnglishAgentResponse: string(t.EnglishAgentResponse),
		UserLanguage:         string(t.UserLanguage),
		AgentLanguage:        string(t.AgentLanguage),
		IsOOD:                optional(t.IsOOD),
		IsSilence:            optional(t.IsSilence),
		BargeIn:              optional(t.BargeIn),
		Intents:              quoteList(t.Intents),
		UserAudioURL:         string(t.UserAudioURL),
	}
	for name, value := range polyai.Value(t.Extra).Members() {
		turn.Extra = append(turn.Extra, polyai.Member{Name: name, Value: value})
	}
	return turn
}

// optional is the inverse of nullable.
func optional[T any](v warehouse.Null[T]) polyai.Optional[T] {
	return polyai.Optional[T]{V: v.V, Valid: v.Valid}
}

func optionalMicros(v warehouse.Null[warehouse.Timestamp]) polyai.Optional[polyai.Micros] {
	return polyai.Optional[polyai.Micros]{V: polyai.Micros(v.V), Valid: v.Valid}
}

// quoteList returns a list of text as JSON; nothing for NULL.
func quoteList(list warehouse.List) polyai.Value {
	if list == nil {
		return nil
	}
	v := polyai.Value{'['}
	for i, text := range list {
		if i > 0 {
			v = append(v, ',')
		}
		v = append(v, quote(text)...)
	}
	return append(v, ']')
}
