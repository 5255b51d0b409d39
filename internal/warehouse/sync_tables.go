package warehouse

// Projects is the table of projects that a destination knows.
var Projects = Table[Project]{
	Name: "projects", Doc: "One row a project: where it is read and which days its views use.", Key: []string{"project_id"},
	Columns: []Column[Project]{
		{Name: "project_id", Doc: "The project as stored.", Ref: func(r *Project) any { return &r.ProjectID }},
		{Name: "name", Doc: "The project's id at the source, which it is known by there; project_id is another one where `as` is configured.", Ref: func(r *Project) any { return &r.Name }},
		{Name: "account_id", Doc: "The account that it is read from; another one is refused.", Ref: func(r *Project) any { return &r.AccountID }},
		{Name: "region", Doc: "The region that it is read from; another one is refused.", Ref: func(r *Project) any { return &r.Region }},
		{Name: "time_zone", Doc: "IANA time zone of the days of the dashboards, for use in SQL; no view has days yet.", Ref: func(r *Project) any { return &r.TimeZone }},
		{Name: "other_id", Doc: "The project's id in its other form, as the source answers it (acme-team-4 and PROJECT-58RP822I are one project); NULL until it is known.", Ref: func(r *Project) any { return &r.OtherID }},
	},
}

// Changes is the feed of changes.
var Changes = Table[Change]{
	Name: "changes", Doc: "A feed to follow: what changed, in the order of commits, written in the same commit; kept for at least 90 days.", Key: []string{"sequence"},
	Columns: []Column[Change]{
		{Name: "sequence", Doc: "Position in the feed; grows in the order of commits.", Ref: func(r *Change) any { return &r.Sequence }},
		{Name: "project_id", Doc: "The conversation's project.", Ref: func(r *Change) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *Change) any { return &r.ConversationID }},
		{Name: "operation", Doc: "upsert or delete; erase and expire are kept for later versions, and not written by this one.", Ref: func(r *Change) any { return &r.Operation }},
		{Name: "at", Doc: "When it was written.", Ref: func(r *Change) any { return &r.At }},
		{Name: "run_id", Doc: "The run that wrote it.", Ref: func(r *Change) any { return &r.RunID }},
	},
}

// SyncRuns is the log of runs.
var SyncRuns = Table[SyncRun]{
	Name: "sync_runs", Doc: "One row a run, written at its end; a killed run's by the next one. Kept for 400 days: the last 10,000 runs each, of older ones the last of each day.", Key: []string{"run_id"},
	Columns: []Column[SyncRun]{
		{Name: "run_id", Doc: "The run.", Ref: func(r *SyncRun) any { return &r.RunID }},
		{Name: "actor", Doc: "The operating-system user that ran it.", Ref: func(r *SyncRun) any { return &r.Actor }},
		{Name: "host", Doc: "The machine that ran it.", Ref: func(r *SyncRun) any { return &r.Host }},
		{Name: "version", Doc: "Version of convsync.", Ref: func(r *SyncRun) any { return &r.Version }},
		{Name: "config_hash", Doc: "SHA-256 (hex) of the configuration without secrets.", Ref: func(r *SyncRun) any { return &r.ConfigHash }},
		{Name: "kind", Doc: "incremental, backfill, repair, replay or event.", Ref: func(r *SyncRun) any { return &r.Kind }},
		{Name: "status", Doc: "succeeded, partial, failed or killed.", Ref: func(r *SyncRun) any { return &r.Status }},
		{Name: "window_from", Doc: "Start of the stretch that was asked for.", Ref: func(r *SyncRun) any { return &r.WindowFrom }},
		{Name: "window_until", Doc: "End of the stretch that was asked for.", Ref: func(r *SyncRun) any { return &r.WindowUntil }},
		{Name: "started_at", Doc: "When the run started.", Ref: func(r *SyncRun) any { return &r.StartedAt }},
		{Name: "finished_at", Doc: "When the run finished; NULL when it was killed.", Ref: func(r *SyncRun) any { return &r.FinishedAt }},
		{Name: "requests", Doc: "Requests that were sent, retries included.", Ref: func(r *SyncRun) any { return &r.Requests }},
		{Name: "retries", Doc: "Requests that were sent again.", Ref: func(r *SyncRun) any { return &r.Retries }},
		{Name: "waited_seconds", Unit: "s", Doc: "Time spent waiting before retries.", Ref: func(r *SyncRun) any { return &r.WaitedSeconds }},
		{Name: "bytes", Unit: "bytes", Doc: "Size of the answers, decompressed.", Ref: func(r *SyncRun) any { return &r.Bytes }},
		{Name: "conversations_read", Doc: "Conversations that were read and kept, repetitions included: inserted, updated, unchanged and rejected.", Ref: func(r *SyncRun) any { return &r.Read }},
		{Name: "conversations_inserted", Doc: "Conversations that were new.", Ref: func(r *SyncRun) any { return &r.Inserted }},
		{Name: "conversations_updated", Doc: "Conversations whose content had changed.", Ref: func(r *SyncRun) any { return &r.Updated }},
		{Name: "conversations_unchanged", Doc: "Conversations that were stored already, or were read twice.", Ref: func(r *SyncRun) any { return &r.Unchanged }},
		{Name: "conversations_rejected", Doc: "Conversations that could not be read.", Ref: func(r *SyncRun) any { return &r.Rejected }},
		{Name: "drift", Doc: "Sightings of fields or forms that are not known.", Ref: func(r *SyncRun) any { return &r.Drifting }},
		{Name: "error", Doc: "What went wrong, for people.", Ref: func(r *SyncRun) any { return &r.Error }},
		{Name: "warnings", Doc: "What a person should look at though nothing failed, one a line, such as clocks that differ.", Ref: func(r *SyncRun) any { return &r.Warnings }},
		{Name: "epoch", Doc: "sync_locks.epoch of the run. It grows with each run, whatever the clock says; NULL for runs of older versions.", Ref: func(r *SyncRun) any { return &r.Epoch }},
		{Name: "last_change", Doc: "changes.sequence of the last change when the run ended; NULL when there was none, or when the run was killed.", Ref: func(r *SyncRun) any { return &r.LastChange }},
		{Name: "source_at", Doc: "Server time when the run ended; NULL when the source did not answer. Tables expire by this clock and that of finished_at together.", Ref: func(r *SyncRun) any { return &r.SourceAt }},
	},
}

