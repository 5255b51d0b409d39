package polyai

// Optional is a value that may be missing or null.
type Optional[T any] struct {
	V     T
	Valid bool
}

// Some returns a value that is present.
func Some[T any](v T) Optional[T] { return Optional[T]{V: v, Valid: true} }

// Micros is a time in microseconds since 1970-01-01 UTC.
type Micros int64

// Member is a member of a JSON object.
type Member struct {
	Name  string
	Value Value
}

// Conversation is one conversation as the source returned it. Text is "" if it is empty,
// null or absent. Values alias the response that was decoded.
type Conversation struct {
	ID                                string
	AccountID, ProjectID, Environment string // as returned, which may differ in form from the requested ones
	Channel                           string
	Direction                         string
	VariantID, VariantName            string
	FromNumber, ToNumber              string
	Language, DeploymentID            string
	StartedAt                         Micros
	FinishedAt                        Optional[Micros]
	InProgress                        Optional[bool]
	TotalDurationSeconds              Optional[float64]
	PolyAIDurationSeconds             Optional[float64]
	NumTurns                          Optional[int64] // as the source counts them, also if the turns are hidden
	NumSilences, NumOOD               Optional[int64]
	Handoff                           Optional[bool]
	HandoffReason, HandoffDestination string
	PolyScore                         Optional[float64]
	SummaryHeading, Summary           string
	Note                              string
	Tags                              Value // usually a list of text
	Metrics                           Value // an object: name to value or list of values
	State                             Value // any value
	Turns                             []Turn
	// Extra has unknown fields, and raw values that could not be read.
	Extra []Member
	// Drift lists what this version does not know in the response.
	Drift []Drift
}

// Turn is one exchange of a conversation. It is identified by its index.
type Turn struct {
	TurnID                                    Optional[int64]
	UserInput, UserInputDTMF                  string
	UserInputAt                               Optional[Micros]
	AgentResponse                             string
	AgentResponseAt                           Optional[Micros]
	LatencySeconds                            Optional[float64]
	LatencyLabel                              string
	LatencyPercentile1d                       Optional[float64]
	TranslatedUserInput, EnglishAgentResponse string
	UserLanguage, AgentLanguage               string
	IsOOD, IsSilence, BargeIn                 Optional[bool] // a missing value is not false
	Intents                                   Value          // usually a list of text
	Entities                                  []Entity
	UserAudioURL                              string
	Extra                                     []Member
}

// Entity is an entity that was recognized in a turn, with a value or a list of values.
type Entity struct {
	Name  string
	Value Value
}

// DriftKind is the kind of a drift.
type DriftKind string

// The kinds of drift.
const (
	DriftUnknown  DriftKind = "unknown_field"    // stored in extra
	DriftUnread   DriftKind = "unreadable_value" // NULL in its column, raw value in extra
	DriftSpelling DriftKind = "two_spellings"    // the field has another value under its documented name; stored in extra
	DriftReplaced DriftKind = "replaced_text"    // U+0000, lone surrogates, invalid UTF-8, numbers beyond numeric, deep nesting
)

// Drift is a field, type or value that this version does not know. It never contains a
// value.
type Drift struct {
	Path   string // such as turns[].latency
	Type   string // JSON type of the value
	Length int    // length of the value as JSON text, in bytes
	Kind   DriftKind
}

// The reasons of rejects.
const (
	RejectNotAnObject = "not_an_object"
	RejectNoID        = "no_id"
	RejectNoStart     = "no_start"
	RejectNotJSON     = "not_json"  // see [BrokenError]
	RejectTooLarge    = "too_large" // above Options.MaxConversationBytes
)

// RejectError is returned for a value that is not a conversation, or that cannot be
// stored.
type RejectError struct {
	Reason    string
	ID        string // "" if there is none
	StartedAt Optional[Micros]
}

// maxRejectID limits the id of a broken conversation: a longer one is left out.
const maxRejectID = 1000

// RejectBroken returns the reject of a conversation that is not JSON, with its id and its
// start if these can be read.
func RejectBroken(v Value) *RejectError {
	e := &RejectError{Reason: RejectNotJSON}
	for name, value := range v.Members() {
		if value.Kind() != String || !IsSound(value) {
			continue
		}
		switch name {
		case "id":
			if id := value.Text(); len(id) <= maxRejectID {
				e.ID = id
			}
		case "started_at":
			at, ok := ParseTime(value.Text())
			e.StartedAt = Optional[Micros]{V: at, Valid: ok}
		}
	}
	return e
}

func (e *RejectError) Error() string { return "conversation rejected: " + e.Reason }
