package pipeline

import (
	"slices"
	"time"

	"convsync/internal/extract"
)

// setClocks takes in the source's time, as of an answer that just came: how far
// the run reads and covers, and what of the stored coverage cannot be.
func (f *feedRun) setClocks(source time.Time) {
	local := f.Clock()
	if f.report != nil { // a plan has none
		f.report.noteSource(source, local)
	}
	clocks := f.clocks(source, local)
	f.now, f.sure = clocks.Later(), clocks.Earlier()
	if difference := extract.ClockDifference(source, local); difference != "" {
		f.warn(difference + ": what started up to the later of both is read, and up to the earlier one counts as read; " +
			"correct the clock of this machine if it is the wrong one, else report it to PolyAI")
	}
	f.correctFuture()
}

func (f *feedRun) clocks(source, local time.Time) extract.Clocks {
	return extract.Clocks{
		Source: extract.SecondOf(source), Local: extract.SecondOf(local),
		Witness: extract.Witnessed(covered(f.state.Coverage), extract.SecondOf(f.state.WatermarkAt.Time())),
	}
}

// correctFuture drops the coverage that claims to have been read in the future:
// the clock that it was read by was ahead. A stored watermark in the future is
// corrected with the next coverage that is published.
func (f *feedRun) correctFuture() {
	believable := extract.Believable(f.coverage, f.sure)
	dropped := !slices.Equal(f.coverage, believable)
	f.coverage = believable
	f.rewind = extract.InFuture(extract.SecondOf(f.state.Watermark.Time()), f.sure)
	if !dropped && !f.rewind || !f.publishesCoverage() {
		return
	}
	f.warn("project " + f.ProjectID + " (" + f.Environment + ") was read by a clock that was ahead: its stored watermark is " +
		f.state.Watermark.Time().Format(time.RFC3339) + "; what counted as read in the future is read again, and the watermark is corrected")
}

// publishesCoverage reports whether this kind of run stores coverage.
func (f *feedRun) publishesCoverage() bool {
	return f.Backfill.Empty() && f.Repairs == nil && (f.Narrow == nil || f.Narrow.Recent)
}

// warn logs a warning, and puts it into the report once.
func (f *feedRun) warn(text string) {
	f.Log.Warn(text)
	if f.report != nil { // a plan has none
		f.report.warn(text)
	}
}
