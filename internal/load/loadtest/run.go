package loadtest

import (
	"slices"
	"testing"
)

// check is one behaviour of a destination. It gets a subject of its own, and a
// t that may be a recorder: it starts no subtests.
type check struct {
	name string
	run  func(t testing.TB, s Subject)
}

// Run checks everything that a destination promises, [Crash] aside. fresh makes
// an empty subject; it is called from parallel tests.
func Run(t *testing.T, fresh func(testing.TB) Subject) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, fresh(t))
		})
	}
}

// checks are all of the suite's, theme by theme.
func checks() []check {
	return slices.Concat(
		writingChecks, hiddenChecks, movingChecks, startChecks, worklistChecks, identityChecks,
		valueChecks, sightingChecks, coveringChecks, owningChecks, volumeChecks,
		missingChecks, revealedChecks, holeChecks, latenessChecks, rewritingChecks, archiveChecks, tellingChecks, resolvingChecks, inboxChecks,
		dailyChecks, randomChecks, auditingChecks, retentionChecks,
	)
}
