package report

import (
	"time"

	"convsync/internal/coverage"
)

// Report has the figures of a period. Counts of a period that was not read are absent,
// and not 0: Current is nil, and so is each day.
type Report struct {
	GeneratedAt time.Time `json:"generated_at"`
	Version     string    `json:"version"`
	Environment string    `json:"environment"`
	Period      Period    `json:"period"`
	Previous    *Period   `json:"previous_period"` // nil: not compared
	// Notes say what the figures lack, for people. They come first on the page.
	Notes []string `json:"notes"`
	Feeds []Feed   `json:"projects"`

	Current *Summary `json:"figures"`          // nil: nothing of the period was read
	Before  *Summary `json:"previous_figures"` // nil: not compared, or nothing was read

	Days        []DayFigures `json:"days"`
	Hours       []HourCount  `json:"hours"`
	Projects    []Group      `json:"by_project"`
	Channels    []Group      `json:"by_channel"`
	Variants    []Group      `json:"by_variant"`
	Deployments []Group      `json:"latency_by_deployment"`
	Reasons     []Reason     `json:"handoff_reasons"`
	DropOff     []Step       `json:"drop_off"`
	Metrics     []Metric     `json:"metrics"`
}

// Feed is a project in the environment of the report.
type Feed struct {
	ProjectID string `json:"project_id"`
	TimeZone  string `json:"time_zone"`
	// CoveredUntil is the watermark; nil: nothing was read from the start on.
	CoveredUntil *time.Time `json:"covered_until"`
	Arrival      Lateness   `json:"arrival"` // until a conversation was first read
	Final        Lateness   `json:"final"`   // until it was first read as ended
	// Open is the number of conversations that are read again until they end, of all times.
	Open int64 `json:"open_conversations"`

	read coverage.Feed
}

// Lateness is the time from the start of a conversation until something was observed.
type Lateness struct {
	Count int64    `json:"count"`
	P50   *float64 `json:"p50_seconds"`
	P95   *float64 `json:"p95_seconds"`
	P99   *float64 `json:"p99_seconds"`
}

// Counts are the sums of columns of daily_kpis and variant_comparison, with their
// meanings, and the rates of these sums. A rate is nil if its denominator is 0.
type Counts struct {
	Conversations           int64    `json:"conversations"`
	Finished                int64    `json:"finished"`
	Open                    int64    `json:"open"` // conversations - finished
	Handoffs                int64    `json:"handoffs"`
	HandoffKnown            int64    `json:"handoff_known"`
	HandoffRate             *float64 `json:"handoff_rate"`
	Contained               int64    `json:"contained"`
	ContainmentRate         *float64 `json:"containment_rate"`
	EarlyAbandons           int64    `json:"early_abandons"`
	EarlyKnown              int64    `json:"early_known"`
	EarlyAbandonRate        *float64 `json:"early_abandon_rate"`
	ContainedNoCallback     int64    `json:"contained_no_callback"` // of days whose next 24 hours were read
	CallbackKnown           int64    `json:"callback_known"`        // of the same days
	ContainedNoCallbackRate *float64 `json:"contained_no_callback_rate"`
	DurationKnown           int64    `json:"duration_known"`
	AvgTotalSeconds         *float64 `json:"avg_total_seconds"`
	AgentDurationKnown      int64    `json:"agent_duration_known"`
	AgentSeconds            float64  `json:"agent_seconds"`
	AvgAgentSeconds         *float64 `json:"avg_agent_seconds"`
	Turns                   int64    `json:"turns"`
	UserTurns               int64    `json:"user_turns"`
	SilentTurns             int64    `json:"silent_turns"`
	SilenceKnownTurns       int64    `json:"silence_known_turns"`
	SilenceRate             *float64 `json:"silence_rate"`
	OODTurns                int64    `json:"ood_turns"`
	OODKnownTurns           int64    `json:"ood_known_turns"`
	OODRate                 *float64 `json:"ood_rate"`
	// LatencyBuckets count the turns by latency, see [bucketNames].
	LatencyBuckets [7]int64 `json:"latency_buckets"`
}

// bucketNames are the latencies of [Counts].LatencyBuckets.
var bucketNames = [7]string{"up to 0.5 s", "0.5 to 1 s", "1 to 1.5 s", "1.5 to 2 s", "2 to 3 s", "3 to 5 s", "over 5 s"}

