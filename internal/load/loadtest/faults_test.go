package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// fault is a promise that the reference breaks on purpose.
type fault string

const (
	none               fault = ""
	twoWriters         fault = "lets two writers in"
	keepsLock          fault = "keeps the lock after Close"
	forgetsKilled      fault = "forgets a killed run"
	losesRuns          fault = "loses the rows of runs"
	mixesProjects      fault = "mixes accounts"
	forgetsProjects    fault = "does not tell of its projects"
	keepsAbandoned     fault = "publishes what was abandoned"
	lastEnvironment    fault = "the last environment wins"
	noChanges          fault = "records no changes"
	noSequence         fault = "numbers all changes alike"
	countsRejectsAgain fault = "counts known rejects as new"
	driftOverwritten   fault = "overwrites drift"
	driftUnbounded     fault = "stores every path of drift"
	nilClearsCoverage  fault = "takes no coverage for none"
	losesCoverage      fault = "loses coverage"
	coverageOfAll      fault = "replaces the coverage of other feeds"
	watermarkBack      fault = "moves the watermark back"
	keepsFuture        fault = "does not correct the watermark"
	forgetsOtherID     fault = "forgets the other form of a project's id"

	writesUnchanged fault = "writes what is unchanged"
	keepsOldTurns   fault = "keeps turns that are gone"
	losesEntities   fault = "does not replace entities"
	losesHidden     fault = "lets hidden turns go"
	losesMetrics    fault = "lets hidden metrics go"
	doublesAudio    fault = "doubles recordings"
	losesAudio      fault = "loses recordings of what changes"
	forgetsFirst    fault = "forgets when it was first seen"
	emptyTags       fault = "takes an empty list for NULL"
	cutsText        fault = "cuts long text"
	cutsTime        fault = "cuts times to milliseconds"
	positiveZero    fault = "takes -0 for 0"
	firstStaged     fault = "keeps the first of two"
	neverClosed     fault = "leaves ended conversations on the worklist"
	hashOnly        fault = "looks at the content alone"
	losesStart      fault = "does not move kept turns"
	oldHash         fault = "keeps the hash of what was shown"

	readsElsewhere     fault = "reads other environments too"
	readsUntilToo      fault = "reads what starts at the end"
	readsUnordered     fault = "reads in the order of ids"
	readsNoParts       fault = "reads conversations without their parts"
	readsOn            fault = "reads on when it is told to stop"
	readsUnstopped     fault = "reads for a reader who is gone"
	keysForget         fault = "lists what is missing as if it were not"
	daysForgetKept     fault = "forgets the days of kept transcripts"
	daysOfAllParts     fault = "tells of days of hidden parts that nobody asked for"
	rejectsOn          fault = "tells of rejects when it is told to stop"
	rejectsAnywhere    fault = "yields the rejects of other feeds"
	daysElsewhere      fault = "counts other feeds into a day"
	daysUntilToo       fault = "counts a day that begins at the end"
	daysLocal          fault = "counts days of another zone"
	daysCountMissing   fault = "counts what is missing into a day"
	daysUnsaidIsNo     fault = "counts an unsaid handoff as none"
	daysInterpolate    fault = "makes percentiles that nobody waited for"
	daysRemembered     fault = "does not look again at days that changed"
	marksAgain         fault = "moves the mark of what is missing"
	marksMoved         fault = "marks what has another start"
	marksElsewhere     fault = "marks what another environment has"
	markIsAChange      fault = "takes a mark for new content"
	marksSilently      fault = "marks without a change"
	missingStaysOpen   fault = "keeps what is missing on the worklist"
	keepsMark          fault = "keeps the mark of what is listed again"
	deletesNothing     fault = "marks what is to be deleted"
	deletesSilently    fault = "deletes without saying so"
	keepsResolved      fault = "keeps resolved rejects"
	resolvesAnywhere   fault = "resolves the rejects of other feeds"
	revealsAlways      fault = "counts every shown transcript as revealed"
	revealsKept        fault = "counts a kept transcript as revealed"
	forgetsRevealed    fault = "forgets that something is shown again"
	revealsEverywhere  fault = "settles what another environment shows again"
	revealsLate        fault = "takes a late transcript for a hidden one"
	revealsLateMetrics fault = "takes late metrics for hidden ones"
	revealsOpen        fault = "takes the transcript of one that went on for a hidden one"
	revealsBeside      fault = "looks at what other environments show of a day"
	keptIsShown        fault = "takes a day of kept transcripts for one that shows some"
	silentIsShown      fault = "takes a conversation without turns for one that shows some"
	trustsHashes       fault = "writes nothing anew when asked to"
	latenessOfOld      fault = "counts the lateness of history"
	latenessAlways     fault = "counts the lateness of what is unchanged"
	latenessReplaced   fault = "overwrites lateness"
	latenessAnywhere   fault = "counts the lateness of all feeds as one"

	nilClearsHoles fault = "takes no holes for none"
	holesOfAll     fault = "replaces the holes of other feeds"
	keepsHoles     fault = "keeps holes that were read"
	forgetsTries   fault = "forgets how often a hole was tried"

	killedAlike          fault = "takes every killed run for an incremental one"
	killedUnversioned    fault = "forgets the version of a killed run"
	killedSilently       fault = "does not say what became of a killed run"
	keepsRejected        fault = "keeps the rejects of what is loaded"
	resolvesChanged      fault = "keeps the rejects of what is stored already"
	resolvesAllFeeds     fault = "resolves what other feeds rejected of an id"
	oldOverNew           fault = "puts what was seen before over what is newer"
	lastStart            fault = "stores the start that is answered last"
	neverAsks            fault = "drops earlier starts and says nothing"
	judgesLate           fault = "covers a stretch whose starts are to be judged"
	missingStays         fault = "keeps the place of what is missing"
	movesNothing         fault = "keeps what moved away"
	movesAll             fault = "replaces a place that was not left"
	environmentsAlike    fault = "does not count an id of two environments as drift"
	forgetsTwice         fault = "does not count what comes twice"
	doublesEvents        fault = "stores a doubled event again"
	alertsOfDoubled      fault = "takes alerts from doubled events"
	lastAlert            fault = "takes what is told last of an alert for what happened last"
	waitsUnordered       fault = "lists waiting events in the order of their ids"
	settlesAgain         fault = "settles what is settled"
	recentWaiting        fault = "lists only waiting events as recent"
	losesWaiting         fault = "lets old events go though they wait"
	keepsEvents          fault = "keeps events for ever"
	keepsChanges         fault = "keeps changes forever"
	keepsRuns            fault = "keeps runs forever"
	keepsAlerts          fault = "keeps alerts forever"
	keepsRejects         fault = "keeps rejects forever"
	keepsFutureDrift     fault = "keeps drift that is dated in the future"
	keepsErasedRejects   fault = "keeps the rejects of what was erased"
	keepsRejectMark      fault = "keeps the mark of a reject that is listed again"
	marksRejectsAgain    fault = "moves the mark of a reject"
	marksRejectsAnywhere fault = "marks the rejects of other feeds"
	replaysMissing       fault = "puts what was seen before over what went missing"
	oneClock             fault = "expires rows by one clock"
	findsNoFaults        fault = "finds no faults"
	namesFaultsAlike     fault = "names all faults alike"
	mendsNothing         fault = "mends nothing"
	mendsByDeleting      fault = "mends by deleting"
	acceptsNothing       fault = "does not accept rows as they are"
	loadsErased          fault = "loads what was erased"

	// These only show when a writer is killed.
	coverageFirst  fault = "stores coverage before rows"
	tornParts      fault = "stores a conversation before its turns"
	changesLate    fault = "records changes in a later commit"
	missingLate    fault = "marks and deletes in a later commit"
	latenessLate   fault = "counts lateness in a later commit"
	keepsTemporary fault = "leaves temporary files about"
)

