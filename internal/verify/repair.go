package verify

import (
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
)

// Count returns the number of findings and faults by kind.
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

// Repairs returns what a run has to do to repair the findings: the ranges to read
// again and the conversations to mark as missing for each feed, and the stored
// data to mend for each project, which is done first. Findings that cannot be
// repaired, such as a range that the source fails to return, are left out.
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

// repairOf returns what a run has to read again and to mark for a feed.
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
