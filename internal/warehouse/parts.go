package warehouse

// Turns is the table of turns: one exchange each, user first.
var Turns = Table[Turn]{
	Name: "turns", Doc: "One row a turn: what the user said and what the agent answered.",
	Key: []string{"project_id", "conversation_id", "turn_index"}, ByStart: true,
	Columns: []Column[Turn]{
		{Name: "project_id", Doc: "The conversation's project.", Ref: func(r *Turn) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Source: "id", Ref: func(r *Turn) any { return &r.ConversationID }},
		{Name: "turn_index", Doc: "Its place in the conversation, from 0.", Source: "turns[]", Ref: func(r *Turn) any { return &r.TurnIndex }},
		{Name: "started_at", Doc: "The conversation's start (for pruning).", Source: "started_at", Ref: func(r *Turn) any { return &r.StartedAt }},
		{Name: "turn_id", Doc: "The source's own number of the turn, where it gives one.", Source: "turns[].turn_id", Ref: func(r *Turn) any { return &r.TurnID }},
		{Name: "user_input", Doc: "What the user said.", Source: "turns[].user_input", Ref: func(r *Turn) any { return &r.UserInput }},
		{Name: "user_input_dtmf", Doc: "Keys that the user pressed.", Source: "turns[].user_input_dtmf", Ref: func(r *Turn) any { return &r.UserInputDTMF }},
		{Name: "user_input_at", Doc: "When the input was received.", Source: "turns[].user_input_datetime", Ref: func(r *Turn) any { return &r.UserInputAt }},
		{Name: "agent_response", Doc: "What the agent answered.", Source: "turns[].agent_response", Ref: func(r *Turn) any { return &r.AgentResponse }},
		{Name: "agent_response_at", Doc: "When the agent began to answer.", Source: "turns[].agent_response_datetime", Ref: func(r *Turn) any { return &r.AgentResponseAt }},
		{Name: "latency_seconds", Unit: "s", Doc: "Perceived latency, as the source says.", Source: "turns[].latency, .perceived_latency", Ref: func(r *Turn) any { return &r.LatencySeconds }},
		{Name: "latency_label", Doc: "The source's word for the latency.", Source: "turns[].latency.label", Ref: func(r *Turn) any { return &r.LatencyLabel }},
		{Name: "latency_percentile_1d", Doc: "The latency's percentile within the source's last day; drifts by itself.", Source: "turns[].latency.perceived_latency_percentile_1d", Volatile: true, Ref: func(r *Turn) any { return &r.LatencyPercentile1d }},
		{Name: "response_gap_seconds", Unit: "s", Doc: "agent_response_at - user_input_at.", Source: "turns[].agent_response_datetime, .user_input_datetime", Ref: func(r *Turn) any { return &r.ResponseGapSeconds }},
		{Name: "translated_user_input", Doc: "What the user said, translated.", Source: "turns[].translated_user_input", Ref: func(r *Turn) any { return &r.TranslatedUserInput }},
		{Name: "english_agent_response", Doc: "What the agent answered, in English.", Source: "turns[].english_agent_response", Ref: func(r *Turn) any { return &r.EnglishAgentResponse }},
		{Name: "user_language", Doc: "Language that was recognised.", Source: "turns[].asr_lang_code", Ref: func(r *Turn) any { return &r.UserLanguage }},
		{Name: "agent_language", Doc: "Language that was spoken.", Source: "turns[].tts_lang_code", Ref: func(r *Turn) any { return &r.AgentLanguage }},
		{Name: "is_ood", Doc: "Out of domain; NULL: not said.", Source: "turns[].is_ood", Ref: func(r *Turn) any { return &r.IsOOD }},
		{Name: "is_silence", Doc: "The user was silent; NULL: not said.", Source: "turns[].is_silence", Ref: func(r *Turn) any { return &r.IsSilence }},
		{Name: "barge_in", Doc: "The user interrupted the agent; NULL: not said.", Source: "turns[].barge_in", Ref: func(r *Turn) any { return &r.BargeIn }},
		{Name: "intents", Doc: "Intents that were recognised.", Source: "turns[].intents", Ref: func(r *Turn) any { return &r.Intents }},
		{Name: "user_audio_url", Doc: "Where the user's audio of this turn is.", Source: "turns[].user_input_audio_url", Ref: func(r *Turn) any { return &r.UserAudioURL }},
		{Name: "extra", Doc: "Fields that have no column, and values that could not be read, by their source names.", Source: "turns[], any other", Ref: func(r *Turn) any { return &r.Extra }},
	},
}

