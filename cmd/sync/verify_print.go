package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
	"convsync/internal/verify"
)

// shownFindings is the maximum number of printed findings of a project.
const shownFindings = 20

// verified is `convsync verify --output json`.
type verified struct {
	Verdict  string            `json:"verdict"` // ok; attention: differences; failing: no project could be read
	Error    *pipeline.Failure `json:"error"`   // why there is no result; null: there is one
	From     time.Time         `json:"from"`
	Until    time.Time         `json:"until"`
	Projects []verifiedFeed    `json:"projects"`
	Stored   []verifiedStored  `json:"stored_data"`
	Repair   *repaired         `json:"repair,omitempty"`
	span     extract.Span
}

type verifiedFeed struct {
	ProjectID   string            `json:"project_id"`
	Environment string            `json:"environment"`
	Listed      int64             `json:"listed"`
	Stored      int64             `json:"stored"`
	Turns       int64             `json:"turns"`
	Same        int64             `json:"same"`
	Older       int64             `json:"older_rules"`
	Open        int64             `json:"open"`
	Missing     int64             `json:"missing_at_source"`
	Unreadable  int64             `json:"unreadable"`
	Newer       int64             `json:"newer"`
	Elsewhere   int64             `json:"elsewhere"`
	Erased      int64             `json:"erased"`
	IDTwice     []verifiedTwice   `json:"id_twice"`
	Holes       []pipeline.Gap    `json:"holes"` // not verified, because the source fails to return them
	Findings    []verifiedFinding `json:"findings"`
	Error       *pipeline.Failure `json:"error"` // why it could not be verified; null: it was verified
}

// verifiedTwice is an id that the source lists with two starts.
type verifiedTwice struct {
	ConversationID string    `json:"conversation_id"`
	StartedAt      time.Time `json:"started_at"` // the stored one
	OtherStartedAt time.Time `json:"other_started_at"`
}

type verifiedFinding struct {
	ConversationID string     `json:"conversation_id"`
	StartedAt      time.Time  `json:"started_at"`
	Until          *time.Time `json:"until,omitempty"` // end of a range
	Kind           string     `json:"kind"`
	Reason         string     `json:"reason,omitempty"`
}

// verifiedStored lists the inconsistencies in the stored data of a project.
type verifiedStored struct {
	ProjectID string                   `json:"project_id"`
	Faults    map[load.FaultKind]int64 `json:"faults"`   // by kind
	Findings  []storedFinding          `json:"findings"` // the first thousand of them
}

type storedFinding struct {
	Kind           load.FaultKind `json:"kind"`
	Table          string         `json:"table"`
	ConversationID string         `json:"conversation_id,omitempty"`
	StartedAt      time.Time      `json:"started_at"`
	Path           string         `json:"path,omitempty"`
}

// repaired counts what a repair fixed and what the second pass still found, by kind.
type repaired struct {
	Mended map[string]int64 `json:"mended"`
	Left   map[string]int64 `json:"left"`
}

// newVerified creates the output from the first pass, and from the repair if
// there was one.
func newVerified(span extract.Span, first, second *verification) *verified {
	out := &verified{From: span.From.Time(), Until: span.Until.Time(), Stored: []verifiedStored{}, span: span}
	for _, r := range first.results {
		out.Projects = append(out.Projects, newVerifiedFeed(r))
	}
	for _, f := range first.failed {
		out.Projects = append(out.Projects, verifiedFeed{
			ProjectID:   f.ProjectID,
			Environment: f.Environment,
			Holes:       []pipeline.Gap{},
			IDTwice:     []verifiedTwice{},
			Findings:    []verifiedFinding{},
			Error:       pipeline.FailureOf(f.err),
		})
	}
	for _, f := range first.faults {
		stored := verifiedStored{ProjectID: f.ProjectID, Faults: f.Counts, Findings: []storedFinding{}}
		for _, s := range f.Shown {
			stored.Findings = append(stored.Findings, storedFinding{s.Kind, s.Table, s.ID, s.StartedAt.Time(), s.Path})
		}
		out.Stored = append(out.Stored, stored)
	}
	last := first
	if second != nil {
		last = second
	}
	out.Verdict = last.verdict()
	if second != nil {
		out.Repair = newRepaired(first.found(), second.found())
	}
	return out
}

// verdict returns ok if nothing differs from the source.
func (v *verification) verdict() string {
	switch {
	case len(v.failed) > 0 && len(v.results) == 0:
		return serve.VerdictFailing
	case len(v.failed) > 0 || len(v.found()) > 0:
		return serve.VerdictAttention
	}
	return serve.VerdictOK
}

func newVerifiedFeed(r *verify.Result) verifiedFeed {
	feed := verifiedFeed{
		ProjectID:   r.Feed.ProjectID,
		Environment: r.Feed.Environment,
		Listed:      r.Listed,
		Stored:      r.Stored,
		Turns:       r.Turns,
		Same:        r.Same,
		Older:       r.Older,
		Open:        r.Open,
		Missing:     r.Missing,
		Unreadable:  r.Unreadable,
		Newer:       r.Newer,
		Elsewhere:   r.Elsewhere,
		Erased:      r.Erased,
		Holes:       []pipeline.Gap{},
		IDTwice:     []verifiedTwice{},
		Findings:    []verifiedFinding{},
	}
	for _, h := range r.Holes {
		feed.Holes = append(feed.Holes, pipeline.Gap{From: h.From.Time(), Until: h.Until.Time()})
	}
	for _, f := range r.Twice {
		feed.IDTwice = append(feed.IDTwice, verifiedTwice{f.ID, f.StartedAt.Time(), f.Listed.Time()})
	}
	for _, f := range r.Findings {
		finding := verifiedFinding{ConversationID: f.ID, StartedAt: f.StartedAt.Time(), Kind: string(f.Kind), Reason: f.Reason}
		if f.Until != 0 {
			until := f.Until.Time()
			finding.Until = &until
		}
		feed.Findings = append(feed.Findings, finding)
	}
	return feed
}

