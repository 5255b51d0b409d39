package load

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

// tell is an event of an alert: triggered or resolved at a moment.
func tell(status string, at warehouse.Timestamp, event string) warehouse.ActiveAlert {
	a := warehouse.ActiveAlert{AlertID: "al-1", Status: status, UpdatedAt: at, EventID: event}
	if status == warehouse.AlertResolved {
		a.ResolvedAt = warehouse.Some(at)
	} else {
		a.TriggeredAt = warehouse.Some(at)
	}
	return a
}

func TestAnAlertEndsTheSameInWhicheverOrderItIsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var told []warehouse.ActiveAlert
		for i := range rapid.IntRange(1, 6).Draw(t, "events") {
			status := rapid.SampledFrom([]string{warehouse.AlertTriggered, warehouse.AlertResolved}).Draw(t, "status")
			told = append(told, tell(status, warehouse.Timestamp(rapid.Int64Range(1, 5).Draw(t, "at")), fmt.Sprint(i)))
		}
		all := func(order []warehouse.ActiveAlert) warehouse.ActiveAlert {
			merged := order[0]
			for _, a := range order {
				merged = MergeAlert(merged, a) // the first twice: doubling changes nothing
			}
			return merged
		}
		want := all(told)
		if got := all(rapid.Permutation(told).Draw(t, "order")); got != want {
			t.Errorf("in another order it is %+v, and was %+v", got, want)
		}
		last := told[0]
		for _, a := range told {
			if a.UpdatedAt > last.UpdatedAt || a.UpdatedAt == last.UpdatedAt && a.Status == warehouse.AlertResolved {
				last = a
			}
		}
		if want.Status != last.Status {
			t.Errorf("it is %s, and was last %s", want.Status, last.Status)
		}
	})
}

func TestWhatOneTellingLeavesOutTheOtherFillsIn(t *testing.T) {
	t.Parallel()
	first, second := tell(warehouse.AlertTriggered, 10, "a"), tell(warehouse.AlertResolved, 20, "b")
	first.Name, first.Metric, first.ThresholdValue, first.CurrentValue = "Slow", "turn_latency_p95", warehouse.Some(1500.0), warehouse.Some(1800.0)
	second.Name, second.CurrentValue = "Slow turns", warehouse.Some(900.0)
	for _, got := range []warehouse.ActiveAlert{MergeAlert(first, second), MergeAlert(second, first)} {
		if got.Name != "Slow turns" || got.Metric != "turn_latency_p95" || got.ThresholdValue.V != 1500 || got.CurrentValue.V != 900 ||
			got.EventID != "b" || got.Status != warehouse.AlertResolved || got.TriggeredAt.V != 10 {
			t.Errorf("%+v", got)
		}
	}
}
