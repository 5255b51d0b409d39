package warehouse

// Projects declares the table projects.
var Projects = Table[Project]{
	Name: "projects",
	Doc:  "One row per project: where it is read from, and its time zone.",
	For:  ForAnalysts,
	Key:  []string{"project_id"},
	Columns: []Column[Project]{
		{Name: "project_id", Doc: "Project id under which the data is stored.", Ref: func(r *Project) any { return &r.ProjectID }},
		{Name: "name", Doc: "Project id at the source. It differs from project_id if `as` is configured.", Ref: func(r *Project) any { return &r.Name }},
		{Name: "account_id", Doc: "The account that the project is read from; runs with another account are refused.", Ref: func(r *Project) any { return &r.AccountID }},
		{Name: "region", Doc: "The region that the project is read from; runs with another region are refused.", Ref: func(r *Project) any { return &r.Region }},
		{Name: "time_zone", Doc: "IANA time zone of the project, in which views count days and hours; UTC by default.", Ref: func(r *Project) any { return &r.TimeZone }},
		{Name: "other_id", Doc: "Other form of the project id, as the source returns it (acme-team-4 and PROJECT-58RP822I are the same project); NULL until it is known.", Ref: func(r *Project) any { return &r.OtherID }},
	},
}

// Changes declares the table changes.
var Changes = Table[Change]{
	Name: "changes",
	Doc:  "Change feed: one row per insert, update or deletion of a conversation, in commit order, written in the same commit. Kept for at least 90 days.",
	For:  ForOperators,
	Key:  []string{"sequence"},
	Columns: []Column[Change]{
		{Name: "sequence", Doc: "Position in the feed; increases in commit order.", Ref: func(r *Change) any { return &r.Sequence }},
		{Name: "project_id", Doc: "Project of the conversation.", Ref: func(r *Change) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *Change) any { return &r.ConversationID }},
		{Name: "operation", Doc: "upsert or delete; erase and expire are reserved for later versions.", Ref: func(r *Change) any { return &r.Operation }},
		{Name: "at", Doc: "When the change was written.", Ref: func(r *Change) any { return &r.At }},
		{Name: "run_id", Doc: "The run that wrote the change.", Ref: func(r *Change) any { return &r.RunID }},
	},
}

