package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/plural"
	"convsync/internal/serve"
)

// judge uses the assessment of the page.
func (r *statusReport) judge(a *serve.Assessment) {
	r.Verdict, r.Summary, r.Problems = a.Verdict, a.Sentence, []statusProblem{}
	for _, p := range a.Problems {
		found := statusProblem{
			Verdict: p.Verdict,
			What:    p.What,
			Error:   p.Error,
			Since:   unlessZero(p.Since),
			Do:      p.Do,
		}
		if p.Runbook != "" {
			found.Runbook = "docs/runbooks/" + p.Runbook + ".md"
		}
		r.Problems = append(r.Problems, found)
	}
}

func (f *feedStatus) judge(a *serve.AssessedFeed, now time.Time) {
	f.Verdict, f.Error, f.FailingSince = a.Verdict, a.Error, unlessZero(a.FailingSince)
	if a.Loading {
		f.FirstLoad = &a.ReadPercent
	}
	if f.Watermark != nil {
		age := now.Sub(*f.Watermark).Seconds()
		f.AgeSeconds = &age
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (r *statusReport) print(w io.Writer, now time.Time) error {
	fmt.Fprintf(w, "%s: %s\n", badge(r.Verdict), r.Summary)
	for _, p := range r.Problems {
		p.print(w, now)
	}
	fmt.Fprintf(w, "%s\n\n", r.Destination)
	for _, f := range r.Feeds {
		fmt.Fprintf(w, "%s (%s): %s\n", f.ProjectID, f.Environment, badge(f.Verdict))
		if f.Error != "" {
			fmt.Fprintf(w, "  failing since     %s: %s\n", withAge(f.FailingSince, now), oneLine(f.Error))
		}
		if f.FirstLoad != nil {
			fmt.Fprintf(w, "  first load        %d %% read\n", *f.FirstLoad)
		} else {
			fmt.Fprintf(w, "  complete until    %s\n", withAge(f.Watermark, now))
		}
		for _, g := range f.Gaps {
			fmt.Fprintf(w, "  not read yet      %s to %s\n", g.From.Format(time.RFC3339), g.Until.Format(time.RFC3339))
		}
		fmt.Fprintf(w, "  conversations     %s\n", f.stored(now))
		fmt.Fprintf(w, "  open              %d\n", f.Open)
		fmt.Fprintf(w, "  hidden            %d transcripts\n", f.Hidden)
		if f.Missing > 0 {
			fmt.Fprintf(w, "  missing           %d no longer listed by the source\n", f.Missing)
		}
		fmt.Fprintf(w, "  rejects           %d\n", f.Rejects)
		for _, h := range f.Holes {
			fmt.Fprintf(w, "  hole              %s, tried %d times, next try after %s: %s\n",
				h.From.Format(time.RFC3339), h.Tries, h.NextTry.Format(time.RFC3339), oneLine(h.Reason))
		}
		f.printLateness(w)
		if len(f.Drift) > 0 {
			fmt.Fprintf(w, "  schema drift\n")
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			for _, d := range f.Drift {
				fmt.Fprintf(t, "    %s\t%s\t%s\t%d times\tlast %s\n", oneLine(d.Path), d.Kind, d.Type, d.Count, d.Last.Format(time.RFC3339))
			}
			if err := t.Flush(); err != nil {
				return err
			}
		}
	}
	for i := range r.Recordings {
		r.Recordings[i].print(w, now)
	}
	if len(r.Runs) == 0 {
		_, err := fmt.Fprintln(w, "\nno run has finished yet")
		return err
	}
	fmt.Fprintln(w, "\nlast runs")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, run := range r.Runs {
		did := fmt.Sprintf("%d new\t%d changed", run.Inserted, run.Updated)
		if run.Kind == pipeline.KindAudio { // it reads no conversations
			did = plural.Count(run.Requests, "request") + "\t"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", withAge(&run.Started, now), run.Kind, run.Status, did, oneLine(firstOf(run.Error)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, warning := range r.Runs[0].Warnings {
		fmt.Fprintf(w, "\nwarning of the last run: %s\n", oneLine(warning))
	}
	return nil
}

// stored formats the number of conversations and the time of the newest one.
func (f *feedStatus) stored(now time.Time) string {
	if f.Newest == nil {
		return strconv.FormatInt(f.Conversations, 10)
	}
	return fmt.Sprintf("%d, the newest from %s", f.Conversations, withAge(f.Newest, now))
}

// badge is the human-readable form of a verdict, as on the page.
func badge(verdict string) string {
	return map[string]string{serve.VerdictOK: "OK", serve.VerdictAttention: "Attention", serve.VerdictFailing: "Failing"}[verdict]
}

func (p *statusProblem) print(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "  %s: %s", badge(p.Verdict), oneLine(p.What))
	if p.Since != nil {
		fmt.Fprintf(w, ", since %s", withAge(p.Since, now))
	}
	fmt.Fprintf(w, "\n    %s", p.Do)
	if p.Runbook != "" {
		fmt.Fprintf(w, " See %s.", p.Runbook)
	}
	fmt.Fprintln(w)
}

// withAge formats a time with its age.
func withAge(t *time.Time, now time.Time) string {
	if t == nil {
		return "not known yet"
	}
	return t.Format(time.RFC3339) + " (" + serve.Ago(*t, now) + ")"
}

// firstOf returns the first line of errors, and the number of further ones.
func firstOf(text string) string {
	first, rest, more := strings.Cut(text, "\n")
	if more {
		first += fmt.Sprintf(" (and %s; --output json shows them)", plural.Count(int64(strings.Count(rest, "\n")+1), "more line"))
	}
	return first
}
