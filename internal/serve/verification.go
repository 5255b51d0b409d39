package serve

import (
	"errors"
	"slices"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// failedVerification is a verification of this process that did not succeed.
type failedVerification struct {
	report   *pipeline.Report
	projects []string // that no later verification has compared; none: not known
}

// noteVerification adds a verification of projects to those that failed, and removes
// what it has compared again. A schedule may compare its projects in several runs.
func noteVerification(failed []*failedVerification, r *pipeline.Report, projects []string) []*failedVerification {
	failed = slices.DeleteFunc(failed, func(v *failedVerification) bool {
		v.projects = slices.DeleteFunc(v.projects, func(id string) bool { return slices.Contains(projects, id) })
		return len(v.projects) == 0 || len(projects) == 0
	})
	if r.Status != warehouse.RunSucceeded && len(r.Errors) > 0 {
		failed = append(failed, &failedVerification{r, slices.Clone(projects)})
	}
	return failed
}

// judgeVerification is the problem of a verification that failed.
func judgeVerification(r *pipeline.Report, now time.Time) problem {
	return problem{
		Level: levelBad, What: "The last verification did not succeed: " + errors.Join(r.Errors...).Error(), Since: momentOf(r.FinishedAt, now, time.UTC),
		Do: "Inspect the differences before you repair them: the data may have been changed by hand. The next successful verification clears this.",
	}
}