// SyncRuns declares the table sync_runs, the log of runs.
var SyncRuns = Table[SyncRun]{
	Name: "sync_runs",
	Doc:  "One row per run, written at its end; the next run writes the row of a killed run. Rows are kept for 400 days. Of the runs before the last 10,000, only the last of each day is kept.",
	For:  ForOperators,
	Key:  []string{"run_id"},
	Columns: []Column[SyncRun]{
		{Name: "run_id", Doc: "Id of the run.", Ref: func(r *SyncRun) any { return &r.RunID }},
		{Name: "actor", Doc: "Operating-system user of the run.", Ref: func(r *SyncRun) any { return &r.Actor }},
		{Name: "host", Doc: "Host name of the machine.", Ref: func(r *SyncRun) any { return &r.Host }},
		{Name: "version", Doc: "Version of convsync.", Ref: func(r *SyncRun) any { return &r.Version }},
		{Name: "config_hash", Doc: "SHA-256 (hex) of the configuration without secrets.", Ref: func(r *SyncRun) any { return &r.ConfigHash }},
		{Name: "kind", Doc: "incremental, backfill, repair, replay, event, or audio (checks and copies of recordings).", Ref: func(r *SyncRun) any { return &r.Kind }},
		{Name: "status", Doc: "succeeded, partial, failed or killed.", Ref: func(r *SyncRun) any { return &r.Status }},
		{Name: "window_from", Doc: "Start of the requested time range.", Ref: func(r *SyncRun) any { return &r.WindowFrom }},
		{Name: "window_until", Doc: "End of the requested time range.", Ref: func(r *SyncRun) any { return &r.WindowUntil }},
		{Name: "started_at", Doc: "When the run started.", Ref: func(r *SyncRun) any { return &r.StartedAt }},
		{Name: "finished_at", Doc: "When the run finished; NULL if it was killed.", Ref: func(r *SyncRun) any { return &r.FinishedAt }},
		{Name: "requests", Doc: "Number of requests, including retries.", Ref: func(r *SyncRun) any { return &r.Requests }},
		{Name: "retries", Doc: "Number of retries.", Ref: func(r *SyncRun) any { return &r.Retries }},
		{Name: "waited_seconds", Unit: "s", Doc: "Time spent waiting before retries.", Ref: func(r *SyncRun) any { return &r.WaitedSeconds }},
		{Name: "bytes", Unit: "bytes", Doc: "Decompressed size of the responses.", Ref: func(r *SyncRun) any { return &r.Bytes }},
		{Name: "conversations_read", Doc: "Conversations that were read, including those that were read twice: inserted, updated, unchanged and rejected.", Ref: func(r *SyncRun) any { return &r.Read }},
		{Name: "conversations_inserted", Doc: "Conversations that were new.", Ref: func(r *SyncRun) any { return &r.Inserted }},
		{Name: "conversations_updated", Doc: "Conversations whose content had changed.", Ref: func(r *SyncRun) any { return &r.Updated }},
		{Name: "conversations_unchanged", Doc: "Conversations whose content was already stored, or that were read twice.", Ref: func(r *SyncRun) any { return &r.Unchanged }},
		{Name: "conversations_rejected", Doc: "Conversations that could not be read or stored; see rejects.", Ref: func(r *SyncRun) any { return &r.Rejected }},
		{Name: "drift", Doc: "Occurrences of unknown fields, types and values; see schema_drift.", Ref: func(r *SyncRun) any { return &r.Drifting }},
		{Name: "error", Doc: "Error message.", Ref: func(r *SyncRun) any { return &r.Error }},
		{Name: "warnings", Doc: "Warnings, one per line, such as a clock that differs from server time.", Ref: func(r *SyncRun) any { return &r.Warnings }},
		{Name: "epoch", Doc: "sync_locks.epoch of the run. It increases with each run, independent of clocks; NULL for runs of older versions.", Ref: func(r *SyncRun) any { return &r.Epoch }},
		{Name: "last_change", Doc: "changes.sequence of the last change when the run ended; NULL if there was none, or if the run was killed.", Ref: func(r *SyncRun) any { return &r.LastChange }},
		{Name: "source_at", Doc: "Server time when the run ended; NULL if the source did not respond. A row expires only when it is old enough by both this clock and that of finished_at.", Ref: func(r *SyncRun) any { return &r.SourceAt }},
	},
}

// SyncCoverage declares the table sync_coverage.
var SyncCoverage = Table[CoverageRange]{
	Name: "sync_coverage",
	Doc:  "Time ranges of conversation starts that were read completely: [covered_from, covered_until).",
	For:  ForAnalysts,
	Key:  []string{"project_id", "environment", "covered_from"},
	Columns: []Column[CoverageRange]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *CoverageRange) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *CoverageRange) any { return &r.Environment }},
		{Name: "covered_from", Doc: "First second of the time range.", Ref: func(r *CoverageRange) any { return &r.From }},
		{Name: "covered_until", Doc: "First second after the time range.", Ref: func(r *CoverageRange) any { return &r.Until }},
		{Name: "read_at", Doc: "When the time range was read; of merged time ranges, the oldest read.", Ref: func(r *CoverageRange) any { return &r.ReadAt }},
		{Name: "shape", Doc: "Transform version with which it was read.", Ref: func(r *CoverageRange) any { return &r.Shape }},
	},
}

// SyncWatermarks declares the table sync_watermarks: how far each feed is
// covered without a gap.
var SyncWatermarks = Table[Watermark]{
	Name: "sync_watermarks",
	Doc:  "One row per project and environment: the end of the coverage that has no gap. It never moves back.",
	For:  ForAnalysts,
	Key:  []string{"project_id", "environment"},
	Columns: []Column[Watermark]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Watermark) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Watermark) any { return &r.Environment }},
		{Name: "watermark", Doc: "Everything that started before this time was read, except for the time ranges in sync_holes.", Ref: func(r *Watermark) any { return &r.Watermark }},
		{Name: "updated_at", Doc: "When the watermark last moved.", Ref: func(r *Watermark) any { return &r.UpdatedAt }},
	},
}