// killed is the row of a killed run.
func (f fault) killed(o *load.Owner) warehouse.SyncRun {
	run := load.KilledRun(o)
	switch f {
	case killedAlike:
		run.Kind = "incremental"
	case killedUnversioned:
		run.Version = ""
	case killedSilently:
		run.Error = ""
	}
	return run
}

// newest is load.NewestRows, or its opposite.
func (f fault) newest(rows []*warehouse.Rows) ([]*warehouse.Rows, []load.OtherStart) {
	if f == firstStaged {
		slices.Reverse(rows)
	}
	return load.NewestRows(rows, nil)
}

// dump breaks what is read.
func (f fault) dump(d *Dump) {
	if f != neverClosed {
		return
	}
	for key, r := range d.Conversations {
		if !r.IsOpen() {
			d.Open = append(d.Open, warehouse.OpenConversation{ProjectID: key[0], Environment: r.Conversation.Environment,
				ConversationID: key[1], StartedAt: r.Conversation.StartedAt, FirstSeenAt: r.Conversation.FirstSeenAt})
		}
	}
}

// reconcile is load.Reconcile, and what the fault makes of it.
func (f fault) reconcile(in, stored *warehouse.Rows, at warehouse.Timestamp, run string) bool {
	shown, c := Clone(in), &in.Conversation
	write := load.Reconcile(in, stored, at, run)
	f.values(in)
	if stored == nil {
		return write
	}
	switch f {
	case writesUnchanged:
		return true
	case keepsOldTurns:
		if gone := len(in.Turns); gone < len(stored.Turns) {
			in.Turns = append(in.Turns, stored.Turns[gone:]...)
		}
	case losesEntities:
		in.Entities = slices.Clone(stored.Entities)
	case losesHidden:
		in.Turns, in.Entities = shown.Turns, shown.Entities
		c.TurnsLoaded, c.TranscriptStatus = shown.Conversation.TurnsLoaded, shown.Conversation.TranscriptStatus
	case losesMetrics:
		in.Metrics, c.Metrics = shown.Metrics, shown.Conversation.Metrics
	case doublesAudio:
		in.Audio = append(in.Audio, shown.Audio...)
	case losesAudio:
		in.Audio = nil
	case hashOnly:
		return write && stored.Conversation.ContentHash != c.ContentHash
	case losesStart:
		for i := range in.Turns {
			in.Turns[i].StartedAt = stored.Turns[0].StartedAt
		}
	case oldHash:
		c.ContentHash = shown.Conversation.ContentHash
	case forgetsFirst:
		c.FirstSeenAt = at
	case keepsMark:
		c.MissingSince = stored.Conversation.MissingSince
	}
	return write
}

// observe is load.Observe of what is written, and what the fault makes of it.
func (f fault) observe(c *load.Counts, in, stored *warehouse.Rows, at, liveSince warehouse.Timestamp, write bool) {
	switch f {
	case latenessAlways:
		stored, write = nil, true
	case latenessOfOld:
		liveSince = min(liveSince, in.Conversation.StartedAt)
	}
	if write {
		load.Observe(c, in, stored, at, liveSince)
	}
}

// values breaks values.
func (f fault) values(in *warehouse.Rows) {
	c := &in.Conversation
	switch f {
	case emptyTags:
		if len(c.Tags) == 0 {
			c.Tags = nil
		}
	case cutsText:
		c.Summary = c.Summary[:min(len(c.Summary), 1000)]
	case cutsTime:
		c.FinishedAt.V -= c.FinishedAt.V % 1000
	case positiveZero:
		if c.PolyScore.V == 0 {
			c.PolyScore.V = 0
		}
	}
}