// newRepaired compares the findings of two passes.
func newRepaired(first, second map[string]int64) *repaired {
	r := &repaired{Mended: map[string]int64{}, Left: second}
	for kind, n := range first {
		if mended := n - second[kind]; mended > 0 {
			r.Mended[kind] = mended
		}
	}
	return r
}

func printVerified(app *app, output string, out *verified) error {
	if output == "json" {
		return json.NewEncoder(app.stdout).Encode(out)
	}
	out.print(app.hints(app.stdout))
	return nil
}

func (v *verified) print(w io.Writer) {
	for i := range v.Projects {
		v.Projects[i].print(w, v.span)
	}
	for i := range v.Stored {
		v.Stored[i].print(w)
	}
}

// print prints the result of a feed.
func (p *verifiedFeed) print(w io.Writer, span extract.Span) {
	if p.Error != nil {
		fmt.Fprintf(w, "%s (%s), %s: could not be verified\n", p.ProjectID, p.Environment, span)
		return
	}
	fmt.Fprintf(w, "%s (%s), %s: %d listed by the source, %d stored with %d turns, %d identical\n",
		p.ProjectID, p.Environment, span, p.Listed, p.Stored, p.Turns, p.Same)
	for _, also := range []struct {
		n    int64
		what string
	}{
		{p.Older, "stored by an older transform version, which is not a difference"}, {p.Open, "in progress, which can still change"},
		{p.Missing, "marked as missing"}, {p.Unreadable, "that cannot be read (see the table rejects)"},
		{p.Newer, "that started after the last run: the next run reads them"},
		{p.Elsewhere, "stored under another environment that listed them first (see the table schema_drift)"},
		{p.Erased, "erased on request, and never loaded again (see the table erasures)"},
	} {
		if also.n > 0 {
			fmt.Fprintf(w, "  %d %s\n", also.n, also.what)
		}
	}
	for _, h := range p.Holes {
		fmt.Fprintf(w, "  %s is not verified: the source fails to return it (see the table sync_holes)\n", h.From.Format(time.RFC3339))
	}
	p.printTwice(w)
	if len(p.Findings) == 0 {
		fmt.Fprintln(w, "  no differences")
	}
	for i, f := range p.Findings {
		if i == shownFindings {
			fmt.Fprintf(w, "  and %d more: --output json lists all\n", len(p.Findings)-i)
			break
		}
		f.print(w)
	}
}

// printTwice prints the ids that the source lists with two starts.
func (p *verifiedFeed) printTwice(w io.Writer) {
	for i, f := range p.IDTwice {
		if i == shownFindings {
			fmt.Fprintf(w, "  and %d more: --output json lists all\n", len(p.IDTwice)-i)
			return
		}
		fmt.Fprintf(w, "  %-10s %s, started %s; the one that started %s is not stored\n",
			verify.IDTwice, f.ConversationID, f.StartedAt.Format(time.RFC3339Nano), f.OtherStartedAt.Format(time.RFC3339Nano))
	}
}

func (f *verifiedFinding) print(w io.Writer) {
	if f.Until != nil {
		fmt.Fprintf(w, "  %-10s %s to %s: %s\n", f.Kind, f.StartedAt.Format(time.RFC3339), f.Until.Format(time.RFC3339), oneLine(f.Reason))
		return
	}
	fmt.Fprintf(w, "  %-10s %s, started %s\n", f.Kind, oneLine(f.ConversationID), f.StartedAt.Format(time.RFC3339Nano))
}

// print prints the inconsistencies, if any.
func (s *verifiedStored) print(w io.Writer) {
	if len(s.Faults) == 0 {
		return
	}
	fmt.Fprintf(w, "%s, stored data: %s\n", s.ProjectID, kindCounts(s.Faults))
	for i, f := range s.Findings {
		if i == shownFindings {
			fmt.Fprintln(w, "  and more: --output json lists up to a thousand")
			break
		}
		if f.Path != "" {
			fmt.Fprintf(w, "  %-16s %s\n", f.Kind, oneLine(f.Path))
			continue
		}
		fmt.Fprintf(w, "  %-16s %s in %s, started %s\n", f.Kind, oneLine(f.ConversationID), f.Table, f.StartedAt.Format(time.RFC3339Nano))
	}
}

func (r *repaired) print(w io.Writer) {
	fmt.Fprintln(w, "repaired:", kindCounts(r.Mended))
	fmt.Fprintln(w, "remaining:", kindCounts(r.Left))
}

// kindCounts formats the number of findings of each kind.
func kindCounts[K ~string](counts map[K]int64) string {
	text := ""
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf(", %d %s", counts[kind], kind)
	}
	if text == "" {
		return "nothing"
	}
	return text[2:]
}