// OpenConversations declares the table open_conversations, the
// open-conversation queue.
var OpenConversations = Table[OpenConversation]{
	Name: "open_conversations",
	Doc:  "Open-conversation queue: conversations that were in progress when they were last read. Runs read them again until they end.",
	For:  ForAnalysts,
	Key:  []string{"project_id", "conversation_id"},
	Columns: []Column[OpenConversation]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *OpenConversation) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *OpenConversation) any { return &r.Environment }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *OpenConversation) any { return &r.ConversationID }},
		{Name: "started_at", Doc: "When the conversation started.", Ref: func(r *OpenConversation) any { return &r.StartedAt }},
		{Name: "first_seen_at", Doc: "When the conversation was first read.", Ref: func(r *OpenConversation) any { return &r.FirstSeenAt }},
	},
}

// SyncLateness declares the table sync_lateness.
var SyncLateness = Table[Lateness]{
	Name: "sync_lateness",
	Doc:  "Histogram of the time from the start of a conversation until it was observed. It counts conversations that started after the first run.",
	For:  ForAnalysts,
	Key:  []string{"project_id", "environment", "measure", "upper_seconds"},
	Columns: []Column[Lateness]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Lateness) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Lateness) any { return &r.Environment }},
		{
			Name:   "measure",
			Doc:    "arrival: until it was first read; final: until it was first read as ended; change: until a change after its end was read.",
			Values: []string{"arrival", "final", "change"},
			Ref:    func(r *Lateness) any { return &r.Measure },
		},
		{Name: "upper_seconds", Unit: "s", Doc: "Upper bound of the bucket; its lower bound is the upper bound of the previous bucket.", Ref: func(r *Lateness) any { return &r.UpperSeconds }},
		{Name: "count", Doc: "Number of observations in the bucket.", Ref: func(r *Lateness) any { return &r.Count }},
	},
}

// SyncRevealed declares the table sync_revealed.
var SyncRevealed = Table[Reveal]{
	Name: "sync_revealed",
	Doc:  "Feeds whose transcripts or metrics were hidden and are visible again. A row remains until the hidden days were read again.",
	For:  ForConvsync,
	Key:  []string{"project_id", "environment"},
	Columns: []Column[Reveal]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Reveal) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Reveal) any { return &r.Environment }},
		{Name: "revealed_at", Doc: "When they were first observed to be visible again.", Ref: func(r *Reveal) any { return &r.RevealedAt }},
	},
}

// SyncHoles declares the table sync_holes.
var SyncHoles = Table[Hole]{
	Name: "sync_holes",
	Doc:  "Seconds that the source fails to return, although it returns the seconds around them. They are not in sync_coverage, and the watermark moves past them. Each is requested again from time to time; its row is deleted once it was read.",
	For:  ForOperators,
	Key:  []string{"project_id", "environment", "hole_from"},
	Columns: []Column[Hole]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Hole) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Hole) any { return &r.Environment }},
		{Name: "hole_from", Doc: "First second that cannot be read.", Ref: func(r *Hole) any { return &r.From }},
		{Name: "hole_until", Doc: "First second after the hole.", Ref: func(r *Hole) any { return &r.Until }},
		{Name: "reason", Doc: "Error of the last attempt.", Ref: func(r *Hole) any { return &r.Reason }},
		{Name: "first_seen_at", Doc: "When the hole was found.", Ref: func(r *Hole) any { return &r.FirstSeenAt }},
		{Name: "last_tried_at", Doc: "When it was last requested.", Ref: func(r *Hole) any { return &r.LastTriedAt }},
		{Name: "tries", Doc: "Number of attempts, including the first.", Ref: func(r *Hole) any { return &r.Tries }},
		{Name: "next_try_at", Doc: "The first run after this time requests it again.", Ref: func(r *Hole) any { return &r.NextTryAt }},
	},
}

