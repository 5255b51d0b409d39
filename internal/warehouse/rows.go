package warehouse

import "sync"

// Rows is one conversation as it is stored: its row and the rows of its parts,
// see [Parts]. They change together, in one transaction.
type Rows struct {
	Conversation Conversation
	Turns        []Turn
	Entities     []Entity
	Metrics      []Metric
	Audio        []AudioReference
	// Digest is the digest of what the source returned, from which the rows were made.
	// It is no column: a destination stores it next to the conversation.
	Digest Digest
}

// Digest identifies the bytes that the source returned for a conversation, and how
// they are transformed: rows of equal digests are equal, except for values that
// change by themselves. The zero value means that it is not known, or that the
// conversation has to be compared by its rows.
type Digest [16]byte

// IsKnown reports whether there is a digest.
func (d Digest) IsKnown() bool { return d != Digest{} }

// recycled holds rows whose memory is free.
var recycled = sync.Pool{New: func() any { return new(Rows) }}

// maxRecycled is the number of turns from which rows are left to the garbage collector.
const maxRecycled = 1000

// NewRows returns empty rows, if possible with the memory of recycled ones.
func NewRows() *Rows { return recycled.Get().(*Rows) }

// Recycle gives the memory of the rows to [NewRows]. Neither the rows
// nor a copy that shares their slices may be used afterwards. Their text and lists stay valid.
func (r *Rows) Recycle() {
	if cap(r.Turns) > maxRecycled || cap(r.Entities) > maxRecycled || cap(r.Metrics) > maxRecycled {
		return
	}
	clear(r.Turns) // they would keep their text in memory
	clear(r.Entities)
	clear(r.Metrics)
	clear(r.Audio)
	*r = Rows{Turns: r.Turns[:0], Entities: r.Entities[:0], Metrics: r.Metrics[:0], Audio: r.Audio[:0]}
	recycled.Put(r)
}

// Conversation is a row of [Conversations].
type Conversation struct {
	AccountID, ProjectID, ConversationID, Environment string
	Channel                                           Text
	ChannelFamily                                     string
	Direction                                         Text
	VariantID, VariantName                            Text
	FromNumber, ToNumber, CustomerNumber              Text
	Language, DeploymentID                            Text
	StartedAt                                         Timestamp
	FinishedAt                                        Null[Timestamp]
	InProgress                                        Null[bool]
	Lifecycle                                         string
	TotalDurationSeconds, PolyAIDurationSeconds       Null[float64]
	NumTurns                                          Null[int64]
	TurnsLoaded                                       int64
	TranscriptStatus                                  string
	Handoff                                           Null[bool]
	HandoffReason, HandoffDestination                 Text
	NumSilences, NumOOD                               Null[int64]
	LatencyTurns                                      int64
	LatencyAvgSeconds                                 Null[float64]
	LatencyP50Seconds, LatencyP95Seconds              Null[float64]
	LatencyMaxSeconds                                 Null[float64]
	PolyScore                                         Null[float64]
	SummaryHeading, Summary                           Text
	Tags                                              List
	Note                                              Text
	Metrics, State, Extra                             JSON
	APIVersion, ContentHash, Shape                    string
	MissingSince                                      Null[Timestamp]
	FirstSeenAt, UpdatedAt                            Timestamp
	RunID                                             string
}

// Turn is a row of [Turns].
type Turn struct {
	ProjectID, ConversationID                 string
	TurnIndex                                 int64
	StartedAt                                 Timestamp
	TurnID                                    Null[int64]
	UserInput, UserInputDTMF                  Text
	UserInputAt                               Null[Timestamp]
	AgentResponse                             Text
	AgentResponseAt                           Null[Timestamp]
	LatencySeconds                            Null[float64]
	LatencyLabel                              Text
	LatencyPercentile1d                       Null[float64]
	ResponseGapSeconds                        Null[float64]
	TranslatedUserInput, EnglishAgentResponse Text
	UserLanguage, AgentLanguage               Text
	IsOOD, IsSilence, BargeIn                 Null[bool]
	Intents                                   List
	UserAudioURL                              Text
	Extra                                     JSON
}

// Entity is a row of [Entities].
type Entity struct {
	ProjectID, ConversationID string
	TurnIndex                 int64
	Name                      string
	Ordinal                   int64
	StartedAt                 Timestamp
	Value                     Text
}

// Metric is a row of [Metrics].
type Metric struct {
	ProjectID, ConversationID string
	Name                      string
	Ordinal                   int64
	StartedAt                 Timestamp
	Value                     Text
	ValueNumber               Null[float64]
	ValueBoolean              Null[bool]
	ValueAt, RecordedAt       Null[Timestamp]
}

// AudioReference is a row of [AudioReferences].
type AudioReference struct {
	ProjectID, ConversationID string
	Direction                 string
	Redacted                  bool
	StartedAt                 Timestamp
	URL                       Text
	Availability              string
	CheckedAt                 Null[Timestamp]
	SizeBytes                 Null[int64]
	DurationSeconds           Null[float64]
	SampleRateHz, Channels    Null[int64]
	Codec                     Text
	SHA256, StoredURI         Text
	StoredAt                  Null[Timestamp]
	RedactionEvidence         Text
	Reason                    Text
	Checks                    int64
	NextCheckAt               Null[Timestamp]
}

// ChannelVoice is the value of conversations.channel_family for conversations that
// may have recordings.
const ChannelVoice = "voice"

// The values of conversations.lifecycle.
const (
	LifecycleOpen      = "open"      // in progress; in the open-conversation queue
	LifecycleFinal     = "final"     // ended
	LifecycleAbandoned = "abandoned" // in progress for longer than the age limit
)

// The values of conversations.transcript_status.
const (
	TranscriptComplete   = "complete"
	TranscriptHidden     = "hidden"      // the source returned no turns although num_turns > 0
	TranscriptHiddenKept = "hidden_kept" // the source no longer returns turns; the stored ones remain
	TranscriptShort      = "short"       // fewer turns than num_turns
	TranscriptNone       = "none"
)

// The values of audio_references.availability.
const (
	AudioUnknown   = "unknown"   // not checked yet
	AudioAvailable = "available" // the source returned it
	AudioMissing   = "missing"   // the source has no recording
	AudioForbidden = "forbidden" // the key may not read it
	AudioFailed    = "failed"    // what the source returned is not a recording
)

// ReasonNoHost is the value of audio_references.reason of a row without a URL: no build
// host is configured.
const ReasonNoHost = "no_host"

// The values of audio_references.redaction_evidence: how it is known whether a
// recording is redacted.
const (
	EvidenceRequested = "requested" // the redacted recording was requested, and nothing contradicts
	EvidenceVerified  = "verified"  // the raw and the redacted recording differ
	EvidenceIdentical = "identical" // the raw recording was requested, and has the same bytes as the redacted one
	EvidenceUnknown   = "unknown"   // the raw recording was requested, and was not compared
)

// Clone returns a copy with rows of its own. Lists in the rows are shared.
func (r *Rows) Clone() *Rows {
	c := *r
	for _, p := range Parts {
		p.detach(&c)
	}
	return &c
}

// IsOpen reports whether the conversation is in progress and has to be read again.
func (r *Rows) IsOpen() bool { return r.Conversation.Lifecycle == LifecycleOpen }
