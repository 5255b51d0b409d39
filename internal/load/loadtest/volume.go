package loadtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// volumeChecks are about many conversations at once.
var volumeChecks = []check{
	{"volume/many days", func(t testing.TB, s Subject) {
		days := fewer(40)
		n := 75 * days
		b := begin(t, s, 1, "p")
		rows := many(n, days)
		counts := stageParallel(b, rows)
		counted(t, counts, int64(n), 0, 0)
		if got := counts.Rows["turns"]; got != int64(n) {
			t.Errorf("counted %d rows written to turns, want %d", got, n)
		}
		b.end()
		before := dump(t, s)
		before.count(t, len(rows))
		for _, r := range rows {
			before.stored(t, r)
		}
		if len(before.Changes) != len(rows) {
			t.Errorf("%d changes, want one each of %d", len(before.Changes), len(rows))
		}
		b = begin(t, s, 2, "p")
		changed := 0
		for i := 0; i < len(rows); i += 100 { // one in a hundred has changed
			changed++
			Note("was read")(rows[i])
			Seal(rows[i])
		}
		counted(t, stageParallel(b, rows), 0, int64(changed), int64(n-changed))
		after := dump(t, s)
		after.count(t, len(rows))
		for _, r := range rows {
			after.stored(t, r)
		}
		if n := len(after.Changes) - len(before.Changes); n != changed {
			t.Errorf("%d changes were added, want %d", n, changed)
		}
	}},
	{"volume/publish during stage", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		rows := many(400, 8)
		first, second := b.next(live("p")), b.next(live("p"))
		b.stage(first, rows[:200]...)
		var staging sync.WaitGroup
		failed := make(chan error, 20)
		for i := range 20 {
			staging.Go(func() { failed <- b.writer.Stage(t.Context(), batch(second, rows[200+i*10:210+i*10])) })
		}
		b.publish(first)
		staging.Wait()
		for range 20 {
			if err := <-failed; err != nil {
				t.Fatalf("Stage: %v", err)
			}
		}
		b.publish(second)
		d := dump(t, s)
		d.count(t, len(rows))
		for _, r := range rows {
			d.stored(t, r)
		}
	}},
	{"volume/long history in one window", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		var rows []*warehouse.Rows
		for i := range fewer(120) { // ten years, a month apart
			rows = append(rows, small(fmt.Sprintf("c-%d", i), Noon.AddDate(0, -i, 0)))
		}
		counted(t, b.load(rows...), int64(len(rows)), 0, 0)
		d := dump(t, s)
		d.count(t, len(rows))
		for _, r := range rows {
			d.stored(t, r)
		}
	}},
}

// fewer returns n, or a quarter of it when the race detector is on.
func fewer(n int) int {
	if Raced {
		return n / 4
	}
	return n
}

// small makes a conversation with one turn.
func small(id string, start time.Time) *warehouse.Rows {
	return Conversation("p", id, start, Turns(1), NoMetrics(""))
}

// many makes n small conversations, spread over days and out of order.
func many(n, days int) []*warehouse.Rows {
	rows := make([]*warehouse.Rows, n)
	for i := range rows {
		start := Noon.AddDate(0, 0, i*7%days).Add(time.Duration(i*7919%43200) * time.Second)
		rows[i] = small(fmt.Sprintf("c-%d", i), start)
	}
	return rows
}

// stageParallel stages the rows from four goroutines, alternating between two
// windows, and publishes both.
func stageParallel(b *session, rows []*warehouse.Rows) load.Counts {
	b.Helper()
	windows := []*load.Window{b.next(live("p")), b.next(live("p"))}
	const size = 50
	batches := make(chan int)
	failed := make(chan error, len(rows)/size+1)
	var staging sync.WaitGroup
	for range 4 {
		staging.Go(func() {
			for i := range batches {
				part := rows[i*size : min((i+1)*size, len(rows))]
				failed <- b.writer.Stage(b.Context(), batch(windows[i%2], part))
			}
		})
	}
	for i := range (len(rows) + size - 1) / size {
		batches <- i
	}
	close(batches)
	staging.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			b.Fatalf("Stage: %v", err)
		}
	}
	counts := b.publish(windows[0])
	counts.Add(b.publish(windows[1]))
	return counts
}