// Rejects declares the table rejects, the dead-letter table.
var Rejects = Table[Reject]{
	Name: "rejects",
	Doc:  "Dead letters: conversations that could not be read, or that the destination refused, with their payload. Kept for 400 days after the source last returned them.",
	For:  ForOperators,
	Key:  []string{"project_id", "environment", "reject_id"},
	Columns: []Column[Reject]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Reject) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Reject) any { return &r.Environment }},
		{Name: "reject_id", Doc: "SHA-256 (hex) of the payload: the same payload is the same reject.", Ref: func(r *Reject) any { return &r.RejectID }},
		{Name: "conversation_id", Doc: "Id of the conversation, if it has one, cut to 1000 bytes.", Ref: func(r *Reject) any { return &r.ConversationID }},
		{Name: "started_at", Doc: "Start of the conversation, if it can be read.", Ref: func(r *Reject) any { return &r.StartedAt }},
		{Name: "reason", Doc: "Why it was rejected.", Ref: func(r *Reject) any { return &r.Reason }},
		{Name: "payload", Doc: "What the source returned, as JSON text.", Ref: func(r *Reject) any { return &r.Payload }},
		{Name: "first_seen_at", Doc: "When the source first returned it.", Ref: func(r *Reject) any { return &r.FirstSeenAt }},
		{Name: "last_seen_at", Doc: "When the source last returned it.", Ref: func(r *Reject) any { return &r.LastSeenAt }},
		{Name: "run_id", Doc: "The run that first rejected it.", Ref: func(r *Reject) any { return &r.RunID }},
		{Name: "missing_since", Doc: "When a complete read of its time range no longer listed it; NULL if it is not known to be missing. `convsync replay` does not load a missing reject.", Ref: func(r *Reject) any { return &r.MissingSince }},
	},
}

// SchemaDrift declares the table schema_drift.
var SchemaDrift = Table[Drift]{
	Name: "schema_drift",
	Doc:  "Fields, types and values that this version does not know, by path. It never contains a value.",
	For:  ForOperators,
	Key:  []string{"project_id", "environment", "path", "kind", "json_type"},
	Columns: []Column[Drift]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Drift) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Drift) any { return &r.Environment }},
		{Name: "path", Doc: "Path in a conversation, such as turns[].new_field. In unknown names, numbers become #; names that look like data become [name]; names beyond the limit become [other].", Ref: func(r *Drift) any { return &r.Path }},
		{Name: "kind", Doc: "Kind of drift: unknown_field, unreadable_value, replaced_text, name_too_long, two_spellings (a field occurs with two values, one of them under its documented name), two_environments, id_twice (the id occurs with two starts; the later one is stored).", Ref: func(r *Drift) any { return &r.Kind }},
		{Name: "json_type", Doc: "JSON type of the value.", Ref: func(r *Drift) any { return &r.JSONType }},
		{Name: "max_length_bytes", Unit: "bytes", Doc: "Length of the longest value as JSON text.", Ref: func(r *Drift) any { return &r.MaxLengthBytes }},
		{Name: "first_seen_at", Doc: "When it was first observed.", Ref: func(r *Drift) any { return &r.FirstSeenAt }},
		{Name: "last_seen_at", Doc: "When it was last observed.", Ref: func(r *Drift) any { return &r.LastSeenAt }},
		{Name: "count", Doc: "Number of occurrences; each read counts again.", Ref: func(r *Drift) any { return &r.Count }},
	},
}

// Erasures declares the table erasures.
var Erasures = Table[Erasure]{
	Name: "erasures",
	Doc:  "Tombstones: conversations that were erased permanently. Runs do not load them again, and `verify` does not report them as missing. This version does not write tombstones.",
	For:  ForOperators,
	Key:  []string{"project_id", "conversation_id"},
	Columns: []Column[Erasure]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Erasure) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *Erasure) any { return &r.ConversationID }},
		{Name: "erased_at", Doc: "When the conversation was erased.", Ref: func(r *Erasure) any { return &r.ErasedAt }},
		{Name: "reason", Doc: "Why the conversation was erased.", Ref: func(r *Erasure) any { return &r.Reason }},
		{Name: "run_id", Doc: "The run that erased the conversation.", Ref: func(r *Erasure) any { return &r.RunID }},
	},
}

