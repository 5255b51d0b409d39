package warehouse

// ExportedRecording is a row of [ExportedRecordings].
type ExportedRecording struct {
	ProjectID, Environment, ConversationID string
	StartedAt                              Timestamp
	DurationSeconds                        Null[float64]
	Channel, CallDirection                 Text
	FromNumber, ToNumber                   Text
	AudioDirection                         Text
	Redacted                               Null[bool]
	RedactionEvidence                      Text
	Availability                           string
	CheckedAt                              Null[Timestamp]
	Reason                                 Text
	SizeBytes                              Null[int64]
	RecordingSeconds                       Null[float64]
	SampleRateHz, Channels                 Null[int64]
	Codec                                  Text
	SHA256, Path                           Text
	StoredURI                              Text
	StoredAt                               Null[Timestamp]
	URL                                    Text
	MissingSince                           Null[Timestamp]
	RunID                                  string
}

// AudioNone is the availability of an exported voice conversation without a
// reference of the requested version.
const AudioNone = "none"

// ExportedRecordings declares the list of `convsync export audio`: the header of
// its CSV form, the keys of its JSON lines and the schema of its Parquet form. It is
// not a table of a destination.
var ExportedRecordings = Table[ExportedRecording]{
	Name: "recordings",
	Doc:  "One row per recording, and one per voice conversation that has none.",
	Key:  []string{"project_id", "conversation_id", "audio_direction", "redacted"},
	Columns: []Column[ExportedRecording]{
		{Name: "project_id", Doc: "Project of the conversation.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.ProjectID }},
		{Name: "environment", Doc: "Environment of the conversation.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.Environment }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *ExportedRecording) any { return &r.ConversationID }},
		{Name: "started_at", Doc: "Start of the conversation.", Ref: func(r *ExportedRecording) any { return &r.StartedAt }},
		{Name: "duration_seconds", Unit: "s", Doc: "Length of the conversation.", Ref: func(r *ExportedRecording) any { return &r.DurationSeconds }},
		{Name: "channel", Doc: "Channel as the source gives it.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.Channel }},
		{Name: "direction_of_call", Doc: "inbound, outbound, or NULL if it is not known.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.CallDirection }},
		{Name: "from_number", Doc: "Caller. Masked unless the manifest says that numbers are shown.", Ref: func(r *ExportedRecording) any { return &r.FromNumber }},
		{Name: "to_number", Doc: "Number that was called. Masked unless the manifest says that numbers are shown.", Ref: func(r *ExportedRecording) any { return &r.ToNumber }},
		{Name: "audio_direction", Doc: "Which side is recorded: combined, user or agent; NULL if there is no reference.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.AudioDirection }},
		{Name: "redacted", Doc: "Whether the redacted recording was requested; redaction_evidence says how it is known.", Ref: func(r *ExportedRecording) any { return &r.Redacted }},
		{
			Name:    "redaction_evidence",
			Doc:     "requested (the redacted one was requested, and nothing contradicts), verified (the raw and the redacted one differ), identical (the raw one was requested, and has the same bytes as the redacted one), unknown; NULL before the first check.",
			Repeats: true,
			Ref:     func(r *ExportedRecording) any { return &r.RedactionEvidence },
		},
		{
			Name:    "availability",
			Doc:     "unknown (not checked yet), available, missing (the source has no recording), forbidden (the key may not read it), failed (what the source returned is not a recording), or none (the conversation has no reference).",
			Repeats: true,
			Ref:     func(r *ExportedRecording) any { return &r.Availability },
		},
		{Name: "checked_at", Doc: "Server time of the last check; NULL if there was none.", Ref: func(r *ExportedRecording) any { return &r.CheckedAt }},
		{
			Name:    "reason",
			Doc:     "Why there is no recording or no file of it: not_checked, not_found, forbidden, not_enlisted, in_progress; lost_recording or altered_recording for a stored copy that is gone or has other bytes; otherwise the reason of the last failed check.",
			Repeats: true,
			Ref:     func(r *ExportedRecording) any { return &r.Reason },
		},
		{Name: "size_bytes", Unit: "bytes", Doc: "Size of the recording.", Ref: func(r *ExportedRecording) any { return &r.SizeBytes }},
		{Name: "recording_seconds", Unit: "s", Doc: "Length of the recording.", Ref: func(r *ExportedRecording) any { return &r.RecordingSeconds }},
		{Name: "sample_rate_hz", Unit: "Hz", Doc: "Sample rate of the recording.", Ref: func(r *ExportedRecording) any { return &r.SampleRateHz }},
		{Name: "channels", Doc: "Number of audio channels.", Ref: func(r *ExportedRecording) any { return &r.Channels }},
		{Name: "codec", Doc: "Encoding of the samples, such as pcm_s16le or mulaw.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.Codec }},
		{Name: "sha256", Doc: "SHA-256 (hex) of the stored copy, or of the file that this export fetched; NULL if there is neither.", Ref: func(r *ExportedRecording) any { return &r.SHA256 }},
		{Name: "path", Doc: "Path of the file in this export; NULL if it does not contain the recording.", Ref: func(r *ExportedRecording) any { return &r.Path }},
		{Name: "stored_uri", Doc: "Path of the stored copy, relative to audio.store; NULL if there is none.", Ref: func(r *ExportedRecording) any { return &r.StoredURI }},
		{Name: "stored_at", Doc: "When the copy was stored; NULL if there is none.", Ref: func(r *ExportedRecording) any { return &r.StoredAt }},
		{Name: "url", Doc: "URL of the recording at the source. It contains no key.", Ref: func(r *ExportedRecording) any { return &r.URL }},
		{Name: "missing_since", Doc: "Since when the source no longer lists the conversation; NULL if it does.", Ref: func(r *ExportedRecording) any { return &r.MissingSince }},
		{Name: "run_id", Doc: "Run that wrote the stored version of the conversation.", Repeats: true, Ref: func(r *ExportedRecording) any { return &r.RunID }},
	},
}
