package transform

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// Shape is the version of this package: the transform version while there are no
// rules. See [Options.Shape].
const Shape = "2"

// maxKeyBytes limits the parts of a key: a B-tree entry in Postgres has at most
// 2,704 bytes, and an id and a name share one.
const maxKeyBytes = 1000

// Options describe the request. Rows contain the ids that were requested, not those
// of the response, which may differ.
type Options struct {
	AccountID string // as requested
	ProjectID string // as requested
	StoreAs   string // project id to store; default ProjectID
	// Environment is the requested environment: live, sandbox or pre-release.
	Environment string
	APIVersion  string // such as v3
	// PhoneRegion is the ISO country of phone numbers without a country code. If it is
	// "", these remain unchanged.
	PhoneRegion string
	// AudioBaseURL is the build host, such as https://api.uk.poly.ai. If it is "",
	// audio URLs are NULL, with a reason.
	AudioBaseURL string
	// Audio lists the kinds of recordings that each voice conversation gets an audio
	// reference for; none if it is empty. They are not part of the content hash.
	Audio []AudioKind
	// Rules change what is stored. They are empty unless configured.
	Rules Rules
}

// AudioKind is a kind of recording of a conversation.
type AudioKind struct {
	Direction string // combined, user or agent
	Redacted  bool
}

// DriftLongName is the drift of a name that is too long for a key. It gets no row
// and remains in its JSON column. Package polyai declares the other kinds.
const DriftLongName polyai.DriftKind = "name_too_long"

// RejectLongID is the reject reason of an id that is too long for a key.
const RejectLongID = "id_too_long"

// maxJSONBytes limits a JSON column: it is the limit of Postgres for a string or
// the content of an object in a jsonb value.
const maxJSONBytes = 1<<28 - 1

// RejectLargeJSON is the reject reason of a conversation with a JSON column that is
// too large.
const RejectLargeJSON = "json_too_large"

// Rows decodes a conversation, applies the rules, and makes its rows. A
// conversation in progress that started before openSince is past the age limit, and
// is abandoned. Rows returns a
// [*polyai.RejectError] for a conversation that cannot be read or stored.
func Rows(v polyai.Value, o *Options, openSince warehouse.Timestamp) (*warehouse.Rows, []polyai.Drift, error) {
	b := builders.Get().(*builder)
	rows, drift, err := b.build(v, o, openSince)
	if len(v) <= maxPooledBytes { // a builder that panicked is not used again
		b.release()
		builders.Put(b)
	}
	return rows, drift, err
}

// builders reuse the memory of decoding: that of the turns alone is as large as a
// conversation.
var builders = sync.Pool{New: func() any { return new(builder) }}

// maxPooledBytes is the size of the largest conversation after which a builder is reused.
const maxPooledBytes = 1 << 20

func (b *builder) build(v polyai.Value, o *Options, openSince warehouse.Timestamp) (*warehouse.Rows, []polyai.Drift, error) {
	c, err := b.decoder.Decode(v)
	if err != nil {
		return nil, nil, err
	}
	if len(c.ID) > maxKeyBytes {
		return nil, nil, &polyai.RejectError{Reason: RejectLongID, ID: cut(c.ID, maxKeyBytes), StartedAt: polyai.Some(c.StartedAt)}
	}
	o.Rules.apply(c)
	b.o, b.c, b.openSince = o, c, openSince
	b.rows = warehouse.NewRows()
	b.drift = append([]polyai.Drift(nil), c.Drift...)
	b.project = o.ProjectID
	if o.StoreAs != "" {
		b.project = o.StoreAs
	}
	b.start = warehouse.Timestamp(c.StartedAt)
	b.turns()
	b.metrics()
	b.conversation()
	b.audio()
	if b.tooLarge() {
		return nil, nil, &polyai.RejectError{Reason: RejectLargeJSON, ID: c.ID, StartedAt: polyai.Some(c.StartedAt)}
	}
	b.rows.Conversation.ContentHash = b.rows.Hash()
	return b.rows, b.drift, nil
}

// release forgets the conversation and its rows, and keeps the memory for the next one.
func (b *builder) release() {
	b.decoder.Release()
	clear(b.entityRows)
	clear(b.metricRows)
	*b = builder{
		decoder:    b.decoder,
		object:     b.object,
		canonical:  b.canonical,
		metricJSON: b.metricJSON,
		entityRows: b.entityRows[:0],
		metricRows: b.metricRows[:0],
	}
}

// tooLarge reports whether a JSON column exceeds the limit of a destination.
func (b *builder) tooLarge() bool {
	c := &b.rows.Conversation
	largest := max(len(c.Metrics), len(c.State), len(c.Extra))
	for i := range b.rows.Turns {
		largest = max(largest, len(b.rows.Turns[i].Extra))
	}
	return largest > maxJSONBytes
}

