package load

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"convsync/internal/warehouse"
)

// newUpdate makes an update of an alert: triggered or resolved at a moment.
func newUpdate(status string, at warehouse.Timestamp, event string) warehouse.ActiveAlert {
	a := warehouse.ActiveAlert{AlertID: "al-1", Status: status, UpdatedAt: at, EventID: event}
	if status == warehouse.AlertResolved {
		a.ResolvedAt = warehouse.Some(at)
	} else {
		a.TriggeredAt = warehouse.Some(at)
	}
	return a
}

func TestMergeAlert_AnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var updates []warehouse.ActiveAlert
		for i := range rapid.IntRange(1, 6).Draw(t, "events") {
			status := rapid.SampledFrom([]string{warehouse.AlertTriggered, warehouse.AlertResolved}).Draw(t, "status")
			updates = append(updates, newUpdate(status, warehouse.Timestamp(rapid.Int64Range(1, 5).Draw(t, "at")), fmt.Sprint(i)))
		}
		all := func(order []warehouse.ActiveAlert) warehouse.ActiveAlert {
			merged := order[0]
			for _, a := range order {
				merged = MergeAlert(merged, a) // the first twice: a duplicate changes nothing
			}
			return merged
		}
		want := all(updates)
		if got := all(rapid.Permutation(updates).Draw(t, "order")); got != want {
			t.Errorf("merged in another order: %+v, want %+v", got, want)
		}
		last := updates[0]
		for _, a := range updates {
			if a.UpdatedAt > last.UpdatedAt || a.UpdatedAt == last.UpdatedAt && a.Status == warehouse.AlertResolved {
				last = a
			}
		}
		if want.Status != last.Status {
			t.Errorf("status %s, want the last one, %s", want.Status, last.Status)
		}
	})
}

func TestMergeAlert_FillsIn(t *testing.T) {
	t.Parallel()
	first, second := newUpdate(warehouse.AlertTriggered, 10, "a"), newUpdate(warehouse.AlertResolved, 20, "b")
	first.Name, first.Metric, first.ThresholdValue, first.CurrentValue = "Slow", "turn_latency_p95", warehouse.Some(1500.0), warehouse.Some(1800.0)
	second.Name, second.CurrentValue = "Slow turns", warehouse.Some(900.0)
	for _, got := range []warehouse.ActiveAlert{MergeAlert(first, second), MergeAlert(second, first)} {
		if got.Name != "Slow turns" || got.Metric != "turn_latency_p95" || got.ThresholdValue.V != 1500 || got.CurrentValue.V != 900 ||
			got.EventID != "b" || got.Status != warehouse.AlertResolved || got.TriggeredAt.V != 10 {
			t.Errorf("%+v", got)
		}
	}
}