// SyncLocks declares the table sync_locks, the writer locks.
var SyncLocks = Table[SyncLock]{
	Name: "sync_locks",
	Doc:  "Writer locks: that of the whole destination, and in Postgres one of each project. Each run that begins raises the epoch of the destination and stores it with its locks; a commit with an older epoch is refused.",
	For:  ForConvsync,
	Key:  []string{"name"},
	Columns: []Column[SyncLock]{
		{Name: "name", Doc: "Name of the lock: writer (the whole destination), or project: followed by the project id.", Ref: func(r *SyncLock) any { return &r.Name }},
		{Name: "epoch", Doc: "Epoch of the last run that took the lock, as in sync_runs. Of writer: the number of runs that began, with any lock.", Ref: func(r *SyncLock) any { return &r.Epoch }},
		{Name: "owner", Doc: "Who holds the lock; NULL if it is free. A killed run remains until the next one takes the lock.", Ref: func(r *SyncLock) any { return &r.Owner }},
		{Name: "host", Doc: "Host name of the owner.", Ref: func(r *SyncLock) any { return &r.Host }},
		{Name: "process_id", Doc: "Process id of the owner.", Ref: func(r *SyncLock) any { return &r.ProcessID }},
		{Name: "acquired_at", Doc: "When the lock was taken.", Ref: func(r *SyncLock) any { return &r.AcquiredAt }},
		{Name: "run_id", Doc: "The run that holds the lock.", Ref: func(r *SyncLock) any { return &r.RunID }},
		{Name: "version", Doc: "The owner's version of convsync.", Ref: func(r *SyncLock) any { return &r.Version }},
		{Name: "kind", Doc: "The run's kind, as in sync_runs.", Ref: func(r *SyncLock) any { return &r.Kind }},
		{Name: "commits", Doc: "Commit counter in Postgres: each commit of the project compares it with the run's own count and raises it by one, so that a run detects that the database lost commits. 0 in a lake.", Ref: func(r *SyncLock) any { return &r.Commits }},
	},
}

// SyncRecordings declares the table sync_recordings.
var SyncRecordings = Table[RecordingState]{
	Name: "sync_recordings",
	Doc:  "One row per project whose recordings are checked or stored: how far that is.",
	For:  ForConvsync,
	Key:  []string{"project_id"},
	Columns: []Column[RecordingState]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *RecordingState) any { return &r.ProjectID }},
		{Name: "enlisted", Doc: "Fingerprint of the directions, versions and host for which every stored voice conversation has its rows in audio_references.", Ref: func(r *RecordingState) any { return &r.Enlisted }},
		{Name: "pii_access", Doc: "yes: a raw recording differed from the redacted one, so the key may read raw recordings; none_seen: all compared pairs were equal; NULL: nothing was compared.", Ref: func(r *RecordingState) any { return &r.PIIAccess }},
		{Name: "pii_checked_at", Doc: "When pii_access was last determined.", Ref: func(r *RecordingState) any { return &r.PIICheckedAt }},
		{Name: "compared", Doc: "Number of pairs that were compared.", Ref: func(r *RecordingState) any { return &r.Compared }},
		{Name: "last_run_id", Doc: "The last run that worked on recordings.", Ref: func(r *RecordingState) any { return &r.LastRunID }},
		{Name: "last_run_at", Doc: "When that run ended.", Ref: func(r *RecordingState) any { return &r.LastRunAt }},
		{Name: "removed_up_to", Doc: "changes.sequence up to which the stored copies of deleted conversations were removed.", Ref: func(r *RecordingState) any { return &r.RemovedUpTo }},
	},
}
