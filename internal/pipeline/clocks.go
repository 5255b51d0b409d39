package pipeline

import (
	"slices"
	"time"

	"convsync/internal/extract"
)

// setClocks sets the times up to which the run reads and covers, from a response
// that was just received, and corrects coverage in the future.
func (f *feedRun) setClocks(answered extract.Moment) {
	source, local := answered.Source, f.run.Clock()
	if f.run.report != nil { // a plan has none
		f.run.report.noteSource(source, local)
	}
	clocks := f.clocks(answered, local)
	f.now, f.sure = clocks.Later(), clocks.Earlier()
	if difference := extract.ClockDifference(source, local); difference != "" {
		f.warn(difference + ": the run reads up to the later time, and its coverage ends at the earlier one; " +
			"correct the clock of this machine if it is wrong, otherwise report it to PolyAI")
	}
	f.correctFuture()
}

func (f *feedRun) clocks(answered extract.Moment, local time.Time) extract.Clocks {
	return extract.Clocks{
		Source:  extract.SecondOf(answered.Source),
		Local:   extract.SecondOf(local),
		Sent:    extract.SecondOf(answered.Sent),
		Witness: extract.Witnessed(covered(f.state.Coverage), secondOf(f.state.WatermarkAt)),
	}
}

// correctFuture removes coverage that was read in the future, because a clock was
// ahead. A stored watermark in the future is corrected when coverage is published
// next.
func (f *feedRun) correctFuture() {
	believable := extract.Believable(f.coverage, f.sure)
	dropped := !slices.Equal(f.coverage, believable)
	f.coverage = believable
	f.rewind = extract.InFuture(secondOf(f.state.Watermark), f.sure)
	if !dropped && !f.rewind || !f.publishesCoverage() {
		return
	}
	f.warn("project " + f.feed.ProjectID + " (" + f.feed.Environment + ") was read while a clock was ahead: its stored watermark is " +
		f.state.Watermark.Time().Format(time.RFC3339) + "; coverage in the future is read again, and the watermark is corrected")
}

// publishesCoverage reports whether this kind of run stores coverage.
func (f *feedRun) publishesCoverage() bool {
	return f.run.Backfill.Empty() && f.run.Repairs == nil && (f.run.Narrow == nil || f.run.Narrow.Recent)
}

// warn logs a warning, and puts it into the report once.
func (f *feedRun) warn(text string) {
	f.log.Warn(text)
	if f.run.report != nil { // a plan has none
		f.run.report.warn(text)
	}
}
