package simulate

// Deviations switches on what the API has been seen to answer though it is not
// documented. Each touches some of the conversations or turns, never all.
type Deviations struct {
	NullsForEmpty     bool // null, or nothing at all, where "" is documented
	UnsaidBooleans    bool // null for a boolean
	TimeForms         bool // Z, other offsets, 0 to 9 digits of fraction, a space for the T, no zone, null
	NumberForms       bool // 73.0, "73", null, and 73.5 for durations
	LatencyObjects    bool // {"label", "perceived_latency", "perceived_latency_percentile_1d"}
	LatencyStrings    bool // "1.61", null, or no latency
	MetricForms       bool // numbers, booleans, null, objects, lists, lists with the time of writing
	NastyState        bool // deep nesting, huge numbers, U+0000, lone surrogates, duplicate keys, bad UTF-8
	OddTexts          bool // HTML, emoji, other scripts, control characters, U+0000, bad UTF-8 in what was said
	HiddenTranscripts bool // turns [] or null though num_turns is not 0
	UnknownFields     bool // fields that no schema knows, in conversations and in turns
	ForeignIdentity   bool // account, project and environment in another form than asked for
	OddIDs            bool // ids with spaces, slashes, any script, up to 900 bytes
	OddNumbers        bool // telephone numbers with spaces, SIP users, addresses
	EntityForms       bool // null, one map, lists of values
	IntentForms       bool // null, a list of objects
	NewChannels       bool // channels that came later, null, none
	Summaries         bool // score, summary, tags, language, direction
	PageOverlap       bool // a page repeats the last conversation of the one before
	NeverEnding       bool // a few conversations stay in progress for ever
	LateArrivals      bool // one in twenty becomes visible minutes to hours late, not one in two hundred
	UnreadableValues  bool // a number or a time that is none
	Unreadable        bool // values that are no conversation: not an object, no id, no start
}

// AllDeviations switches each of them on.
func AllDeviations() Deviations {
	return Deviations{
		NullsForEmpty: true, UnsaidBooleans: true, TimeForms: true, NumberForms: true, LatencyObjects: true,
		LatencyStrings: true, MetricForms: true, NastyState: true, OddTexts: true, HiddenTranscripts: true,
		UnknownFields: true, ForeignIdentity: true, OddIDs: true, OddNumbers: true, EntityForms: true, IntentForms: true,
		NewChannels: true, Summaries: true, PageOverlap: true, NeverEnding: true, LateArrivals: true,
		UnreadableValues: true, Unreadable: true,
	}
}
