package config

import (
	"time"
)

// Config is the effective configuration.
type Config struct {
	// File that it was read from; "" when it comes from POLYAI_* variables alone.
	File        string `json:"-"`
	Source      Source
	Projects    []Project // at least one, in the order written
	Destination Destination
	Sync        Sync
	Recordings  Recordings
	Schedules   []Schedule // by name; none unless set
	Serve       Serve      `json:"-"` // no part of the fingerprint: it changes nothing that is stored
	Notify      Notify     `json:"-"` // the same
	// HandoffReasonMap has the group of handoff reasons in questions and reports; empty
	// unless set.
	HandoffReasonMap map[string]string `json:"-"` // the same
}

// Source is shared by all projects. Inherited values are resolved in each
// [Project].
type Source struct {
	// CACertificates in PEM, trusted in addition to those of the system; nil unless
	// ca_file is set.
	CACertificates []byte
}

// Project is one agent whose conversations are read.
type Project struct {
	// ID in requests.
	ID string
	// StoredID is the id in every table: `as`, or ID unless set. Unique.
	StoredID string
	// AccountID in requests.
	AccountID string
	// Region is us, uk, eu or studio; "" when only base_url names the host.
	Region string
	// BaseURL replaces the region's runtime and data host; "" means that of
	// the region. Without a slash at its end; https, or http to this machine.
	BaseURL string
	// AgentsBaseURL replaces the region's build and monitoring host; "" means
	// that of the region, or none when Region is "".
	AgentsBaseURL string
	// APIKey for the runtime and data host.
	APIKey Secret
	// WorkspaceAPIKey for the build and monitoring host; APIKey unless set.
	WorkspaceAPIKey Secret
	// APIVersion is v3 unless set to v2 or v1.
	APIVersion string
	// Environments to read: live, sandbox, pre-release. [live] unless set. Of a
	// conversation that is answered under two, the first keeps it.
	Environments []string
	// TimeZone of the days of the dashboards, an IANA name; UTC unless set.
	TimeZone string
	// Start of the history, in UTC; 2020-01-01 unless set.
	Start time.Time
	// MaxRequestsPerSecond of this project's key: 5 unless set; 0, no limit,
	// when the host is this machine.
	MaxRequestsPerSecond float64
	// Audio is what is done about recordings.
	Audio Audio
}

// Sync says how much is read, how often and how fast.
type Sync struct {
	Lookback Lookback
	// OpenAgeLimit after which a conversation that never ended counts as
	// abandoned; 168h unless set.
	OpenAgeLimit time.Duration
	// PageSize in conversations, 1 to 1000; 500 unless set.
	PageSize int
	// MaxConversationBytes is the largest decoded size of a conversation that is
	// loaded; 64 MiB unless set.
	MaxConversationBytes int
	Workers              Workers
	// Adaptive lets a run go beyond MaxRequestsPerSecond, carefully, while the
	// source shows no strain; false unless set.
	Adaptive bool
	// OnMissing is the action for a stored conversation that the source no longer
	// lists: mark or delete; default mark.
	OnMissing string
	// MissingLimit is how many conversations of a UTC day a run marks or deletes
	// without confirmation.
	MissingLimit MissingLimit
	// FailOnDrift makes a run that met unknown fields end as partial; false
	// unless set.
	FailOnDrift bool
	// MaxRejects is how many conversations that cannot be read, and could not be
	// before, a run may meet and still succeed; 0 unless set.
	MaxRejects int
	// Audio limits the work on the recordings of all projects.
	Audio AudioWork
}

// The values of [Sync].OnMissing.
const (
	MissingMark   = "mark"
	MissingDelete = "delete"
)

// MissingLimit is a limit for each UTC day.
type MissingLimit struct {
	Share   float64 // of the stored conversations of the day, 0 to 1; 0.1 unless set
	AtLeast int     // conversations, whatever the share is, 1 or more; 20 unless set
}

