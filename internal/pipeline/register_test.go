package pipeline

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

var errNoKey = errors.New("the file of the key is gone")

// withOthers adds a project that the destination has with another account, and one
// without a key, before the good one.
func withOthers(t *testing.T, d *fake) Options {
	t.Helper()
	now := at(end.Add(3 * time.Hour))
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	d.Edit(func(d *memory.Data) {
		d.Projects = append(d.Projects, warehouse.Project{ProjectID: "mixed", AccountID: "acme-us", Region: "us"})
	})
	good := o.Feeds[0]
	mixed, keyless := good, good
	mixed.ProjectID, keyless.ProjectID, keyless.Refused = "mixed", "keyless", errNoKey
	o.Feeds = []Feed{mixed, keyless, good}
	for _, f := range o.Feeds {
		o.Projects = append(o.Projects, load.Project{Project: warehouse.Project{ProjectID: f.ProjectID, AccountID: "acme-uk", Region: "uk"}})
	}
	return o
}

func TestRegisterRefusedProject(t *testing.T) {
	t.Parallel()
	d := newFake()
	o := withOthers(t, d)
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunPartial || len(d.conversations()) != conversations {
		t.Fatalf("%v, %s, %d conversations", err, report.Status, len(d.conversations()))
	}
	said := errors.Join(report.Errors...)
	var mixed *load.MixedProjectError
	if len(report.Errors) != 2 || !errors.As(said, &mixed) || !errors.Is(said, errNoKey) {
		t.Errorf("%v", said)
	}
	if row := string(d.runs()[0].Error); !strings.Contains(row, "mixed") || !strings.Contains(row, errNoKey.Error()) {
		t.Errorf("the row of the run says %q", row)
	}
	if len(d.registered) != 2 {
		t.Errorf("%d projects are registered, want all but the mixed one", len(d.registered))
	}
	if o.Feeds[0].Refused != nil {
		t.Error("the caller's feeds were changed")
	}
}

func TestRegisterAllRefused(t *testing.T) {
	t.Parallel()
	o := withOthers(t, newFake())
	o.Feeds, o.Projects = o.Feeds[:2], o.Projects[:2]
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunFailed || report.Requests != 0 || len(report.Errors) != 2 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestReplayRefusedProjects(t *testing.T) {
	t.Parallel()
	report, err := Replay(t.Context(), withOthers(t, newFake()))
	var mixed *load.MixedProjectError
	if err != nil || report.Status != warehouse.RunPartial || len(report.Errors) != 1 || !errors.As(report.Errors[0], &mixed) {
		t.Errorf("%v, %s, %v", err, report.Status, report.Errors)
	}
}

func TestPlanFeeds(t *testing.T) {
	t.Parallel()
	o := withOthers(t, newFake())
	refusing := options(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }), o.Destination, o.Clock)
	o.Feeds[0].Reader = refusing.Feeds[0].Reader
	plans, err := Plan(t.Context(), o)
	if err != nil || len(plans) != 3 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	for i, wrong := range []bool{true, true, false} {
		if p := plans[i]; (p.Err != nil) != wrong || (len(p.Plan.Spans) > 0) == wrong {
			t.Errorf("%s: %v, %v", p.Feed.ProjectID, p.Plan, p.Err)
		}
	}
}