// Entities is the table of entities that were recognised in turns.
var Entities = Table[Entity]{
	Name: "turn_entities", Doc: "One row a value of an entity that was recognised in a turn.",
	Key: []string{"project_id", "conversation_id", "turn_index", "name", "ordinal"}, ByStart: true,
	Columns: []Column[Entity]{
		{Name: "project_id", Doc: "The conversation's project.", Ref: func(r *Entity) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Source: "id", Ref: func(r *Entity) any { return &r.ConversationID }},
		{Name: "turn_index", Doc: "The turn.", Source: "turns[]", Ref: func(r *Entity) any { return &r.TurnIndex }},
		{Name: "name", Doc: "The entity's name.", Source: "turns[].entities[], name", Ref: func(r *Entity) any { return &r.Name }},
		{Name: "ordinal", Doc: "The value's place among those of this name, from 0.", Source: "turns[].entities[]", Ref: func(r *Entity) any { return &r.Ordinal }},
		{Name: "started_at", Doc: "The conversation's start (for pruning).", Source: "started_at", Ref: func(r *Entity) any { return &r.StartedAt }},
		{Name: "value", Doc: "The value as text; JSON text for what is no scalar.", Source: "turns[].entities[], value", Ref: func(r *Entity) any { return &r.Value }},
	},
}

// Metrics is the table of what agents measured about conversations.
var Metrics = Table[Metric]{
	Name: "conversation_metrics", Doc: "One row a value of a metric. A new metric is a new row, never a new column.",
	Key: []string{"project_id", "conversation_id", "name", "ordinal"}, ByStart: true,
	Columns: []Column[Metric]{
		{Name: "project_id", Doc: "The conversation's project.", Ref: func(r *Metric) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Source: "id", Ref: func(r *Metric) any { return &r.ConversationID }},
		{Name: "name", Doc: "The metric's name.", Source: "metrics, name", Ref: func(r *Metric) any { return &r.Name }},
		{Name: "ordinal", Doc: "The value's place in a list, from 0.", Source: "metrics[]", Ref: func(r *Metric) any { return &r.Ordinal }},
		{Name: "started_at", Doc: "The conversation's start (for pruning).", Source: "started_at", Ref: func(r *Metric) any { return &r.StartedAt }},
		{Name: "value", Doc: "The value as text; JSON text for what is no scalar.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.Value }},
		{Name: "value_number", Doc: "The value as a number, where it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueNumber }},
		{Name: "value_boolean", Doc: "The value as a boolean, where it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueBoolean }},
		{Name: "value_at", Doc: "The value as a time, where it is one.", Source: "metrics, value", Ref: func(r *Metric) any { return &r.ValueAt }},
		{Name: "recorded_at", Doc: "When it was written, where the source says so.", Source: "metrics, timestamp", Ref: func(r *Metric) any { return &r.RecordedAt }},
	},
}

// AudioReferences is the table of recordings.
var AudioReferences = Table[AudioReference]{
	Name: "audio_references", Doc: "One row a recording of a voice conversation: where it is. Recordings themselves are not looked at by this version.",
	Key: []string{"project_id", "conversation_id", "direction", "redacted"}, ByStart: true,
	Columns: []Column[AudioReference]{
		{Name: "project_id", Doc: "The conversation's project.", Ref: func(r *AudioReference) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Source: "id", Ref: func(r *AudioReference) any { return &r.ConversationID }},
		{Name: "direction", Doc: "combined, user or agent.", Ref: func(r *AudioReference) any { return &r.Direction }},
		{Name: "redacted", Doc: "Whether the redacted recording was asked for.", Ref: func(r *AudioReference) any { return &r.Redacted }},
		{Name: "started_at", Doc: "The conversation's start (for pruning).", Source: "started_at", Ref: func(r *AudioReference) any { return &r.StartedAt }},
		{Name: "url", Doc: "Where the recording is; stable, without a key.", Ref: func(r *AudioReference) any { return &r.URL }},
		{Name: "availability", Doc: "unknown, available or missing; always unknown in this version.", Ref: func(r *AudioReference) any { return &r.Availability }},
		{Name: "checked_at", Doc: "When availability was last checked; not filled by this version.", Ref: func(r *AudioReference) any { return &r.CheckedAt }},
		{Name: "size_bytes", Unit: "bytes", Doc: "Size of the recording; not filled by this version.", Ref: func(r *AudioReference) any { return &r.SizeBytes }},
		{Name: "duration_seconds", Unit: "s", Doc: "Length of the recording; not filled by this version.", Ref: func(r *AudioReference) any { return &r.DurationSeconds }},
		{Name: "sample_rate_hz", Unit: "Hz", Doc: "Sample rate of the recording; not filled by this version.", Ref: func(r *AudioReference) any { return &r.SampleRateHz }},
		{Name: "channels", Doc: "Number of audio channels; not filled by this version.", Ref: func(r *AudioReference) any { return &r.Channels }},
		{Name: "sha256", Doc: "SHA-256 (hex) of the recording; not filled by this version.", Ref: func(r *AudioReference) any { return &r.SHA256 }},
		{Name: "stored_uri", Doc: "Where a copy of the recording was stored; not filled by this version.", Ref: func(r *AudioReference) any { return &r.StoredURI }},
		{Name: "stored_at", Doc: "When that copy was stored; not filled by this version.", Ref: func(r *AudioReference) any { return &r.StoredAt }},
	},
}