// cut truncates text to at most the given number of bytes, and drops a character
// that would be split.
func cut(s string, most int) string { return strings.ToValidUTF8(s[:most], "") }

// builder makes the rows of one conversation.
type builder struct {
	decoder   polyai.Decoder
	o         *Options
	openSince warehouse.Timestamp
	c         *polyai.Conversation
	project   string
	start     warehouse.Timestamp
	rows      *warehouse.Rows
	drift     []polyai.Drift

	// Memory that the next conversation reuses, such as rows of which the number is not
	// known in advance.
	object, canonical, metricJSON []byte
	entityRows                    []warehouse.Entity
	metricRows                    []warehouse.Metric
	texts                         []string // of lists: the end of a block that the rows own
}

func (b *builder) conversation() {
	c := b.c
	direction := b.direction()
	b.rows.Conversation = warehouse.Conversation{
		AccountID:             b.o.AccountID,
		ProjectID:             b.project,
		ConversationID:        c.ID,
		Environment:           b.o.Environment,
		Channel:               warehouse.Text(c.Channel),
		ChannelFamily:         channelFamily(c.Channel),
		Direction:             direction,
		VariantID:             warehouse.Text(c.VariantID),
		VariantName:           warehouse.Text(c.VariantName),
		FromNumber:            warehouse.Text(c.FromNumber),
		ToNumber:              warehouse.Text(c.ToNumber),
		CustomerNumber:        customerNumber(direction, c.FromNumber, c.ToNumber, b.o.PhoneRegion),
		Language:              warehouse.Text(c.Language),
		DeploymentID:          warehouse.Text(c.DeploymentID),
		StartedAt:             b.start,
		FinishedAt:            b.finishedAt(),
		InProgress:            nullable(c.InProgress),
		Lifecycle:             b.lifecycle(),
		TotalDurationSeconds:  nullable(c.TotalDurationSeconds),
		PolyAIDurationSeconds: nullable(c.PolyAIDurationSeconds),
		NumTurns:              nullable(c.NumTurns),
		TurnsLoaded:           int64(len(c.Turns)),
		TranscriptStatus:      transcriptStatus(c),
		Handoff:               nullable(c.Handoff),
		HandoffReason:         warehouse.Text(c.HandoffReason),
		HandoffDestination:    warehouse.Text(c.HandoffDestination),
		NumSilences:           nullable(c.NumSilences),
		NumOOD:                nullable(c.NumOOD),
		PolyScore:             nullable(c.PolyScore),
		SummaryHeading:        warehouse.Text(c.SummaryHeading),
		Summary:               warehouse.Text(c.Summary),
		Tags:                  b.list("tags", "tags[]", c.Tags),
		Note:                  warehouse.Text(c.Note),
		Metrics:               b.rows.Conversation.Metrics,
		State:                 b.json("state", c.State),
		Extra:                 b.conversationExtra(),
		APIVersion:            b.o.APIVersion,
		Shape:                 b.o.Shape(),
	}
	warehouse.SummarizeLatency(&b.rows.Conversation, b.rows.Turns)
}

// nullable converts a value to the type of the warehouse.
func nullable[T any](v polyai.Optional[T]) warehouse.Null[T] {
	return warehouse.Null[T]{V: v.V, Valid: v.Valid}
}

func timestamp(v polyai.Optional[polyai.Micros]) warehouse.Null[warehouse.Timestamp] {
	return warehouse.Null[warehouse.Timestamp]{V: warehouse.Timestamp(v.V), Valid: v.Valid}
}

func (b *builder) inProgress() bool { return b.c.InProgress.Valid && b.c.InProgress.V }

func (b *builder) lifecycle() string {
	switch {
	case !b.inProgress():
		return warehouse.LifecycleFinal
	case b.start < b.openSince:
		return warehouse.LifecycleAbandoned
	}
	return warehouse.LifecycleOpen
}

// maxSeconds is the longest total duration from which an end is computed: 31 years.
const maxSeconds = 1e9

func (b *builder) finishedAt() warehouse.Null[warehouse.Timestamp] {
	total := b.c.TotalDurationSeconds
	switch {
	case b.c.FinishedAt.Valid:
		return timestamp(b.c.FinishedAt)
	case b.inProgress() || !total.Valid || total.V < 0 || total.V > maxSeconds:
		return warehouse.Null[warehouse.Timestamp]{}
	}
	return computedTime(b.start, b.start+warehouse.Timestamp(total.V*1e6))
}

// The last times that common readers can represent: pandas with nanoseconds, and
// Python's datetime, to which pyarrow converts. Postgres and Parquet store later ones.
var (
	lastNanoseconds = warehouse.TimestampOf(time.Date(2262, 4, 11, 23, 47, 16, 854_775_000, time.UTC))
	lastDatetime    = warehouse.TimestampOf(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC))
)