// Lookback is how far back what was read already is read again. Each tier
// reaches at least as far as the one before.
type Lookback struct {
	EachRun time.Duration // by every run; 1h unless set
	Hourly  time.Duration // once an hour; 24h unless set
	Daily   time.Duration // once a day; 168h unless set
}

// Workers is how much runs at once; 0 in the file means as many as this
// machine has cores, and is that number here.
type Workers struct {
	Extract   int // slices that are read at once; 4 unless set
	Transform int // conversations that are transformed at once; 0 unless set
	Load      int // batches that are loaded at once; 2 unless set
}

// Schedule is one entry of the timetable of `convsync serve`.
type Schedule struct {
	Name string
	// Cron expression of five fields (minute, hour, day, month, weekday; Sunday
	// is 0), @every and a duration, or @hourly, @daily, @weekly, @monthly, @yearly.
	Cron string
	// TimeZone that Cron is meant in, an IANA name; UTC unless set.
	TimeZone string
	// Kind of run: incremental, verify, audio, which works on recordings, or report,
	// which writes a report; incremental unless set.
	Kind string
	// Projects by StoredID; all unless set.
	Projects []string
	// Lookback is that of [Sync] unless set.
	Lookback Lookback
	// Jitter is how much later than its time a run may start, by chance; 0 unless set.
	Jitter time.Duration
	// Folder that reports are written to, which no other schedule has; set if Kind is
	// report.
	Folder string `json:",omitempty"`
	// Period of a report: last-7-days unless set; "" for other kinds.
	Period string `json:",omitempty"`
}

// Serve is the HTTP server of `convsync serve`.
type Serve struct {
	// Listen is host:port; 127.0.0.1:8080 unless set.
	Listen string
	// Token that all but health asks for; needed where others can reach Listen.
	Token Secret
	// User and Password are required in addition to Token, or instead of it; both or
	// neither are set.
	User     string
	Password Secret
	// CertFile and KeyFile are PEM files for TLS; plain HTTP unless set.
	CertFile, KeyFile string
	// StateFile remembers which times of the schedules had their turn;
	// convsync-schedules.json next to the configuration unless set.
	StateFile string
	// StaleAfter is the age of a project's watermark from which something is
	// wrong; 26h unless set.
	StaleAfter time.Duration
	// PublicURL is the address of the page in messages, without a slash at its end; ""
	// unless set.
	PublicURL string
	// WebhookSecrets are those that may have signed an event, so that one can take
	// the place of another; events are taken in only when there is one.
	WebhookSecrets []Secret
}

// Notify says where `convsync serve` sends notifications when a problem begins and
// ends. Each channel is optional.
type Notify struct {
	// WebhookURL that messages are posted to; https, or http to this machine.
	WebhookURL Secret
	// Format of what is posted: slack or json; slack unless set.
	Format string
	// Command that the shell runs, with the message as JSON on its input.
	Command string
	// HeartbeatURL that is asked for after each run that succeeded.
	HeartbeatURL Secret
	// StateFile records which notifications were sent. It is next to that of
	// [Serve], and has its name with -notified.
	StateFile string
}

// IsZero reports whether no channel is configured.
func (n *Notify) IsZero() bool {
	return n.WebhookURL.IsZero() && n.Command == "" && n.HeartbeatURL.IsZero()
}

// Loads reports whether runs of the schedule load conversations.
func (s *Schedule) Loads() bool {
	return s.Kind != KindVerify && s.Kind != KindAudio && s.Kind != KindReport
}

// The values of [Notify].Format.
const (
	FormatSlack = "slack"
	FormatJSON  = "json"
)

// The values of [Schedule].Kind.
const (
	KindIncremental = "incremental"
	KindVerify      = "verify"
	KindAudio       = "audio"
	KindReport      = "report"
)

// The values of [Schedule].Period. Days, weeks (from Monday) and months are those of the
// time zone of the schedule, and the last ones that have ended.
const (
	PeriodDays  = "last-7-days" // that end with the newest day that was read completely
	PeriodDay   = "last-day"
	PeriodWeek  = "last-week"
	PeriodMonth = "last-month"
)
