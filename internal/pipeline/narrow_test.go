package pipeline

import (
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// narrowed executes a narrow run with destination d.
func narrowed(t *testing.T, d *fake, now func() time.Time, narrow extract.Narrow) *Report {
	t.Helper()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	o.Narrow = &narrow
	report, err := Run(t.Context(), o)
	if err != nil || report.Kind != KindEvent || report.Status != warehouse.RunSucceeded {
		t.Fatalf("%v, %+v", err, report)
	}
	return report
}

func TestRunNarrowAround(t *testing.T) {
	t.Parallel()
	now, d, whole := at(end.Add(-time.Hour)), newFake(), newFake()
	if _, err := Run(t.Context(), options(t, simulated(t, now, simulate.Deviations{}), whole, now)); err != nil {
		t.Fatal(err)
	}
	var start time.Time
	for _, at := range whole.starts() {
		start = at.Time()
	}
	report := narrowed(t, d, now, extract.Narrow{Around: []extract.Second{extract.SecondOf(start)}})
	if d.coverage() != nil || d.watermark() != 0 || report.Requests > 3 {
		t.Errorf("covered %v up to %v by %d requests", d.coverage(), d.watermark(), report.Requests)
	}
	for id, at := range d.starts() {
		if off := at.Time().Sub(start); off < -63*time.Second || off > 63*time.Second {
			t.Errorf("%s started %v from the requested start", id, off)
		}
	}
	if len(d.starts()) == 0 {
		t.Error("nothing was read: the test checks nothing")
	}
}

func TestRunNarrowWatermark(t *testing.T) {
	t.Parallel()
	d, early, now := newFake(), at(end.AddDate(0, 0, -3)), at(end.Add(-time.Hour))
	if _, err := Run(t.Context(), options(t, simulated(t, early, simulate.Deviations{}), d, early)); err != nil {
		t.Fatal(err)
	}
	before := d.watermark()
	narrowed(t, d, now, extract.Narrow{Recent: true})
	if d.watermark() != before || len(d.coverage()) < 2 {
		t.Errorf("the watermark moved from %v to %v; covered are %v", before.Time(), d.watermark().Time(), d.coverage())
	}
	if _, err := Run(t.Context(), options(t, simulated(t, now, simulate.Deviations{}), d, now)); err != nil {
		t.Fatal(err)
	}
	if got := d.watermark().Time(); !got.Equal(now()) {
		t.Errorf("the next run fills the gap up to %v", got)
	}
}
