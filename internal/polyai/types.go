package polyai

// Optional is a value that the source may leave out or null.
type Optional[T any] struct {
	V     T
	Valid bool
}

// Some is a value that the source gave.
func Some[T any](v T) Optional[T] { return Optional[T]{V: v, Valid: true} }

// Micros is a moment in microseconds since 1970-01-01 UTC.
type Micros int64

// Member is a member of a JSON object.
type Member struct {
	Name  string
	Value Value
}

// Conversation is one conversation as the source shows it. Text is "" where it
// is empty, null or absent. Values alias the answer that was decoded.
type Conversation struct {
	ID                                string
	AccountID, ProjectID, Environment string // as answered, which may be other forms than asked for
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
	NumTurns                          Optional[int64] // as the source counts them, also where Turns is hidden
	NumSilences, NumOOD               Optional[int64]
	Handoff                           Optional[bool]
	HandoffReason, HandoffDestination string
	PolyScore                         Optional[float64]
	SummaryHeading, Summary           string
	Note                              string
	Tags                              Value // a list, as a rule of text
	Metrics                           Value // an object: name to value or list of values
	State                             Value // anything
	Turns                             []Turn
	// Extra is what has no field here, and the raw values of what could not be read.
	Extra []Member
	// Drift is what was odd about the answer.
	Drift []Drift
}

// Turn is one exchange of a conversation; its identity is its place.
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
	IsOOD, IsSilence, BargeIn                 Optional[bool] // not said is not false
	Intents                                   Value          // a list, as a rule of text
	Entities                                  []Entity
	UserAudioURL                              string
	Extra                                     []Member
}

// Entity is something that was recognised in a turn: a value or a list of them.
type Entity struct {
	Name  string
	Value Value
}

// DriftKind says what is odd.
type DriftKind string

// The kinds of drift.
const (
	DriftUnknown  DriftKind = "unknown_field"    // kept in extra
	DriftUnread   DriftKind = "unreadable_value" // NULL in its column, raw value in extra
	DriftSpelling DriftKind = "two_spellings"    // the field has another value under its documented name; kept in extra
	DriftReplaced DriftKind = "replaced_text"    // U+0000, lone surrogates, bad UTF-8, numbers beyond numeric, deep nesting
)

// Drift is something that is not as documented or known; it never holds a value.
type Drift struct {
	Path   string // such as turns[].latency
	Type   string // JSON type of the value
	Length int    // of the value as JSON text, in bytes
	Kind   DriftKind
}

// Reasons of rejects.
const (
	RejectNotAnObject = "not_an_object"
	RejectNoID        = "no_id"
	RejectNoStart     = "no_start"
	RejectNotJSON     = "not_json"  // see [BrokenError]
	RejectTooLarge    = "too_large" // more than a page may hold of one conversation
)

// RejectError says that a well-formed answer is no conversation that can be kept.
type RejectError struct {
	Reason    string
	ID        string // where there is one
	StartedAt Optional[Micros]
}

// maxRejectID bounds the id of a broken conversation: a longer one is left out.
const maxRejectID = 1000

// RejectBroken is the reject of a conversation that is no JSON, with the id and
// the start that it has where these can be read.
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

func (e *RejectError) Error() string { return "the conversation cannot be read: " + e.Reason }
