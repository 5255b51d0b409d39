package serve

import (
	"errors"
	"slices"
	"testing"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// TestFailedVerifications_Parts compares the projects of a schedule in several runs.
func TestFailedVerifications_Parts(t *testing.T) {
	t.Parallel()
	failed := func(why string) *pipeline.Report {
		return pipeline.Failed(verification, time.Now(), errors.New(why))
	}
	succeeded := &pipeline.Report{Kind: verification, Status: warehouse.RunSucceeded}
	m := NewMetrics()
	for _, step := range []struct {
		report   *pipeline.Report
		projects []string
		want     []string // errors on the page
	}{
		{failed("a and b differ"), []string{"a", "b"}, []string{"a and b differ"}},
		{succeeded, []string{"c"}, []string{"a and b differ"}},
		{failed("c differs"), []string{"c"}, []string{"a and b differ", "c differs"}},
		{succeeded, []string{"a"}, []string{"a and b differ", "c differs"}},
		{failed("c still differs"), []string{"c"}, []string{"a and b differ", "c still differs"}},
		{succeeded, []string{"b"}, []string{"c still differs"}},
		{failed("gone differs"), []string{"gone"}, []string{"c still differs"}}, // it is no longer configured
		{succeeded, []string{"c"}, nil},
		{failed("it did not begin"), nil, []string{"it did not begin"}},
		{succeeded, []string{"a"}, nil},
	} {
		m.observe(step.report, step.projects)
		var got []string
		for _, r := range m.failedVerifications([]*feedView{{ProjectID: "a"}, {ProjectID: "b"}, {ProjectID: "c"}}) {
			got = append(got, errors.Join(r.Errors...).Error())
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("after %s of %v, %q are shown; want %q", step.report.Status, step.projects, got, step.want)
		}
	}
}
