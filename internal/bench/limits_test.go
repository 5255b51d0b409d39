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

// measureParquetGrowth loads more and more conversations of a month into lakes.
func measureParquetGrowth(h *harness) {
	d := h.data("growth", scaled(400_000), 1, month)
	defer h.discard(d.folder)
	h.growth(0, d, 400)
}

// measurePostgresGrowth loads half as many into databases: one of 400,000
// conversations needs 4.3 GB, and 1 GB of WAL.
func measurePostgresGrowth(h *harness) { h.growth(1, h.month(), 200) }

// growth loads an eighth, half and all of a data set of so many thousands.
func (h *harness) growth(destination int, d *dataset, thousands int) {
	to := destinations[destination]
	s := serve(h, d)
	shares := []int{8, 2, 1}
	h.repetitions(len(shares)*len(h.programs), func(order []int) {
		for _, i := range order {
			of, p := shares[i/len(h.programs)], h.programs[i%len(h.programs)]
			n := (d.n() + of - 1) / of
			s.serves(h, variant{Of: of})
			t := to.make(h, h.all(d, s))
			h.add(fmt.Sprintf("growth/%s/%dk", to.name, thousands/of), p.name, n, t.run(h, p, s, read{inserted: n}))
			t.remove(h)
		}
	})
}

// measurePage loads one page of 300 MB: the source ignores the limit.
func measurePage(h *harness) {
	d := h.data("hour", scaled(41_000), 1, time.Hour)
	defer h.discard(d.folder)
	s := serve(h, d)
	s.serves(h, variant{PageRows: d.n()})
	h.repetitions(len(h.programs), func(order []int) {
		for _, destination := range destinations {
			for _, i := range order {
				t := destination.make(h, h.all(d, s))
				h.add("page/"+destination.name, h.programs[i].name, d.n(), t.run(h, h.programs[i], s, read{inserted: d.n()}))
				t.remove(h)
			}
		}
	})
}

// measureDay loads a day of 240,000 conversations into a lake, and merges it again
// when one of a hundred has changed.
func measureDay(h *harness) {
	d := h.data("day", scaled(240_000), 1, day)
	defer h.discard(d.folder)
	s := serve(h, d)
	spread := variant{Every: 100}
	changed := spread.changes(d.n())
	h.repetitions(len(h.programs), func(order []int) {
		for _, i := range order {
			p, t := h.programs[i], newLake(h, h.all(d, s))
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
	d := h.month()
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
		for _, destination := range destinations {
			h.startLoaded(fmt.Sprintf("start/%s/%s", history.name, destination.name), destination.make, d)
		}
		h.discard(d.folder)
	}
}

// startLoaded measures runs over a destination that has everything.
func (h *harness) startLoaded(work string, destination func(h *harness, p plan) *target, d *dataset) {
	s := serve(h, d)
	defer s.stop()
	var loaded []*target // of each program
	for _, p := range h.programs {
		t := destination(h, plan{source: s, projects: d.Projects, start: d.Spec.From})
		t.run(h, p, s, read{inserted: d.n()})
		loaded = append(loaded, t)
	}
	h.repetitions(len(loaded), func(order []int) {
		for _, i := range order {
			for range starts {
				h.add(work, h.programs[i].name, 1, loaded[i].run(h, h.programs[i], s, read{}))
			}
		}
	})
	for _, t := range loaded {
		t.remove(h)
	}
}
