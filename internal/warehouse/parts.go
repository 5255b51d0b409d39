package warehouse

// Parts lists the parts of a conversation. All code that hashes, encodes,
// stores, reads or compares conversations loops over it. A new part needs its
// table below, its line here, its row type and field of [Rows] in rows.go, and
// code in the transform that makes its rows.
var Parts = []Part{
	partOf(&Turns, func(r *Rows) *[]Turn { return &r.Turns }),
	partOf(&Entities, func(r *Rows) *[]Entity { return &r.Entities }),
	partOf(&Metrics, func(r *Rows) *[]Metric { return &r.Metrics }),
	partOf(&AudioReferences, func(r *Rows) *[]AudioReference { return &r.Audio }),
}

// Turns declares the table turns. A turn is one exchange: user input, then the
// agent's response.
var Turns = Table[Turn]{
	Name:    "turns",
	Doc:     "One row per turn: what the user said and how the agent responded.",
	Key:     []string{"project_id", "conversation_id", "turn_index"},
	ByStart: true,
	Columns: []Column[Turn]{
		{Name: "project_id", Doc: "Project of the conversation.", Ref: func(r *Turn) any { return &r.ProjectID }},
		{
			Name:    "conversation_id",
			Doc:     "The conversation.",
			Source:  "id",
			Repeats: true,
			Ref:     func(r *Turn) any { return &r.ConversationID },
		},
		{Name: "turn_index", Doc: "Position of the turn in the conversation, from 0.", Source: "turns[]", Ref: func(r *Turn) any { return &r.TurnIndex }},
		{Name: "started_at", Doc: "Start of the conversation, by which the table is partitioned.", Source: "started_at", Ref: func(r *Turn) any { return &r.StartedAt }},
		{Name: "turn_id", Doc: "The source's number of the turn, if it gives one.", Source: "turns[].turn_id", Ref: func(r *Turn) any { return &r.TurnID }},
		{
			Name:     "user_input",
			Doc:      "What the user said.",
			Source:   "turns[].user_input",
			FreeText: true,
			Ref:      func(r *Turn) any { return &r.UserInput },
		},
		{
			Name:    "user_input_dtmf",
			Doc:     "Keys that the user pressed.",
			Source:  "turns[].user_input_dtmf",
			Repeats: true,
			Ref:     func(r *Turn) any { return &r.UserInputDTMF },
		},
		{Name: "user_input_at", Doc: "When the input was received.", Source: "turns[].user_input_datetime", Ref: func(r *Turn) any { return &r.UserInputAt }},
		{
			Name:     "agent_response",
			Doc:      "The agent's response.",
			Source:   "turns[].agent_response",
			FreeText: true,
			Ref:      func(r *Turn) any { return &r.AgentResponse },
		},
		{Name: "agent_response_at", Doc: "When the agent started to respond.", Source: "turns[].agent_response_datetime", Ref: func(r *Turn) any { return &r.AgentResponseAt }},
		{
			Name:   "latency_seconds",
			Unit:   "s",
			Doc:    "Perceived latency that the source reports.",
			Source: "turns[].latency, .perceived_latency",
			Ref:    func(r *Turn) any { return &r.LatencySeconds },
		},
		{
			Name:    "latency_label",
			Doc:     "The source's label for the latency.",
			Source:  "turns[].latency.label",
			Repeats: true,
			Ref:     func(r *Turn) any { return &r.LatencyLabel },
		},
		{
			Name:     "latency_percentile_1d",
			Doc:      "Percentile of the latency within the last day at the source. It changes over time, so it is not part of the content hash.",
			Source:   "turns[].latency.perceived_latency_percentile_1d",
			Volatile: true,
			Ref:      func(r *Turn) any { return &r.LatencyPercentile1d },
		},
		{
			Name:   "response_gap_seconds",
			Unit:   "s",
			Doc:    "agent_response_at - user_input_at.",
			Source: "turns[].agent_response_datetime, .user_input_datetime",
			Ref:    func(r *Turn) any { return &r.ResponseGapSeconds },
		},
		{
			Name:     "translated_user_input",
			Doc:      "Translation of user_input.",
			Source:   "turns[].translated_user_input",
			FreeText: true,
			Ref:      func(r *Turn) any { return &r.TranslatedUserInput },
		},
		{
			Name:     "english_agent_response",
			Doc:      "English translation of agent_response.",
			Source:   "turns[].english_agent_response",
			FreeText: true,
			Ref:      func(r *Turn) any { return &r.EnglishAgentResponse },
		},
		{
			Name:    "user_language",
			Doc:     "Language that was recognized.",
			Source:  "turns[].asr_lang_code",
			Repeats: true,
			Ref:     func(r *Turn) any { return &r.UserLanguage },
		},
		{
			Name:    "agent_language",
			Doc:     "Language that the agent spoke.",
			Source:  "turns[].tts_lang_code",
			Repeats: true,
			Ref:     func(r *Turn) any { return &r.AgentLanguage },
		},
		{Name: "is_ood", Doc: "Whether the input was out of domain; NULL if the source does not say.", Source: "turns[].is_ood", Ref: func(r *Turn) any { return &r.IsOOD }},
		{Name: "is_silence", Doc: "Whether the user was silent; NULL if the source does not say.", Source: "turns[].is_silence", Ref: func(r *Turn) any { return &r.IsSilence }},
		{Name: "barge_in", Doc: "Whether the user interrupted the agent; NULL if the source does not say.", Source: "turns[].barge_in", Ref: func(r *Turn) any { return &r.BargeIn }},
		{Name: "intents", Doc: "Intents that were recognized.", Source: "turns[].intents", Ref: func(r *Turn) any { return &r.Intents }},
		{Name: "user_audio_url", Doc: "URL of the user's audio of this turn.", Source: "turns[].user_input_audio_url", Ref: func(r *Turn) any { return &r.UserAudioURL }},
		{Name: "extra", Doc: "Fields without a column, and values that could not be read, under the names that the source uses.", Source: "turns[], any other", Ref: func(r *Turn) any { return &r.Extra }},
	},
}

