package main

import (
	"fmt"
	"time"

	"convsync/internal/export"
	"convsync/internal/plural"
)

// showExport draws the progress of an export, or of its verification, on a terminal.
func (a *app) showExport(progress *export.Progress) (stop func()) {
	bar := progressBar{}
	return a.showLine(func(width int, elapsed time.Duration) string {
		s := progress.SoFar()
		bar.share = max(bar.share, min(s.Share, almost))
		return bar.fit(width, exportFacts(s, bar.share, elapsed))
	})
}

// exportFacts lists the progress of an export, the most important first.
func exportFacts(s export.Status, share float64, elapsed time.Duration) []string {
	left := "estimating the time left"
	switch {
	case share >= almost:
		left = "finishing"
	case share > 0 && elapsed > 0:
		left = timeLeft(time.Duration(float64(elapsed) * (1 - share) / share))
	}
	facts := []string{fmt.Sprintf("%2d %%", int(100*share)), left}
	if s.Rows > 0 {
		facts = append(facts, plural.Count(s.Rows, "row"))
	}
	if s.Files > 0 {
		facts = append(facts, plural.Count(s.Files, "file"), plural.Size(s.Bytes))
		if elapsed > 0 {
			facts = append(facts, plural.Size(int64(float64(s.Bytes)/elapsed.Seconds()))+"/s")
		}
	}
	return facts
}