// SyncCoverage is what was read whole.
var SyncCoverage = Table[CoverageRange]{
	Name: "sync_coverage", Doc: "Closed stretches of start times that were read whole, [covered_from, covered_until).", Key: []string{"project_id", "environment", "covered_from"},
	Columns: []Column[CoverageRange]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *CoverageRange) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *CoverageRange) any { return &r.Environment }},
		{Name: "covered_from", Doc: "First second of the stretch.", Ref: func(r *CoverageRange) any { return &r.From }},
		{Name: "covered_until", Doc: "First second after the stretch.", Ref: func(r *CoverageRange) any { return &r.Until }},
		{Name: "read_at", Doc: "When it was read (of merged stretches, the oldest reading).", Ref: func(r *CoverageRange) any { return &r.ReadAt }},
		{Name: "shape", Doc: "Version of the rules that it was read with.", Ref: func(r *CoverageRange) any { return &r.Shape }},
	},
}

// SyncWatermarks is how far each feed is covered without a gap.
var SyncWatermarks = Table[Watermark]{
	Name: "sync_watermarks", Doc: "Per project and environment, the end of the coverage without a gap; never moves back.", Key: []string{"project_id", "environment"},
	Columns: []Column[Watermark]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Watermark) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Watermark) any { return &r.Environment }},
		{Name: "watermark", Doc: "Everything that started before it has been read.", Ref: func(r *Watermark) any { return &r.Watermark }},
		{Name: "updated_at", Doc: "When it last moved.", Ref: func(r *Watermark) any { return &r.UpdatedAt }},
	},
}

// OpenConversations is the worklist.
var OpenConversations = Table[OpenConversation]{
	Name: "open_conversations", Doc: "Conversations seen in progress, to be read again until they end.", Key: []string{"project_id", "conversation_id"},
	Columns: []Column[OpenConversation]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *OpenConversation) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *OpenConversation) any { return &r.Environment }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *OpenConversation) any { return &r.ConversationID }},
		{Name: "started_at", Doc: "When it started.", Ref: func(r *OpenConversation) any { return &r.StartedAt }},
		{Name: "first_seen_at", Doc: "When it was first seen.", Ref: func(r *OpenConversation) any { return &r.FirstSeenAt }},
	},
}