// Entities declares the table turn_entities.
var Entities = Table[Entity]{
	Name:    "turn_entities",
	Doc:     "One row per value of an entity that was recognized in a turn.",
	Key:     []string{"project_id", "conversation_id", "turn_index", "name", "ordinal"},
	ByStart: true,
	Columns: []Column[Entity]{
		{Name: "project_id", Doc: "Project of the conversation.", Ref: func(r *Entity) any { return &r.ProjectID }},
		{
			Name:    "conversation_id",
			Doc:     "The conversation.",
			Source:  "id",
			Repeats: true,
			Ref:     func(r *Entity) any { return &r.ConversationID },
		},
		{Name: "turn_index", Doc: "turn_index of the turn.", Source: "turns[]", Ref: func(r *Entity) any { return &r.TurnIndex }},
		{
			Name:    "name",
			Doc:     "Name of the entity.",
			Source:  "turns[].entities[], name",
			Repeats: true,
			Ref:     func(r *Entity) any { return &r.Name },
		},
		{Name: "ordinal", Doc: "Position of the value among those with the same name, from 0.", Source: "turns[].entities[]", Ref: func(r *Entity) any { return &r.Ordinal }},
		{Name: "started_at", Doc: "Start of the conversation, by which the table is partitioned.", Source: "started_at", Ref: func(r *Entity) any { return &r.StartedAt }},
		{
			Name:     "value",
			Doc:      "The value as text; JSON text if it is an object or a list.",
			Source:   "turns[].entities[], value",
			FreeText: true,
			Ref:      func(r *Entity) any { return &r.Value },
		},
	},
}

