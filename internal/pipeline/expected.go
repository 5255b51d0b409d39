package pipeline

import "convsync/internal/extract"

// outlook holds the figures to estimate how much of a feed is still to be read.
type outlook struct {
	planned, published int64             // seconds
	loaded             int64             // conversations in published windows
	pending            int64             // conversations read in other windows
	seen               extract.TryResult // density of the part that was read last
}

// left estimates how many conversations are still to be read, from the density so
// far. known is false before the first page is read.
func (o *outlook) left() (conversations float64, known bool) {
	density := o.seen.Density
	switch {
	case o.planned == o.published:
		return 0, true
	case int64(o.seen.Over) < o.published:
		density = float64(o.loaded) / float64(o.published)
	case o.seen.Over == 0:
		return 0, false
	}
	return max(0, density*float64(o.planned-o.published)-float64(o.pending)), true
}

// Expected estimates how many conversations the run reads in total, including
// repetitions; 0: unknown.
func (p *Progress) Expected() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	expected, some := float64(p.Conversations()), false
	for _, o := range p.outlooks {
		left, known := o.left()
		expected += left
		some = some || known
	}
	if !some {
		return 0
	}
	return int64(expected)
}

// note changes the outlook of the feed.
func (f *feedRun) note(change func(*outlook)) {
	p := f.run.Progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.outlooks == nil {
		p.outlooks = map[*feedRun]*outlook{}
	}
	if p.outlooks[f] == nil {
		p.outlooks[f] = &outlook{}
	}
	change(p.outlooks[f])
}

// planned adds the length of the planned spans to the progress.
func (f *feedRun) planned(plan extract.Plan) {
	for _, s := range plan.Spans {
		f.run.Progress.planned.Add(int64(s.Seconds()))
		f.note(func(o *outlook) { o.planned += int64(s.Seconds()) })
	}
}
