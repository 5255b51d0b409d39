package loadtest

import (
	"flag"
	"slices"
	"strconv"
	"testing"
)

// detectedBy maps each fault to the check that must detect it.
var detectedBy = map[fault]string{
	twoWriters:         "lock/second writer",
	keepsLock:          "lock/waits",
	forgetsKilled:      "runs/killed",
	locksEverything:    "lock/other project",
	firstProjectOnly:   "lock/overlapping projects",
	namesNoProject:     "lock/overlapping projects",
	keepsRefused:       "lock/overlapping projects",
	wholeAmongOthers:   "lock/whole destination",
	epochPerProject:    "lock/other project",
	killsOthers:        "runs/killed among others",
	killedPerProject:   "runs/killed among others",
	losesRuns:          "runs/newest first",
	mixesProjects:      "projects/other region",
	forgetsProjects:    "projects/renamed",
	keepsAbandoned:     "abandoned rows are not published",
	lastEnvironment:    "same id/later environment loses",
	noChanges:          "writing/new",
	noSequence:         "writing/mixed batch",
	countsRejectsAgain: "rejects/stored once",
	driftOverwritten:   "drift/adds up",
	driftUnbounded:     "drift/made-up names",
	nilClearsCoverage:  "coverage/nil keeps the stored one",
	losesCoverage:      "coverage/stored exactly",
	coverageOfAll:      "coverage/per feed",
	watermarkBack:      "watermark/never moves back",
	keepsFuture:        "watermark/corrected",
	forgetsOtherID:     "projects/other form of the id",
	writesUnchanged:    "writing/unchanged",
	keepsOldTurns:      "writing/parts removed",
	losesEntities:      "writing/changed",
	losesHidden:        "hidden turns/kept",
	losesMetrics:       "hidden metrics/kept",
	doublesAudio:       "audio/survives every change",
	losesAudio:         "audio/survives every change",
	forgetsFirst:       "moved/to another month",
	emptyTags:          "values/lists",
	cutsText:           "values/long text",
	cutsTime:           "values/times",
	positiveZero:       "values/floats",
	firstStaged:        "same id/twice in a window",
	neverClosed:        "queue/until it ends",
	hashOnly:           "queue/abandoned",
	losesStart:         "moved/kept turns",
	oldHash:            "hidden turns/count is unknown",
	ignoresRules:       "hidden turns/other rules",

	readsElsewhere:      "archive/only this feed",
	readsUntilToo:       "archive/half-open range",
	readsUnordered:      "archive/read with all parts",
	readsNoParts:        "archive/read with all parts",
	readsOn:             "archive/error of the reader",
	readsUnstopped:      "archive/read canceled",
	keysForget:          "archive/read with all parts",
	daysForgetKept:      "hidden days/transcripts",
	daysOfAllParts:      "hidden days/requested parts",
	rejectsOn:           "rejects/error of the reader",
	rejectsAnywhere:     "rejects/listed per feed",
	daysElsewhere:       "days/requested feeds",
	daysUntilToo:        "days/by UTC start",
	daysLocal:           "days/by UTC start",
	daysCountMissing:    "days/changed, moved and missing",
	daysUnsaidIsNo:      "days/unknown handoff",
	daysInterpolate:     "days/latency percentiles",
	daysRemembered:      "days/changed, moved and missing",
	marksAgain:          "missing/marked once",
	marksMoved:          "missing/moved meanwhile",
	marksElsewhere:      "missing/other start",
	markIsAChange:       "missing/marked once",
	marksSilently:       "missing/marked once",
	missingStaysOpen:    "missing/open-conversation queue",
	keepsMark:           "missing/listed again, hidden",
	deletesNothing:      "missing/deleted",
	deletesSilently:     "missing/deleted",
	keepsResolved:       "rejects/resolved",
	resolvesAnywhere:    "rejects/resolved",
	visibleAlways:       "visible again/transcript",
	visibleKept:         "visible again/transcript",
	forgetsVisibleAgain: "visible again/until hidden days are read",
	settlesElsewhere:    "visible again/until hidden days are read",
	visibleLate:         "visible again/transcripts of a day",
	visibleLateMetrics:  "visible again/metrics of a day",
	visibleOpen:         "visible again/transcripts of a day",
	visibleElsewhere:    "visible again/transcripts of a day",
	keptIsShown:         "visible again/transcripts of a day",
	silentIsShown:       "visible again/transcripts of a day",
	trustsHashes:        "rewrite/changed by hand",
	latenessOfOld:       "lateness/before the first read",
	latenessAlways:      "lateness/three measures",
	latenessReplaced:    "lateness/adds up",
	latenessAnywhere:    "lateness/per feed",

	nilClearsHoles: "holes/nil keeps the stored ones",
	holesOfAll:     "holes/per feed",
	keepsHoles:     "holes/stored exactly",
	forgetsTries:   "holes/stored exactly",

	killedAlike:          "runs/killed, with its owner",
	killedUnversioned:    "runs/killed, with its owner",
	killedSilently:       "runs/killed, with its owner",
	keepsRejected:        "rejects/resolved by loading",
	resolvesChanged:      "rejects/resolved by loading",
	resolvesAllFeeds:     "rejects/resolved by loading",
	oldOverNew:           "rejects/older version is skipped",
	environmentsAlike:    "same id/counted as drift",
	forgetsTwice:         "same id/twice in a batch",
	lastStart:            "two starts/in any order",
	neverAsks:            "two starts/earlier needs a judgment",
	judgesLate:           "two starts/earlier needs a judgment",
	missingStays:         "moved/from what is missing",
	movesNothing:         "moved/to another environment",
	movesAll:             "moved/from another place",
	doublesEvents:        "inbox/event stored once",
	alertsOfDoubled:      "inbox/duplicate event",
	lastAlert:            "inbox/alerts in any order",
	waitsUnordered:       "inbox/waiting in order",
	settlesAgain:         "inbox/waiting in order",
	recentWaiting:        "inbox/recent events",
	losesWaiting:         "inbox/old events expire",
	keepsEvents:          "inbox/old events expire",
	keepsChanges:         "retention/ten years",
	keepsRuns:            "retention/ten years",
	keepsAlerts:          "retention/ten years",
	keepsRejects:         "retention/ten years",
	keepsFutureDrift:     "retention/ten years",
	keepsRejectMark:      "missing rejects/marked until returned again",
	marksRejectsAgain:    "missing rejects/marked until returned again",
	marksRejectsAnywhere: "missing rejects/marked until returned again",
	replaysMissing:       "missing rejects/read before it was missing",
	oneClock:             "retention/ten years",
	keepsErasedRejects:   "retention/rejects of erased conversations",
	findsNoFaults:        "auditing/" + string(DamageOrphan) + ", plain",
	namesFaultsAlike:     "auditing/" + string(DamageOrphan) + ", plain",
	mendsNothing:         "auditing/" + string(DamageCopy) + ", kept",
	mendsByDeleting:      "auditing/" + string(DamageCopy) + ", kept",
	acceptsNothing:       "auditing/reseal",
	loadsErased:          "auditing/erased",
	noDigests:            "digests/stored",
	digestsForMoved:      "digests/changed",
	digestsStay:          "digests/missing",
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for broken, name := range detectedBy {
		t.Run(string(broken), func(t *testing.T) {
			t.Parallel()
			all := checks()
			i := slices.IndexFunc(all, func(c check) bool { return c.name == name })
			if i < 0 {
				t.Fatalf("there is no check %q", name)
			}
			failures := record(t, all[i], newInMemory(broken))
			if len(failures) == 0 {
				t.Errorf("a destination that %s passes %q", broken, name)
			}
		})
	}
}

// attempts is the number of seeds that random cases are run with for each fault.
const attempts = 20

// TestFaults_Random uses fixed seeds, so that its result does not depend on chance.
// It does not run in parallel, since the seed is global to rapid.
func TestFaults_Random(t *testing.T) {
	seed := flag.Lookup("rapid.seed").Value
	before := seed.String()
	t.Cleanup(func() { seed.Set(before) })
	for _, broken := range []fault{
		writesUnchanged, keepsOldTurns, losesEntities, losesHidden, losesMetrics, doublesAudio, losesAudio, hashOnly, oldHash, losesStart, noChanges,
		marksMoved, keepsMark, deletesNothing, deletesSilently, visibleAlways, latenessOfOld, latenessAlways, latenessReplaced,
	} {
		t.Run(string(broken), func(t *testing.T) {
			for try := range attempts { // a few cases may all miss it
				seed.Set(strconv.Itoa(try + 1))
				if len(record(t, randomChecks[0], newInMemory(broken))) > 0 {
					return
				}
			}
			t.Errorf("a destination that %s passes %d times", broken, attempts)
		})
	}
}