// SyncLateness is how late conversations are seen.
var SyncLateness = Table[Lateness]{
	Name: "sync_lateness", Doc: "How late conversations were seen after their start, counted in buckets; of what started after the first run.", Key: []string{"project_id", "environment", "measure", "upper_seconds"},
	Columns: []Column[Lateness]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Lateness) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Lateness) any { return &r.Environment }},
		{Name: "measure", Doc: "arrival: until first seen; final: until first seen ended; change: until an ended one was seen changed.", Ref: func(r *Lateness) any { return &r.Measure }},
		{Name: "upper_seconds", Unit: "s", Doc: "Upper bound of the bucket; the lower one is that of the bucket below.", Ref: func(r *Lateness) any { return &r.UpperSeconds }},
		{Name: "count", Doc: "Conversations in the bucket.", Ref: func(r *Lateness) any { return &r.Count }},
	},
}

// SyncRevealed is which feeds show again what they had hidden.
var SyncRevealed = Table[Reveal]{
	Name: "sync_revealed", Doc: "Feeds that show transcripts or metrics again that they had hidden; a row stays until their hidden days were read again.", Key: []string{"project_id", "environment"},
	Columns: []Column[Reveal]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Reveal) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Reveal) any { return &r.Environment }},
		{Name: "revealed_at", Doc: "When that was first seen.", Ref: func(r *Reveal) any { return &r.RevealedAt }},
	},
}

// SyncHoles is what the source cannot answer.
var SyncHoles = Table[Hole]{
	Name: "sync_holes", Doc: "Seconds that the source cannot answer for, though it answers for the seconds around them. They are not in sync_coverage, and the watermark passes them; each is asked for again from time to time, and its row is deleted when it can be read.", Key: []string{"project_id", "environment", "hole_from"},
	Columns: []Column[Hole]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Hole) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Hole) any { return &r.Environment }},
		{Name: "hole_from", Doc: "First second of start times that cannot be read.", Ref: func(r *Hole) any { return &r.From }},
		{Name: "hole_until", Doc: "First second after it.", Ref: func(r *Hole) any { return &r.Until }},
		{Name: "reason", Doc: "How the source answered the last try.", Ref: func(r *Hole) any { return &r.Reason }},
		{Name: "first_seen_at", Doc: "When it was found.", Ref: func(r *Hole) any { return &r.FirstSeenAt }},
		{Name: "last_tried_at", Doc: "When it was last asked for.", Ref: func(r *Hole) any { return &r.LastTriedAt }},
		{Name: "tries", Doc: "How often it was asked for, including when it was found.", Ref: func(r *Hole) any { return &r.Tries }},
		{Name: "next_try_at", Doc: "The first run after this time asks for it again.", Ref: func(r *Hole) any { return &r.NextTryAt }},
	},
}

// Rejects is what could not be read.
var Rejects = Table[Reject]{
	Name: "rejects", Doc: "Conversations that could not be read at all, or that the destination refused, kept whole for 400 days after they were last answered.", Key: []string{"project_id", "environment", "reject_id"},
	Columns: []Column[Reject]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Reject) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Reject) any { return &r.Environment }},
		{Name: "reject_id", Doc: "SHA-256 (hex) of what was answered: the same answer is the same reject.", Ref: func(r *Reject) any { return &r.RejectID }},
		{Name: "conversation_id", Doc: "Its id, where it has one; a longer one is cut to 1000 bytes.", Ref: func(r *Reject) any { return &r.ConversationID }},
		{Name: "started_at", Doc: "Its start, where it can be read.", Ref: func(r *Reject) any { return &r.StartedAt }},
		{Name: "reason", Doc: "Why it could not be read.", Ref: func(r *Reject) any { return &r.Reason }},
		{Name: "payload", Doc: "What was answered, as JSON text.", Ref: func(r *Reject) any { return &r.Payload }},
		{Name: "first_seen_at", Doc: "When it was first answered.", Ref: func(r *Reject) any { return &r.FirstSeenAt }},
		{Name: "last_seen_at", Doc: "When it was last answered.", Ref: func(r *Reject) any { return &r.LastSeenAt }},
		{Name: "run_id", Doc: "The run that first saw it.", Ref: func(r *Reject) any { return &r.RunID }},
		{Name: "missing_since", Doc: "When a complete read of its time range no longer listed it; NULL: it is listed, as far as is known. convsync replay does not load it while it is missing.", Ref: func(r *Reject) any { return &r.MissingSince }},
	},
}

