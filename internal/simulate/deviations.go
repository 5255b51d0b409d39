package simulate

// Deviations enables behavior of the API that was observed but is not documented.
// Each affects some of the conversations or turns, never all.
type Deviations struct {
	NullsForEmpty     bool // null or a missing field where "" is documented
	UnsaidBooleans    bool // null for a boolean
	TimeForms         bool // Z, other offsets, 0 to 9 digits of fraction, a space for the T, no zone, null
	NumberForms       bool // 73.0, "73", null, and 73.5 for durations
	LatencyObjects    bool // {"label", "perceived_latency", "perceived_latency_percentile_1d"}
	LatencyStrings    bool // "1.61", null, or no latency
	MetricForms       bool // numbers, booleans, null, objects, lists, lists with the time of writing
	NastyState        bool // deep nesting, huge numbers, U+0000, lone surrogates, duplicate keys, invalid UTF-8
	OddTexts          bool // HTML, emoji, other scripts, control characters, U+0000, invalid UTF-8 in the transcript
	HiddenTranscripts bool // turns [] or null though num_turns is not 0
	UnknownFields     bool // unknown fields in conversations and in turns
	ForeignIdentity   bool // account, project and environment in another form than requested
	OddIDs            bool // ids with spaces, slashes, any script, up to 900 bytes
	OddNumbers        bool // telephone numbers with spaces, SIP users, addresses
	EntityForms       bool // null, one map, lists of values
	IntentForms       bool // null, a list of objects
	NewChannels       bool // channels that are not documented, null, missing
	Summaries         bool // score, summary, tags, language, direction
	PageOverlap       bool // a page repeats the last conversation of the one before
	NeverEnding       bool // a few conversations stay in progress forever
	LateArrivals      bool // one in twenty becomes visible minutes to hours late, not one in two hundred
	UnreadableValues  bool // an invalid number or time
	Unreadable        bool // values that are not conversations: not an object, no id, no start
}

// AllDeviations enables all of them.
func AllDeviations() Deviations {
	return Deviations{
		NullsForEmpty:     true,
		UnsaidBooleans:    true,
		TimeForms:         true,
		NumberForms:       true,
		LatencyObjects:    true,
		LatencyStrings:    true,
		MetricForms:       true,
		NastyState:        true,
		OddTexts:          true,
		HiddenTranscripts: true,
		UnknownFields:     true,
		ForeignIdentity:   true,
		OddIDs:            true,
		OddNumbers:        true,
		EntityForms:       true,
		IntentForms:       true,
		NewChannels:       true,
		Summaries:         true,
		PageOverlap:       true,
		NeverEnding:       true,
		LateArrivals:      true,
		UnreadableValues:  true,
		Unreadable:        true,
	}
}
