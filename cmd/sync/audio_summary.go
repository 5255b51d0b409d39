package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"convsync/internal/plural"
	"convsync/internal/recordings"
)

// isWorthPrinting reports whether recordings were requested, or anything was done.
func isWorthPrinting(r *recordings.Report) bool {
	isRequested := func(p recordings.ProjectReport) bool { return p.Mode == recordings.Check || p.Mode == recordings.Store }
	return r.Total() != recordings.Counts{} || r.Incomplete() || slices.ContainsFunc(r.Projects, isRequested)
}

// printRecordings prints in one line what was done for recordings, and in a second
// one what needs attention, if anything does.
func printRecordings(w io.Writer, r *recordings.Report) {
	t := r.Total()
	facts := []string{"none was due"}
	if t.Checked > 0 {
		facts[0] = fmt.Sprintf("%d checked%s", t.Checked, ofWhich(&t))
	}
	if t.Stored > 0 {
		facts = append(facts, fmt.Sprintf("%d stored (%s)", t.Stored, plural.Size(t.StoredBytes)))
	}
	for _, f := range []struct {
		n    int64
		what string
	}{{t.Adopted, "already stored"}, {t.Removed, "stored copies removed"}, {t.Enlisted, "added to audio_references"}} {
		if f.n > 0 {
			facts = append(facts, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	fmt.Fprintf(w, "recordings: %s; %s\n", strings.Join(facts, ", "), plural.Count(t.Requests, "request"))
	for i := range r.Projects {
		if p := &r.Projects[i]; p.Skipped != "" {
			fmt.Fprintf(w, "skipped the recordings of project %s: %s\n", p.ProjectID, oneLine(p.Skipped))
		}
	}
	if err := audioIncomplete(r); err != nil {
		fmt.Fprintf(w, "attention: %s\n", oneLine(err.Error()))
	}
}

// ofWhich lists the results of checks, in parentheses.
func ofWhich(t *recordings.Counts) string {
	var parts []string
	for _, f := range []struct {
		n    int64
		what string
	}{{t.Available, "available"}, {t.Missing, "missing"}, {t.Forbidden, "forbidden"}, {t.Failed, "failed"}} {
		if f.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", f.n, f.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// recordingFacts lists the progress of work on recordings, the most important first.
func recordingFacts(s recordings.Status, share float64) []string {
	left := "estimating the time left"
	if s.Left >= 0 && s.Done > 0 {
		left = timeLeft(s.Left)
	}
	facts := []string{fmt.Sprintf("%2d %%", int(100*share)), left, fmt.Sprintf("%d of %s", s.Done, plural.Count(s.Due, "recording"))}
	if s.PerSecond > 0 {
		facts = append(facts, fmt.Sprintf("%.1f/s", s.PerSecond))
	}
	if s.Bytes > 0 {
		facts = append(facts, plural.Size(s.Bytes), plural.Size(int64(s.BytesPerSecond))+"/s")
	}
	return facts
}

// showRecordings draws the progress of work on recordings on a terminal, as
// [app.showProgress].
func (a *app) showRecordings(progress *recordings.Progress) (stop func()) {
	bar := progressBar{}
	return a.showLine(func(width int, _ time.Duration) string {
		s := progress.SoFar(time.Now())
		if s.Due > 0 {
			bar.share = max(bar.share, min(float64(s.Done)/float64(s.Due), almost))
		}
		return bar.fit(width, recordingFacts(s, bar.share))
	})
}
