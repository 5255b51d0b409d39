package verify

import (
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
)

// Count counts what was found by kind, in the source and in the stored data.
func Count(results []*Result, faults []*Faults) map[string]int64 {
	counts := map[string]int64{}
	for _, r := range results {
		for _, f := range r.Findings {
			counts[string(f.Kind)]++
		}
	}
	for _, f := range faults {
		for kind, n := range f.Counts {
			counts[string(kind)] += n
		}
	}
	return counts
}

// Repairs returns what a run has to do to mend what was found: first the stored
// data of each project, then what is read again or marked of each feed. It
// returns nothing where nothing can be mended, such as what the source does not
// answer.
func Repairs(results []*Result, faults []*Faults, span extract.Span) (map[load.Feed]pipeline.Repair, []load.Mending) {
	repairs := map[load.Feed]pipeline.Repair{}
	reseal := map[string][]load.Key{}
	for _, r := range results {
		repair := repairOf(r)
		if len(repair.Spans)+len(repair.Gone) > 0 {
			repairs[r.Feed] = repair
		}
		for _, f := range r.Findings {
			if f.reseal {
				reseal[r.Feed.ProjectID] = append(reseal[r.Feed.ProjectID], load.Key{ID: f.ID, StartedAt: f.StartedAt})
			}
		}
	}
	var mend []load.Mending
	for _, f := range faults {
		m := load.Mending{ProjectID: f.ProjectID, Reseal: reseal[f.ProjectID]}
		if len(f.Counts) > 0 {
			m.Ranges = []load.Range{rangeOf(span)}
		}
		if len(m.Ranges)+len(m.Reseal) > 0 {
			mend = append(mend, m)
		}
	}
	return repairs, mend
}

// repairOf is what has to be read again and marked of a feed.
func repairOf(r *Result) (repair pipeline.Repair) {
	for _, f := range r.Findings {
		switch {
		case f.Kind == Damaged:
			repair.Spans = append(repair.Spans, extract.Span{From: extract.SecondOf(f.StartedAt.Time()), Until: extract.SecondOf((f.Until - 1).Time()) + 1})
		case f.Kind == NotListed:
			repair.Gone = append(repair.Gone, load.Key{ID: f.ID, StartedAt: f.StartedAt})
		case f.Listed != 0:
			at := extract.SecondOf(f.Listed.Time())
			repair.Spans = append(repair.Spans, extract.Span{From: at, Until: at + 1})
		}
	}
	return repair
}
