package loadtest

import (
	"fmt"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Shape and APIVersion are those of the conversations made here.
const (
	Shape      = "shape-1"
	APIVersion = "v0-example"
)

// Live and Sandbox are the environments of the projects made here, in that order.
const (
	Live    = "live"
	Sandbox = "sandbox"
)

// Noon is the day around which the suite's conversations start.
var Noon = time.Date(2024, time.March, 14, 12, 0, 0, 0, time.UTC)

// Option changes a conversation before its keys, counts and hash are set.
type Option func(*warehouse.Rows)

// Conversation makes a conversation as the transform would: three turns with
// entities, two metrics, a recording. Its keys, starts, counts, status and hash
// agree with each other.
func Conversation(project, id string, start time.Time, options ...Option) *warehouse.Rows {
	r := &warehouse.Rows{Conversation: warehouse.Conversation{
		AccountID:             "account-example",
		ProjectID:             project,
		ConversationID:        id,
		Environment:           Live,
		Channel:               "VOICE-SIP",
		ChannelFamily:         "voice",
		Direction:             "inbound",
		VariantID:             "variant-1",
		VariantName:           "Main",
		FromNumber:            "+44 7700 900123",
		ToNumber:              "+44 7700 900100",
		CustomerNumber:        "+447700900123",
		Language:              "en-GB",
		StartedAt:             warehouse.TimestampOf(start),
		FinishedAt:            warehouse.Some(warehouse.TimestampOf(start.Add(95 * time.Second))),
		InProgress:            warehouse.Some(false),
		Lifecycle:             warehouse.LifecycleFinal,
		TotalDurationSeconds:  warehouse.Some(95.0),
		PolyAIDurationSeconds: warehouse.Some(80.25),
		Handoff:               warehouse.Some(false),
		NumSilences:           warehouse.Some(int64(0)),
		SummaryHeading:        "A table for two",
		Summary:               "Ada Example books a table for two.",
		Tags:                  warehouse.List{"booking"},
		State:                 `{"guests":2,"name":"Ada Example"}`,
		APIVersion:            APIVersion,
		Shape:                 Shape,
	}}
	Turns(3)(r)
	Metrics("9.5")(r)
	r.Audio = []warehouse.AudioReference{{
		Direction: "combined", URL: warehouse.Text("https://audio.example.com/" + id), Availability: warehouse.AudioUnknown,
	}}
	for _, o := range options {
		o(r)
	}
	Seal(r)
	return r
}

// In puts the conversation into an environment.
func In(environment string) Option {
	return func(r *warehouse.Rows) { r.Conversation.Environment = environment }
}

// Note sets the reviewer's note: the smallest change of content.
func Note(text string) Option {
	return func(r *warehouse.Rows) { r.Conversation.Note = warehouse.Text(text) }
}

// Turns gives it n turns, each with three entities; their names are in the
// order of their bytes, as the transform sorts them, not in that of a collation.
func Turns(n int) Option {
	return func(r *warehouse.Rows) {
		r.Turns, r.Entities = nil, nil
		for i := range int64(n) {
			r.Turns = append(r.Turns, warehouse.Turn{
				TurnIndex:           i,
				TurnID:              warehouse.Some(i + 1),
				UserInput:           warehouse.Text(fmt.Sprintf("Ada Example says thing %d", i)),
				AgentResponse:       warehouse.Text(fmt.Sprintf("The agent answers thing %d", i)),
				LatencySeconds:      warehouse.Some(0.5 + float64(i)),
				LatencyPercentile1d: warehouse.Some(50.0),
				IsOOD:               warehouse.Some(i%2 == 1),
				Intents:             warehouse.List{"book_table"},
			})
			for _, name := range []string{"Zeit", "guest_name", "Äpfel"} {
				r.Entities = append(r.Entities, warehouse.Entity{
					TurnIndex: i, Name: name, Value: warehouse.Text(fmt.Sprintf("%s of turn %d", name, i)),
				})
			}
		}
		r.Conversation.NumTurns = warehouse.Some(int64(n))
	}
}

// Hidden removes the turns, as a source does that hides transcripts. numTurns is
// the number of turns that it reports; NULL: none.
func Hidden(numTurns warehouse.Null[int64]) Option {
	return func(r *warehouse.Rows) {
		r.Turns, r.Entities = nil, nil
		r.Conversation.NumTurns = numTurns
	}
}

// Metrics gives it a score and a list of two reasons.
func Metrics(score string) Option {
	return func(r *warehouse.Rows) {
		r.Conversation.Metrics = warehouse.JSON(`{"reasons":["late","lost"],"score":` + score + `}`)
		r.Metrics = []warehouse.Metric{
			{Name: "reasons", Ordinal: 0, Value: "late"},
			{Name: "reasons", Ordinal: 1, Value: "lost"},
			{Name: "score", Ordinal: 0, Value: warehouse.Text(score)},
		}
	}
}

// NoMetrics removes the metrics, which the source returns as json: "" or {}.
func NoMetrics(json warehouse.JSON) Option {
	return func(r *warehouse.Rows) { r.Conversation.Metrics, r.Metrics = json, nil }
}

// Open makes it a conversation that is in progress.
func Open() Option {
	return func(r *warehouse.Rows) {
		c := &r.Conversation
		c.Lifecycle, c.InProgress = warehouse.LifecycleOpen, warehouse.Some(true)
		c.FinishedAt, c.TotalDurationSeconds = warehouse.Null[warehouse.Timestamp]{}, warehouse.Null[float64]{}
	}
}

// Abandoned makes it a conversation that was in progress for too long.
func Abandoned() Option {
	return func(r *warehouse.Rows) {
		Open()(r)
		r.Conversation.Lifecycle = warehouse.LifecycleAbandoned
	}
}

// Seal sets what is derived from the rest of a conversation: keys and starts of
// its parts, counts, status and hash.
func Seal(r *warehouse.Rows) {
	c := &r.Conversation
	for _, p := range warehouse.Parts {
		p.Bind(r)
	}
	summarise(r)
	c.ContentHash = r.Hash()
}

// summarise sets the columns of a conversation's row that summarize its turns.
func summarise(r *warehouse.Rows) {
	c := &r.Conversation
	c.TurnsLoaded = int64(len(r.Turns))
	switch shown, given := c.TurnsLoaded, c.NumTurns; {
	case shown == 0 && given.V <= 0:
		c.TranscriptStatus = warehouse.TranscriptNone
	case shown == 0:
		c.TranscriptStatus = warehouse.TranscriptHidden
	case shown < given.V:
		c.TranscriptStatus = warehouse.TranscriptShort
	default:
		c.TranscriptStatus = warehouse.TranscriptComplete
	}
	c.LatencyTurns, c.LatencyAvgSeconds, c.LatencyMaxSeconds = 0, warehouse.Null[float64]{}, warehouse.Null[float64]{}
	sum, most := 0.0, 0.0
	for i := range r.Turns {
		if l := r.Turns[i].LatencySeconds; l.Valid {
			c.LatencyTurns++
			sum, most = sum+l.V, max(most, l.V)
		}
	}
	if c.LatencyTurns > 0 {
		c.LatencyAvgSeconds, c.LatencyMaxSeconds = warehouse.Some(sum/float64(c.LatencyTurns)), warehouse.Some(most)
	}
}

// Clone copies a conversation, since a loader owns the rows that are staged.
func Clone(r *warehouse.Rows) *warehouse.Rows {
	out := &warehouse.Rows{}
	if err := out.Decode(string(r.Append(nil))); err != nil {
		panic(err) // Append wrote valid data
	}
	out.Digest = r.Digest
	return out
}

// Project makes a project with both environments.
func Project(id string) load.Project {
	return load.Project{
		Project: warehouse.Project{
			ProjectID: id,
			Name:      "Example " + id,
			AccountID: "account-example",
			Region:    "uk",
			TimeZone:  "Europe/London",
		},
		Environments: []string{Live, Sandbox},
	}
}