// Latency has percentiles by nearest rank over the turns with a latency; nil if there
// are none.
type Latency struct {
	Turns int64    `json:"turns"`
	P50   *float64 `json:"p50_seconds"`
	P90   *float64 `json:"p90_seconds"`
	P95   *float64 `json:"p95_seconds"`
	P99   *float64 `json:"p99_seconds"`
}

// Summary has the figures of a whole period.
type Summary struct {
	Counts
	Latency     Latency          `json:"latency"`
	Transcripts map[string]int64 `json:"transcripts"` // ended conversations by transcript_status
	Repeats     []Repeat         `json:"repeat_contacts"`
	// Rejected are conversations that could not be read, by reason. They are in no
	// other figure.
	Rejected []Rejected `json:"rejected"`
	// Missing is the number of conversations that the source no longer lists. They are in
	// no other figure.
	Missing int64 `json:"missing"`
}

// Repeat counts conversations by whether the same customer made contact again, see the
// view contacts. Those whose following 24 hours or 7 days were not read are not known, even
// if the customer did.
type Repeat struct {
	Outcome   string `json:"outcome"` // of contacts; unknown if it is NULL
	Known24h  int64  `json:"known_24h"`
	Within24h int64  `json:"within_24h"`
	Known7d   int64  `json:"known_7d"`
	Within7d  int64  `json:"within_7d"`
}

// Rejected is the number of rejects with a reason.
type Rejected struct {
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// The states of a [DayFigures].
const (
	DayComplete = "complete" // see is_complete of daily_kpis, for all projects
	DayPartial  = "partial"  // not complete
	DayNotRead  = "not_read" // nothing of it was read
)

// DayFigures are the figures of a local day.
type DayFigures struct {
	Day     string  `json:"day"`
	State   string  `json:"state"`
	Counts  *Counts `json:"figures"` // nil: it was not read
	Latency Latency `json:"latency"`
}

// HourCount is the number of conversations that started in an hour of a day.
type HourCount struct {
	Day           string `json:"day"`
	Hour          int64  `json:"hour"`
	Conversations int64  `json:"conversations"`
}

// Group has the figures of the conversations of a project, channel, variant or
// deployment. ID is nil for those that have none.
type Group struct {
	ID      *string  `json:"id"`
	Name    *string  `json:"name,omitempty"`    // of a variant
	Counts  *Counts  `json:"figures,omitempty"` // nil: of a deployment
	Latency *Latency `json:"latency,omitempty"` // nil: of a project or channel
}

// Reason is a reason of handoffs, with their destination; nil: the source gives none.
type Reason struct {
	Reason      *string `json:"reason"`
	Destination *string `json:"destination"`
	Handoffs    int64   `json:"handoffs"`
	Before      int64   `json:"previous_handoffs"` // 0 if not compared
}

// Step says how many conversations reached a turn, and how many ended with it, by
// outcome. It counts ended conversations whose transcript is complete, or that have no
// turns.
type Step struct {
	Turn    int64            `json:"turn"` // the number of turns; the last step is this many or more
	Reached int64            `json:"reached"`
	Ended   int64            `json:"ended"`
	Outcome map[string]int64 `json:"ended_by_outcome"`
}

// Metric has the sums of metric_daily.
type Metric struct {
	Name           string   `json:"name"`
	Conversations  int64    `json:"conversations"`
	Before         int64    `json:"previous_conversations"` // 0 if not compared
	Entries        int64    `json:"entries"`
	TrueValues     int64    `json:"true_values"`
	BooleanValues  int64    `json:"boolean_values"`
	TrueRate       *float64 `json:"true_rate"`
	NumericValues  int64    `json:"numeric_values"`
	NumericAverage *float64 `json:"numeric_average"`

	sums []float64 // of the numbers of each day
}

// rate is a share, or nil if there is nothing to share.
func rate(part, whole int64) *float64 { return mean(float64(part), whole) }

// mean is a sum divided by a count, or nil if that is 0.
func mean(sum float64, count int64) *float64 {
	if count == 0 {
		return nil
	}
	v := sum / float64(count)
	return &v
}
