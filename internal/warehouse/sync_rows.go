package warehouse

// Project is a row of [Projects].
type Project struct {
	ProjectID, Name, AccountID string
	Region                     Text
	TimeZone                   string
	OtherID                    Text
}

// Change is a row of [Changes].
type Change struct {
	Sequence                  int64
	ProjectID, ConversationID string
	Operation                 string
	At                        Timestamp
	RunID                     string
}

// The values of changes.operation. The last two are not written yet. They are
// documented, so that readers of the feed can handle them when a later version
// writes them.
const (
	OperationUpsert = "upsert"
	OperationDelete = "delete"
	OperationErase  = "erase"
	OperationExpire = "expire"
)

// SyncRun is a row of [SyncRuns].
type SyncRun struct {
	RunID                         string
	Actor, Host, Version          Text
	ConfigHash                    Text
	Kind, Status                  string
	WindowFrom, WindowUntil       Null[Timestamp]
	StartedAt                     Timestamp
	FinishedAt                    Null[Timestamp]
	Requests, Retries             int64
	WaitedSeconds                 Null[float64]
	Bytes                         int64
	Read, Inserted, Updated       int64
	Unchanged, Rejected, Drifting int64
	Error, Warnings               Text
	Epoch, LastChange             Null[int64] // a loader sets them
	SourceAt                      Null[Timestamp]
}

// The values of sync_runs.status.
const (
	RunSucceeded = "succeeded"
	RunPartial   = "partial"
	RunFailed    = "failed"
	RunKilled    = "killed"
)

// CoverageRange is a row of [SyncCoverage]: [From, Until), whole seconds.
type CoverageRange struct {
	ProjectID, Environment string
	From, Until, ReadAt    Timestamp
	Shape                  string
}

// Watermark is a row of [SyncWatermarks].
type Watermark struct {
	ProjectID, Environment string
	Watermark, UpdatedAt   Timestamp
}

// OpenConversation is a row of [OpenConversations].
type OpenConversation struct {
	ProjectID, Environment, ConversationID string
	StartedAt, FirstSeenAt                 Timestamp
}

// Reveal is a row of [SyncRevealed].
type Reveal struct {
	ProjectID, Environment string
	RevealedAt             Timestamp
}

// Hole is a row of [SyncHoles]: [From, Until), whole seconds.
type Hole struct {
	ProjectID, Environment   string
	From, Until              Timestamp
	Reason                   string
	FirstSeenAt, LastTriedAt Timestamp
	Tries                    int64
	NextTryAt                Timestamp
}

// Reject is a row of [Rejects].
type Reject struct {
	ProjectID, Environment, RejectID string
	ConversationID                   Text
	StartedAt, MissingSince          Null[Timestamp]
	Reason                           string
	Payload                          Text
	FirstSeenAt, LastSeenAt          Timestamp
	RunID                            string
}

// Drift is a row of [SchemaDrift].
type Drift struct {
	ProjectID, Environment, Path, Kind, JSONType string
	MaxLengthBytes                               int64
	FirstSeenAt, LastSeenAt                      Timestamp
	Count                                        int64
}

// Erasure is a row of [Erasures].
type Erasure struct {
	ProjectID, ConversationID string
	ErasedAt                  Timestamp
	Reason                    Text
	RunID                     string
}

// SyncLock is a row of [SyncLocks].
type SyncLock struct {
	Name        string
	Epoch       int64
	Owner, Host Text
	ProcessID   Null[int64]
	AcquiredAt  Null[Timestamp]
	RunID       Text

	Version, Kind Text
	Commits       int64
}

// Lateness is a row of [SyncLateness].
type Lateness struct {
	ProjectID, Environment, Measure string
	UpperSeconds, Count             int64
}

// RecordingState is a row of [SyncRecordings].
type RecordingState struct {
	ProjectID    string
	Enlisted     Text
	PIIAccess    Text
	PIICheckedAt Null[Timestamp]
	Compared     int64
	LastRunID    Text
	LastRunAt    Null[Timestamp]
	RemovedUpTo  int64
}

// The values of sync_recordings.pii_access.
const (
	PIIAccessYes      = "yes"       // a raw recording differed from the redacted one
	PIIAccessNoneSeen = "none_seen" // all compared pairs were equal
)