// SchemaDrift is what the source said in ways that are not known.
var SchemaDrift = Table[Drift]{
	Name: "schema_drift", Doc: "Fields and forms that are not known, by path; never a value.", Key: []string{"project_id", "environment", "path", "kind", "json_type"},
	Columns: []Column[Drift]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Drift) any { return &r.ProjectID }},
		{Name: "environment", Doc: "The environment.", Ref: func(r *Drift) any { return &r.Environment }},
		{Name: "path", Doc: "Where in a conversation, such as turns[].new_field. Numbers in unknown names are #, names that look like data [name], names beyond the limit [other].", Ref: func(r *Drift) any { return &r.Path }},
		{Name: "kind", Doc: "What is odd about it: unknown_field, unreadable_value, replaced_text, name_too_long, two_spellings (a field has another value under its documented name), two_environments, id_twice (the id has two starts; the later is stored).", Ref: func(r *Drift) any { return &r.Kind }},
		{Name: "json_type", Doc: "JSON type of the value.", Ref: func(r *Drift) any { return &r.JSONType }},
		{Name: "max_length_bytes", Unit: "bytes", Doc: "Length of the longest value as JSON text.", Ref: func(r *Drift) any { return &r.MaxLengthBytes }},
		{Name: "first_seen_at", Doc: "When it was first seen.", Ref: func(r *Drift) any { return &r.FirstSeenAt }},
		{Name: "last_seen_at", Doc: "When it was last seen.", Ref: func(r *Drift) any { return &r.LastSeenAt }},
		{Name: "count", Doc: "How often it was seen; reading again counts again.", Ref: func(r *Drift) any { return &r.Count }},
	},
}

// Erasures is the table of tombstones.
var Erasures = Table[Erasure]{
	Name: "erasures", Doc: "Tombstones: what was erased for good and must never be loaded again. Runs load nothing that is listed here, and verify does not miss it; this version itself writes none.", Key: []string{"project_id", "conversation_id"},
	Columns: []Column[Erasure]{
		{Name: "project_id", Doc: "The project.", Ref: func(r *Erasure) any { return &r.ProjectID }},
		{Name: "conversation_id", Doc: "The conversation.", Ref: func(r *Erasure) any { return &r.ConversationID }},
		{Name: "erased_at", Doc: "When it was erased.", Ref: func(r *Erasure) any { return &r.ErasedAt }},
		{Name: "reason", Doc: "Why it was erased.", Ref: func(r *Erasure) any { return &r.Reason }},
		{Name: "run_id", Doc: "The run that erased it.", Ref: func(r *Erasure) any { return &r.RunID }},
	},
}

// SyncLocks says who writes now.
var SyncLocks = Table[SyncLock]{
	Name: "sync_locks", Doc: "Who writes now; each takeover raises the epoch, and a commit of an older epoch is refused.", Key: []string{"name"},
	Columns: []Column[SyncLock]{
		{Name: "name", Doc: "What is locked.", Ref: func(r *SyncLock) any { return &r.Name }},
		{Name: "epoch", Doc: "Number of takeovers.", Ref: func(r *SyncLock) any { return &r.Epoch }},
		{Name: "owner", Doc: "Who holds it; NULL: nobody.", Ref: func(r *SyncLock) any { return &r.Owner }},
		{Name: "host", Doc: "The machine of the owner.", Ref: func(r *SyncLock) any { return &r.Host }},
		{Name: "process_id", Doc: "The process of the owner.", Ref: func(r *SyncLock) any { return &r.ProcessID }},
		{Name: "acquired_at", Doc: "Since when it is held.", Ref: func(r *SyncLock) any { return &r.AcquiredAt }},
		{Name: "run_id", Doc: "The run that holds it.", Ref: func(r *SyncLock) any { return &r.RunID }},
		{Name: "version", Doc: "The owner's version of convsync.", Ref: func(r *SyncLock) any { return &r.Version }},
		{Name: "kind", Doc: "The run's kind, as in sync_runs.", Ref: func(r *SyncLock) any { return &r.Kind }},
		{Name: "commits", Doc: "Number of commits of all runs in Postgres: each commit compares it with what its run counted and raises it by one, so that a run notices that the database lost commits. 0 in a Parquet lake.", Ref: func(r *SyncLock) any { return &r.Commits }},
	},
}
