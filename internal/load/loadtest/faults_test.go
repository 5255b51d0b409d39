package loadtest

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// fault is a guarantee that the reference breaks on purpose.
type fault string

const (
	none               fault = ""
	twoWriters         fault = "lets two writers in"
	keepsLock          fault = "keeps the lock after Close"
	forgetsKilled      fault = "forgets a killed run"
	locksEverything    fault = "lets no writer of another project in"
	firstProjectOnly   fault = "locks only the first project"
	namesNoProject     fault = "does not name the locked project"
	keepsRefused       fault = "keeps the locks of a refused writer"
	wholeAmongOthers   fault = "lets a writer of everything in next to others"
	epochPerProject    fault = "counts epochs per project"
	killsOthers        fault = "records running writers as killed"
	killedPerProject   fault = "records a killed run for each project"
	losesRuns          fault = "loses the rows of runs"
	mixesProjects      fault = "mixes accounts"
	forgetsProjects    fault = "lists no projects"
	keepsAbandoned     fault = "publishes what was abandoned"
	lastEnvironment    fault = "the last environment wins"
	noChanges          fault = "records no changes"
	noSequence         fault = "gives all changes the same sequence"
	countsRejectsAgain fault = "counts known rejects as new"
	driftOverwritten   fault = "overwrites drift"
	driftUnbounded     fault = "stores every path of drift"
	nilClearsCoverage  fault = "treats nil coverage as empty"
	losesCoverage      fault = "loses coverage"
	coverageOfAll      fault = "replaces the coverage of other feeds"
	watermarkBack      fault = "moves the watermark back"
	keepsFuture        fault = "does not correct the watermark"
	forgetsOtherID     fault = "forgets the other form of a project's id"

	writesUnchanged fault = "writes what is unchanged"
	keepsOldTurns   fault = "keeps turns that were removed"
	losesEntities   fault = "does not replace entities"
	losesHidden     fault = "deletes hidden turns"
	losesMetrics    fault = "deletes hidden metrics"
	doublesAudio    fault = "doubles recordings"
	losesAudio      fault = "loses recordings of what changes"
	forgetsFirst    fault = "forgets when it was first seen"
	emptyTags       fault = "stores an empty list as NULL"
	cutsText        fault = "cuts long text"
	cutsTime        fault = "cuts times to milliseconds"
	positiveZero    fault = "stores -0 as 0"
	firstStaged     fault = "keeps the first of two"
	neverClosed     fault = "leaves ended conversations in the queue"
	hashOnly        fault = "compares only the content hash"
	losesStart      fault = "does not move kept turns"
	oldHash         fault = "keeps the hash of visible turns"
	ignoresRules    fault = "keeps hidden turns without the rules"

	readsElsewhere      fault = "reads other environments too"
	readsUntilToo       fault = "reads what starts at the end"
	readsUnordered      fault = "reads in the order of ids"
	readsNoParts        fault = "reads conversations without their parts"
	readsOn             fault = "reads on after it was canceled"
	readsUnstopped      fault = "ignores an error of the reader"
	keysForget          fault = "lists missing conversations as present"
	daysForgetKept      fault = "forgets the days of kept transcripts"
	daysOfAllParts      fault = "lists days of parts that were not requested"
	rejectsOn           fault = "lists rejects after it was canceled"
	rejectsAnywhere     fault = "yields the rejects of other feeds"
	daysElsewhere       fault = "counts other feeds in a day"
	daysUntilToo        fault = "counts a day that begins at the end"
	daysLocal           fault = "counts days of another zone"
	daysCountMissing    fault = "counts missing conversations in a day"
	daysUnsaidIsNo      fault = "counts an unknown handoff as none"
	daysInterpolate     fault = "interpolates percentiles"
	daysRemembered      fault = "does not update days"
	marksAgain          fault = "moves the mark of what is missing"
	marksMoved          fault = "marks conversations with another start"
	marksElsewhere      fault = "marks conversations of another environment"
	markIsAChange       fault = "counts a mark as new content"
	marksSilently       fault = "marks without a change"
	missingStaysOpen    fault = "keeps missing conversations in the queue"
	keepsMark           fault = "keeps the mark of conversations listed again"
	deletesNothing      fault = "marks instead of deleting"
	deletesSilently     fault = "deletes without a change"
	keepsResolved       fault = "keeps resolved rejects"
	resolvesAnywhere    fault = "resolves the rejects of other feeds"
	visibleAlways       fault = "counts every visible transcript as visible again"
	visibleKept         fault = "counts a kept transcript as visible again"
	forgetsVisibleAgain fault = "forgets that data is visible again"
	settlesElsewhere    fault = "settles another environment's hidden days"
	visibleLate         fault = "treats a late transcript as visible again"
	visibleLateMetrics  fault = "treats late metrics as visible again"
	visibleOpen         fault = "treats open conversations as visible again"
	visibleElsewhere    fault = "compares with other environments of a day"
	keptIsShown         fault = "treats kept transcripts of a day as visible"
	silentIsShown       fault = "treats a conversation without turns as visible"
	trustsHashes        fault = "ignores Rewrite"
	latenessOfOld       fault = "counts the lateness of history"
	latenessAlways      fault = "counts the lateness of what is unchanged"
	latenessReplaced    fault = "overwrites lateness"
	latenessAnywhere    fault = "counts the lateness of all feeds as one"

	nilClearsHoles fault = "treats nil holes as empty"
	holesOfAll     fault = "replaces the holes of other feeds"
	keepsHoles     fault = "keeps holes that were read"
	forgetsTries   fault = "forgets how often a hole was tried"

	killedAlike          fault = "stores every killed run as incremental"
	killedUnversioned    fault = "forgets the version of a killed run"
	killedSilently       fault = "stores a killed run without an error"
	keepsRejected        fault = "keeps the rejects of loaded conversations"
	resolvesChanged      fault = "keeps the rejects of unchanged conversations"
	resolvesAllFeeds     fault = "resolves what other feeds rejected of an id"
	oldOverNew           fault = "replaces a newer version by an older one"
	lastStart            fault = "stores the start that is returned last"
	neverAsks            fault = "drops earlier starts silently"
	judgesLate           fault = "covers a window with unjudged starts"
	missingStays         fault = "keeps the place of missing conversations"
	movesNothing         fault = "keeps conversations that moved away"
	movesAll             fault = "replaces a place that was not left"
	environmentsAlike    fault = "does not count an id of two environments as drift"
	forgetsTwice         fault = "does not count duplicates"
	doublesEvents        fault = "stores a duplicate event again"
	alertsOfDoubled      fault = "takes alerts from duplicate events"
	lastAlert            fault = "keeps the alert update that was received last"
	waitsUnordered       fault = "lists waiting events in the order of their ids"
	settlesAgain         fault = "settles events a second time"
	recentWaiting        fault = "lists only waiting events as recent"
	losesWaiting         fault = "expires waiting events"
	keepsEvents          fault = "keeps events forever"
	keepsChanges         fault = "keeps changes forever"
	keepsRuns            fault = "keeps runs forever"
	keepsAlerts          fault = "keeps alerts forever"
	keepsRejects         fault = "keeps rejects forever"
	keepsFutureDrift     fault = "keeps drift that is dated in the future"
	keepsErasedRejects   fault = "keeps the rejects of erased conversations"
	keepsRejectMark      fault = "keeps the mark of a reject that is listed again"
	marksRejectsAgain    fault = "moves the mark of a reject"
	marksRejectsAnywhere fault = "marks the rejects of other feeds"
	replaysMissing       fault = "replaces a missing conversation by an older version"
	oneClock             fault = "expires rows by one clock"
	findsNoFaults        fault = "finds no faults"
	namesFaultsAlike     fault = "gives all faults the same kind"
	mendsNothing         fault = "repairs nothing"
	mendsByDeleting      fault = "repairs by deleting"
	acceptsNothing       fault = "ignores Reseal"
	loadsErased          fault = "loads erased conversations"

	// The following are detected only when a writer is killed.
	coverageFirst  fault = "stores coverage before rows"
	tornParts      fault = "stores a conversation before its turns"
	changesLate    fault = "records changes in a later commit"
	missingLate    fault = "marks and deletes in a later commit"
	latenessLate   fault = "counts lateness in a later commit"
	keepsTemporary fault = "leaves temporary files"
)

// killed returns the row of a killed run.
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

// newest is [load.NewestRows], or its opposite by the fault.
func (f fault) newest(rows []*warehouse.Rows) ([]*warehouse.Rows, []load.OtherStart) {
	if f == firstStaged {
		slices.Reverse(rows)
	}
	return load.NewestRows(rows, nil)
}

// dump applies the faults that change what is read.
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

// reconcile is [load.Reconcile], changed by the fault.
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

// observe is [load.Observe] of a written conversation, changed by the fault.
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

// values applies the faults that change values.
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
