package transcript

import (
	"encoding/json"
	"fmt"
	"time"
)

// Transcript is a stored conversation with its parts. The names in JSON are those of
// the columns. A text is "", and a pointer nil, if the value is NULL.
type Transcript struct {
	ProjectID             string    `json:"project_id"`
	Environment           string    `json:"environment"`
	ConversationID        string    `json:"conversation_id"`
	TimeZone              string    `json:"time_zone"` // of the project
	Notes                 []Note    `json:"notes"`
	StartedAt             Time      `json:"started_at"`
	FinishedAt            Time      `json:"finished_at,omitzero"`
	TotalDurationSeconds  *float64  `json:"total_duration_seconds,omitempty"`
	PolyAIDurationSeconds *float64  `json:"polyai_duration_seconds,omitempty"`
	ChannelFamily         string    `json:"channel_family"`
	Direction             string    `json:"direction,omitempty"`
	VariantID             string    `json:"variant_id,omitempty"`
	VariantName           string    `json:"variant_name,omitempty"`
	DeploymentID          string    `json:"deployment_id,omitempty"`
	Language              string    `json:"language,omitempty"`
	CustomerNumber        string    `json:"customer_number,omitempty"`
	Lifecycle             string    `json:"lifecycle"`
	TranscriptStatus      string    `json:"transcript_status"`
	NumTurns              *int64    `json:"num_turns,omitempty"`
	TurnsLoaded           int64     `json:"turns_loaded"`
	MissingSince          Time      `json:"missing_since,omitzero"`
	UpdatedAt             Time      `json:"updated_at"`
	Handoff               *bool     `json:"handoff,omitempty"`
	HandoffReason         string    `json:"handoff_reason,omitempty"`
	HandoffDestination    string    `json:"handoff_destination,omitempty"`
	LatencyP50Seconds     *float64  `json:"latency_p50_seconds,omitempty"`
	LatencyP95Seconds     *float64  `json:"latency_p95_seconds,omitempty"`
	LatencyMaxSeconds     *float64  `json:"latency_max_seconds,omitempty"`
	PolyScore             *float64  `json:"poly_score,omitempty"`
	SummaryHeading        string    `json:"summary_heading,omitempty"`
	Summary               string    `json:"summary,omitempty"`
	Tags                  []*string `json:"tags,omitempty"`
	ReviewNote            string    `json:"note,omitempty"`
	Turns                 []Turn    `json:"turns"`
	Metrics               []Metric  `json:"metrics"`
}

// Turn is a row of turns, with the entities that were recognized in it.
type Turn struct {
	TurnIndex            int64     `json:"turn_index"`
	UserInputAt          Time      `json:"user_input_at,omitzero"`
	UserInput            string    `json:"user_input,omitempty"`
	TranslatedUserInput  string    `json:"translated_user_input,omitempty"`
	UserInputDTMF        string    `json:"user_input_dtmf,omitempty"`
	UserLanguage         string    `json:"user_language,omitempty"`
	IsSilence            *bool     `json:"is_silence,omitempty"`
	BargeIn              *bool     `json:"barge_in,omitempty"`
	IsOOD                *bool     `json:"is_ood,omitempty"`
	Intents              []*string `json:"intents,omitempty"`
	Entities             []Entity  `json:"entities,omitempty"`
	LatencySeconds       *float64  `json:"latency_seconds,omitempty"`
	LatencyLabel         string    `json:"latency_label,omitempty"`
	AgentResponseAt      Time      `json:"agent_response_at,omitzero"`
	AgentResponse        string    `json:"agent_response,omitempty"`
	EnglishAgentResponse string    `json:"english_agent_response,omitempty"`
	AgentLanguage        string    `json:"agent_language,omitempty"`
}

// Entity is a value that was recognized in a turn.
type Entity struct {
	TurnIndex int64   `json:"-"`
	Name      string  `json:"name"`
	Ordinal   int64   `json:"ordinal"`
	Value     *string `json:"value"`
}

// Metric is a value of a metric.
type Metric struct {
	Name    string  `json:"name"`
	Ordinal int64   `json:"ordinal"`
	Value   *string `json:"value"`
}

// Note is a limit of the transcript.
type Note struct {
	Kind string `json:"kind"` // missing, open, abandoned, hidden, hidden_kept, short or none
	Text string `json:"text"`
}

// Time is a time in UTC; the zero value is NULL.
type Time struct{ time.Time }

// The forms in which the engines write a time as JSON.
const (
	postgresTime = "2006-01-02T15:04:05.999999Z07:00"
	duckTime     = "2006-01-02 15:04:05.999999Z07"
)

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Time) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil || s == "" {
		return err // null
	}
	at, err := time.Parse(postgresTime, s)
	if err != nil {
		at, err = time.Parse(duckTime, s)
	}
	if err != nil {
		return fmt.Errorf("%q is not a time", s)
	}
	t.Time = at.UTC()
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format(postgresTime))
}

// zone returns the time zone of the project; UTC if it is unknown.
func (t *Transcript) zone() *time.Location {
	if zone, err := time.LoadLocation(t.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// addNotes adds what limits the transcript.
func (t *Transcript) addNotes() {
	t.Notes = []Note{}
	add := func(kind, format string, values ...any) {
		t.Notes = append(t.Notes, Note{kind, fmt.Sprintf(format, values...)})
	}
	if !t.MissingSince.IsZero() {
		add("missing", "The source no longer lists this conversation: missing since %s. The views exclude it.", moment(t.MissingSince, t.zone()))
	}
	switch t.Lifecycle {
	case "open":
		add("open", "In progress when it was last read: more can follow. Stored %s.", moment(t.UpdatedAt, t.zone()))
	case "abandoned":
		add("abandoned", "The source has reported it as in progress for longer than the age limit (sync.open_age_limit), so it is no longer read again.")
	}
	reported := "more"
	if t.NumTurns != nil {
		reported = fmt.Sprint(*t.NumTurns)
	}
	switch t.TranscriptStatus {
	case "hidden":
		add("hidden", "The source hides the transcript: it reports %s turns and returns none.", reported)
	case "hidden_kept":
		add("hidden_kept", "The source hides the transcript by now. This is the one that it returned before.")
	case "short":
		add("short", "The transcript is incomplete: the source returned %d of %s turns.", t.TurnsLoaded, reported)
	case "none":
		add("none", "The conversation has no turns.")
	}
}
