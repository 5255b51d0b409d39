package loadtest

import (
	"slices"
	"testing"
)

// check checks one behavior of a destination. It gets its own subject. It must not
// start subtests, since t may be a recorder.
type check struct {
	name string
	run  func(t testing.TB, s Subject)
}

// Run runs all checks except [Crash]. fresh makes an empty subject; it is called
// from parallel tests.
func Run(t *testing.T, fresh func(testing.TB) Subject) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, fresh(t))
		})
	}
}

// checks returns all checks of the suite.
func checks() []check {
	return slices.Concat(
		writingChecks, hiddenChecks, movingChecks, startChecks, queueChecks, identityChecks,
		valueChecks, rejectChecks, coveringChecks, owningChecks, projectLockChecks, volumeChecks,
		missingChecks, visibleAgainChecks, holeChecks, latenessChecks, rewritingChecks, archiveChecks, readingChecks, resolvingChecks, inboxChecks,
		dailyChecks, randomChecks, auditingChecks, retentionChecks, recordingChecks, digestChecks,
	)
}
