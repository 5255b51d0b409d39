package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"convsync/internal/pipeline"
	"convsync/internal/plural"
	"convsync/internal/recordings"
	"convsync/internal/serve"
)

// copiesOutput is `convsync verify --recordings --output json`.
type copiesOutput struct {
	Verdict  string            `json:"verdict"` // ok; attention: differences; failing: no project could be verified
	Error    *pipeline.Failure `json:"error"`   // why there is no result; null: there is one
	From     *time.Time        `json:"from"`    // null: all time
	Until    *time.Time        `json:"until"`
	Projects []copiesOfProject `json:"projects"`
	Repair   *repaired         `json:"repair,omitempty"`
}

type copiesOfProject struct {
	recordings.Verification
	Error *pipeline.Failure `json:"error"` // why it could not be verified; null: it was verified
}

func (v *copiesVerification) print(w io.Writer, output string) error {
	var repair *repaired
	if v.repair {
		repair = newRepaired(v.counts())
	}
	if output == "json" {
		return json.NewEncoder(w).Encode(v.output(repair))
	}
	for i := range v.projects {
		v.projects[i].print(w, v.rangeText())
	}
	if !v.span.Empty() {
		fmt.Fprintln(w, "files that no row names are only looked for without --from and --to")
	}
	if repair != nil {
		repair.print(w)
	}
	return nil
}

func (v *copiesVerification) rangeText() string {
	if v.span.Empty() {
		return "all time"
	}
	return v.span.String()
}

func (v *copiesVerification) output(repair *repaired) *copiesOutput {
	out := &copiesOutput{Verdict: v.verdict(), Projects: []copiesOfProject{}, Repair: repair}
	if !v.span.Empty() {
		from, until := v.span.From.Time(), v.span.Until.Time()
		out.From, out.Until = &from, &until
	}
	for i := range v.projects {
		p := &v.projects[i]
		if p.err != nil {
			out.Projects = append(out.Projects, copiesOfProject{
				Verification: recordings.Verification{ProjectID: p.id, Faults: map[string]int64{}, Findings: []recordings.Finding{}},
				Error:        pipeline.FailureOf(p.err),
			})
			continue
		}
		out.Projects = append(out.Projects, copiesOfProject{Verification: *p.found})
	}
	return out
}

func (v *copiesVerification) verdict() string {
	var coded *exitError
	switch {
	case !errors.As(v.outcome(), &coded):
		return serve.VerdictOK
	case coded.code == exitPartial:
		return serve.VerdictAttention
	}
	return serve.VerdictFailing
}

// print prints the result of a project.
func (p *copiesVerified) print(w io.Writer, span string) {
	if p.err != nil {
		fmt.Fprintf(w, "%s, %s: recordings could not be verified\n", p.id, span)
		return
	}
	v := p.found
	fmt.Fprintf(w, "%s, %s: %s verified (%s)\n", p.id, span, plural.Count(v.Copies, "stored recording"), plural.Size(v.Bytes))
	if len(v.Faults) == 0 {
		fmt.Fprintln(w, "  no differences")
		return
	}
	fmt.Fprintf(w, "  %s\n", kindCounts(v.Faults))
	for i := range v.Findings {
		if i == shownFindings {
			fmt.Fprintln(w, "  and more: --output json lists up to a thousand")
			break
		}
		printCopy(w, &v.Findings[i])
	}
}

// printCopy prints a finding.
func printCopy(w io.Writer, f *recordings.Finding) {
	fmt.Fprintf(w, "  %-20s %s", f.Kind, oneLine(f.Path))
	switch {
	case f.Reason != "":
		fmt.Fprintf(w, ": %s", oneLine(f.Reason))
	case f.Kind == recordings.AlteredRecording && f.FoundSHA256 == "":
		fmt.Fprintf(w, ": %d bytes instead of %d", f.FoundBytes, f.SizeBytes)
	case f.Kind == recordings.AlteredRecording:
		fmt.Fprint(w, ": another SHA-256")
	}
	if f.MovedTo != "" {
		fmt.Fprintf(w, ", moved to %s", oneLine(f.MovedTo))
	}
	fmt.Fprintln(w)
}
