package pipeline

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/simulate"
)

// A repair of stored data only reads nothing again.
func TestRunMend(t *testing.T) {
	t.Parallel()
	d := newFake()
	o := options(t, simulated(t, at(end.Add(3*time.Hour)), simulate.Deviations{}), d, at(end.Add(3*time.Hour)))
	o.Repairs = map[load.Feed]Repair{}
	o.Mend = []load.Mending{{ProjectID: "acme-team-4", Reseal: []load.Key{{ID: "c-1"}}}}
	report, err := Run(t.Context(), o)
	if err != nil || report.Kind != KindRepair || report.Conversations.Read != 0 || report.Rows["turns"] != 1 {
		t.Errorf("%v, %+v", err, report)
	}
	if len(d.mended) != 1 || d.mended[0].ProjectID != "acme-team-4" || d.mended[0].RunID != o.Owner.RunID || d.mended[0].At == 0 {
		t.Errorf("mended %+v", d.mended)
	}
}