// computedTime returns a time that was computed from a start. It is NULL if a reader
// can represent the start but not the computed time. Times that the source returns
// are stored unchanged.
func computedTime(start, at warehouse.Timestamp) warehouse.Null[warehouse.Timestamp] {
	for _, last := range []warehouse.Timestamp{lastNanoseconds, lastDatetime} {
		if start <= last && at > last {
			return warehouse.Null[warehouse.Timestamp]{}
		}
	}
	return warehouse.Some(at)
}

func (b *builder) direction() warehouse.Text {
	switch d := strings.ToLower(b.c.Direction); {
	case d == "inbound" || d == "outbound":
		return warehouse.Text(d)
	case d != "":
		raw := quote(b.c.Direction)
		b.c.Extra = append(b.c.Extra, polyai.Member{Name: "direction", Value: raw})
		b.note("direction", raw, polyai.DriftUnread)
		fallthrough
	default:
		if strings.HasPrefix(b.c.ID, "OUT-") {
			return "outbound"
		}
		return ""
	}
}

func transcriptStatus(c *polyai.Conversation) string {
	loaded := int64(len(c.Turns))
	switch {
	case loaded == 0 && c.NumTurns.Valid && c.NumTurns.V > 0:
		return warehouse.TranscriptHidden
	case loaded == 0:
		return warehouse.TranscriptNone
	case c.NumTurns.Valid && loaded < c.NumTurns.V:
		return warehouse.TranscriptShort
	}
	return warehouse.TranscriptComplete
}

// conversationExtra returns the fields without a column, and the ids of the response
// where they differ from the requested ones.
func (b *builder) conversationExtra() warehouse.JSON {
	extra := b.c.Extra
	for _, claim := range [...]struct{ name, answered, asked string }{
		{"account_id", b.c.AccountID, b.o.AccountID},
		{"project_id", b.c.ProjectID, b.o.ProjectID},
		{"environment", b.c.Environment, b.o.Environment},
	} {
		if claim.answered != "" && claim.answered != claim.asked {
			extra = append(extra, polyai.Member{Name: claim.name, Value: quote(claim.answered)})
		}
	}
	return b.extra("extra", extra)
}

// extra returns the members as one JSON object; NULL if there are none.
func (b *builder) extra(path string, members []polyai.Member) warehouse.JSON {
	if len(members) == 0 {
		return ""
	}
	object := append(b.object[:0], '{')
	for i, m := range members {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(appendQuoted(object, m.Name), ':')
		object = append(object, m.Value...)
	}
	b.object = append(object, '}')
	return b.json(path, b.object)
}

// json returns the canonical form of a value; NULL if it is null or absent.
func (b *builder) json(path string, v polyai.Value) warehouse.JSON {
	b.canonical = b.appendJSON(b.canonical[:0], path, v)
	return warehouse.JSON(b.decoder.Copy(b.canonical))
}

// appendJSON appends the canonical form of a value; nothing if it is null or absent.
func (b *builder) appendJSON(dst []byte, path string, v polyai.Value) []byte {
	if k := v.Kind(); k == polyai.Null || k == polyai.Absent {
		return dst
	}
	dst, replaced := warehouse.AppendCanonical(dst, v)
	if replaced > 0 {
		b.note(path, v, polyai.DriftReplaced)
	}
	return dst
}

// note records drift at path.
func (b *builder) note(path string, v polyai.Value, kind polyai.DriftKind) {
	b.drift = append(b.drift, polyai.Drift{Path: path, Type: v.Kind().String(), Length: len(v), Kind: kind})
}

func quote(s string) polyai.Value { return appendQuoted(nil, s) }

func appendQuoted(dst []byte, s string) []byte {
	q, err := jsontext.AppendQuote(dst, s)
	if err != nil { // invalid UTF-8; the decoder has replaced it already
		panic(fmt.Sprintf("transform: the decoder returned text that is not UTF-8: %v", err))
	}
	return q
}

func (b *builder) audio() {
	if b.rows.Conversation.ChannelFamily != warehouse.ChannelVoice {
		return
	}
	for _, kind := range b.o.Audio {
		ref := warehouse.AudioReference{
			ProjectID:      b.project,
			ConversationID: b.c.ID,
			StartedAt:      b.start,
			Direction:      kind.Direction,
			Redacted:       kind.Redacted,
			Availability:   warehouse.AudioUnknown,
			Reason:         warehouse.ReasonNoHost,
		}
		if b.o.AudioBaseURL != "" {
			ref.Reason = ""
			ref.URL = warehouse.Text(polyai.AudioURL(b.o.AudioBaseURL, b.o.ProjectID, b.c.ID, ref.Direction, ref.Redacted))
		}
		b.rows.Audio = append(b.rows.Audio, ref)
	}
}
