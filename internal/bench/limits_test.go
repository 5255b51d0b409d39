package bench

import (
	"fmt"
	"time"
)

// destinations makes a fresh destination of each kind.
var destinations = []struct {
	name string
	make func(h *harness, p plan) *target
}{
	{"parquet", func(h *harness, p plan) *target { return newLake(h, p) }},
	{"postgres", func(h *harness, p plan) *target { return newSchema(h, h.database(), p) }},
}

// measureGrowth loads more and more conversations of the same month.
func measureGrowth(h *harness) {
	h.repetitions(1, func([]int) {
		for _, n := range []int{50_000, 200_000, 400_000} {
			d := h.data("month", scaled(n), 1, month)
			s := serve(h, d)
			for _, destination := range destinations {
				for _, p := range h.programs {
					t := destination.make(h, h.all(d, s))
					work := fmt.Sprintf("growth/%s/%dk", destination.name, n/1000)
					h.add(work, p.name, d.n(), t.run(h, p, s, read{inserted: d.n()}))
					t.remove(h)
				}
			}
			s.stop()
			h.discard(d)
		}
	})
}

// measurePage loads one page of 300 MB: the source ignores the limit.
func measurePage(h *harness) {
	d := h.data("hour", scaled(41_000), 1, time.Hour)
	defer h.discard(d)
	s := serve(h, d)
	s.serves(h, variant{PageRows: d.n()})
	h.repetitions(1, func([]int) {
		for _, destination := range destinations {
			for _, p := range h.programs {
				t := destination.make(h, h.all(d, s))
				h.add("page/"+destination.name, p.name, d.n(), t.run(h, p, s, read{inserted: d.n()}))
				t.remove(h)
			}
		}
	})
}

// measureDay loads a day of 240,000 conversations into a lake, and merges it again
// when one of a hundred has changed.
func measureDay(h *harness) {
	d := h.data("day", scaled(240_000), 1, day)
	defer h.discard(d)
	s := serve(h, d)
	spread := variant{Every: 100}
	changed := spread.changes(d.n())
	h.repetitions(1, func([]int) {
		for _, p := range h.programs {
			t := newLake(h, h.all(d, s))
			s.serves(h, variant{})
			h.add("day/first", p.name, d.n(), t.run(h, p, s, read{inserted: d.n()}))
			s.serves(h, spread)
			h.add("day/spread", p.name, d.n(), t.run(h, p, s, read{updated: changed, unchanged: d.n() - changed}))
			t.remove(h)
		}
	})
}

// measureGzip loads a lake from a source that compresses its responses.
func measureGzip(h *harness) {
	d := h.data("month", scaled(200_000), 1, month)
	defer h.discard(d)
	s := serve(h, d)
	h.repetitions(len(h.programs), func(order []int) {
		for _, packed := range []bool{false, true} {
			s.serves(h, variant{Gzip: packed})
			work := map[bool]string{false: "gzip/plain", true: "gzip/compressed"}[packed]
			for _, i := range order {
				t := newLake(h, h.all(d, s))
				h.add(work, h.programs[i].name, d.n(), t.run(h, h.programs[i], s, read{inserted: d.n()}))
				t.remove(h)
			}
		}
	})
}

// starts is how often a short run is repeated in each repetition.
const starts = 5

// measureStart measures runs that have nothing to do: `version`, a run over a
// covered month, and one over three covered years.
func measureStart(h *harness) {
	h.repetitions(len(h.programs), func(order []int) {
		for _, i := range order {
			for range starts {
				s, _, err := measure(h.Context(), h.programs[i].env, h.programs[i].path, "version")
				if err != nil {
					h.Fatal(err)
				}
				h.add("start/version", h.programs[i].name, 1, s)
			}
		}
	})
	for _, history := range []struct {
		name string
		long time.Duration
		n    int
	}{{"nothing", month, 300}, {"years", 3 * 365 * day, 11_000}} {
		d := h.data(history.name, history.n, 1, history.long)
		s := serve(h, d)
		for _, destination := range destinations {
			for _, p := range h.programs {
				t := destination.make(h, plan{source: s, projects: d.Projects, start: d.Spec.From})
				t.run(h, p, s, read{inserted: d.n()})
				for range starts * *repeat {
					h.add(fmt.Sprintf("start/%s/%s", history.name, destination.name), p.name, 1, t.run(h, p, s, read{}))
				}
				t.remove(h)
			}
		}
		s.stop()
		h.discard(d)
	}
}