// Metrics declares the table conversation_metrics.
var Metrics = Table[Metric]{
	Name:    "conversation_metrics",
	Doc:     "One row per value of a metric that the agent recorded. A new metric adds rows, never a column.",
	Key:     []string{"project_id", "conversation_id", "name", "ordinal"},
	ByStart: true,
	Columns: []Column[Metric]{
		{Name: "project_id", Doc: "Project of the conversation.", Ref: func(r *Metric) any { return &r.ProjectID }},
		{
			Name:    "conversation_id",
			Doc:     "The conversation.",
			Source:  "id",
			Repeats: true,
			Ref:     func(r *Metric) any { return &r.ConversationID },
		},
		{
			Name:    "name",
			Doc:     "Name of the metric.",
			Source:  "metrics, name",
			Repeats: true,
			Ref:     func(r *Metric) any { return &r.Name },
		},
		{Name: "ordinal", Doc: "Position of the value in a list, from 0.", Source: "metrics[]", Ref: func(r *Metric) any { return &r.Ordinal }},
		{Name: "started_at", Doc: "Start of the conversation, by which the table is partitioned.", Source: "started_at", Ref: func(r *Metric) any { return &r.StartedAt }},
		{
			Name:     "value",
			Doc:      "The value as text; JSON text if it is an object or a list.",
			Source:   "metrics, value",
			Repeats:  true,
			FreeText: true,
			Ref:      func(r *Metric) any { return &r.Value },
		},
		{Name: "value_number", Doc: "The value as a number, if it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueNumber }},
		{Name: "value_boolean", Doc: "The value as a boolean, if it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueBoolean }},
		{Name: "value_at", Doc: "The value as a time, if it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueAt }},
		{Name: "recorded_at", Doc: "When the value was recorded, if the source says so.", Source: "metrics, timestamp", Ref: func(r *Metric) any { return &r.RecordedAt }},
	},
}

// AudioReferences declares the table audio_references.
var AudioReferences = Table[AudioReference]{
	Name:     "audio_references",
	Doc:      "One row per recording of a voice conversation: its URL, what a check found, and where a copy is stored. Filled beyond the URL only if `sync.audio` is check or store.",
	Key:      []string{"project_id", "conversation_id", "direction", "redacted"},
	ByStart:  true,
	Additive: true,
	Columns: []Column[AudioReference]{
		{Name: "project_id", Doc: "Project of the conversation.", Ref: func(r *AudioReference) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Source: "id", Ref: func(r *AudioReference) any { return &r.ConversationID }},
		{Name: "direction", Doc: "combined, user or agent.", Repeats: true, Ref: func(r *AudioReference) any { return &r.Direction }},
		{Name: "redacted", Doc: "Whether the redacted recording was requested; redaction_evidence says how it is known.", Ref: func(r *AudioReference) any { return &r.Redacted }},
		{Name: "started_at", Doc: "Start of the conversation, by which the table is partitioned.", Source: "started_at", Ref: func(r *AudioReference) any { return &r.StartedAt }},
		{Name: "url", Doc: "URL of the recording. It is stable and contains no key. NULL only with a reason.", Ref: func(r *AudioReference) any { return &r.URL }},
		{
			Name:    "availability",
			Doc:     "unknown (not checked yet), available, missing (the source has no recording), forbidden (the key may not read it) or failed (what the source returned is not a recording; see reason).",
			Repeats: true,
			Ref:     func(r *AudioReference) any { return &r.Availability },
		},
		{Name: "checked_at", Doc: "Server time of the last check; NULL if there was none.", Ref: func(r *AudioReference) any { return &r.CheckedAt }},
		{Name: "size_bytes", Unit: "bytes", Doc: "Size of the recording.", Ref: func(r *AudioReference) any { return &r.SizeBytes }},
		{Name: "duration_seconds", Unit: "s", Doc: "Length of the recording.", Ref: func(r *AudioReference) any { return &r.DurationSeconds }},
		{Name: "sample_rate_hz", Unit: "Hz", Doc: "Sample rate of the recording.", Ref: func(r *AudioReference) any { return &r.SampleRateHz }},
		{Name: "channels", Doc: "Number of audio channels.", Ref: func(r *AudioReference) any { return &r.Channels }},
		{Name: "sha256", Doc: "SHA-256 (hex) of the stored copy; NULL if there is none.", Ref: func(r *AudioReference) any { return &r.SHA256 }},
		{Name: "stored_uri", Doc: "Path of the stored copy, relative to `audio.store`; NULL if there is none.", Ref: func(r *AudioReference) any { return &r.StoredURI }},
		{Name: "stored_at", Doc: "When the copy was stored; NULL if there is none.", Ref: func(r *AudioReference) any { return &r.StoredAt }},
		{
			Name:    "codec",
			Doc:     "Encoding of the samples: pcm_s16le, pcm_u8, pcm_s24le, pcm_s32le, pcm_f32le, mulaw, alaw; otherwise wav_ and the format tag in hexadecimal.",
			Repeats: true,
			Ref:     func(r *AudioReference) any { return &r.Codec },
		},
		{
			Name:    "redaction_evidence",
			Doc:     "How it is known whether the recording is redacted: requested (the redacted one was requested, and nothing contradicts), verified (the raw and the redacted one differ), identical (the raw one was requested, and has the same bytes as the redacted one), unknown; NULL before the first check.",
			Repeats: true,
			Ref:     func(r *AudioReference) any { return &r.RedactionEvidence },
		},
		{Name: "reason", Doc: "Why url is NULL, or why the last check or copy failed: such as html, json, empty, short_body, not_wav, status_500.", Repeats: true, Ref: func(r *AudioReference) any { return &r.Reason }},
		{Name: "checks", Doc: "Number of checks since the recording was last available.", Ref: func(r *AudioReference) any { return &r.Checks }},
		{Name: "next_check_at", Doc: "When it is checked again; NULL: not by itself, or at once if it is unknown.", Ref: func(r *AudioReference) any { return &r.NextCheckAt }},
	},
}
