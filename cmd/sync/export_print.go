package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"convsync/internal/export"
	"convsync/internal/plural"
	"convsync/internal/warehouse"
)

// exported is `convsync export audio --output json`.
type exported struct {
	Dir            string            `json:"dir"`
	ExportID       string            `json:"export_id"`
	ManifestSHA256 string            `json:"manifest_sha256"`
	Complete       bool              `json:"complete"`
	Continued      bool              `json:"continued"`
	Counts         export.Counts     `json:"counts"`
	Coverage       export.Coverage   `json:"coverage"`
	Previous       *export.Previous  `json:"previous"`
	SignedBy       string            `json:"signed_by,omitempty"`
	Problems       []exportedProblem `json:"problems"` // the first hundred; counts has their number
}

type exportedProblem struct {
	Kind           string `json:"kind"`
	ConversationID string `json:"conversation_id"`
	StoredURI      string `json:"stored_uri"`
}

func newExported(s *export.Summary) *exported {
	m := s.Manifest
	e := &exported{
		Dir:            s.Dir,
		ExportID:       m.ExportID,
		ManifestSHA256: s.ManifestSHA256,
		Complete:       s.Complete(),
		Continued:      s.Continued,
		Counts:         m.Counts,
		Coverage:       m.Coverage,
		Previous:       m.Previous,
		SignedBy:       m.SignedBy,
		Problems:       []exportedProblem{},
	}
	for _, p := range s.Problems {
		e.Problems = append(e.Problems, exportedProblem(p))
	}
	return e
}

// shownProblems limits the problems that are printed.
const shownProblems = 10

// printExported prints the summary of an export for people.
func printExported(w io.Writer, s *export.Summary) {
	m := s.Manifest
	fmt.Fprintf(w, "exported to %s: %s in %s", s.Dir, plural.Count(m.Counts.Rows, "row"), plural.Count(m.Counts.Conversations, "voice conversation"))
	if m.Recordings != export.List {
		fmt.Fprintf(w, ", %s (%s)", plural.Count(m.Counts.Files, "recording"), plural.Size(m.Counts.Bytes))
	}
	fmt.Fprintln(w)
	printCounts(w, "availability", m.Counts.ByAvailability)
	if n := m.Counts.ByAvailability[warehouse.AudioUnknown]; n > 0 {
		fmt.Fprintf(w, "  not requested from PolyAI yet: %s; set sync.audio to check or store, or use --download\n", plural.Count(n, "recording"))
	}
	printCounts(w, "redacted recordings", m.Counts.ByEvidence.Redacted)
	printCounts(w, "raw recordings", m.Counts.ByEvidence.Raw)
	if m.Coverage.Complete {
		fmt.Fprintln(w, "  coverage: complete")
	}
	for _, f := range m.Coverage.Feeds {
		for _, g := range f.Gaps {
			fmt.Fprintf(w, "  coverage: %s (%s): %s to %s %s\n", oneLine(f.ProjectID), oneLine(f.Environment), g.From.Format(time.RFC3339), g.Until.Format(time.RFC3339), gapText[g.Reason])
		}
		if f.Open > 0 {
			fmt.Fprintf(w, "  in progress: %s of %s (%s)\n", plural.Count(int64(f.Open), "conversation"), oneLine(f.ProjectID), oneLine(f.Environment))
		}
		if f.Rejected > 0 {
			fmt.Fprintf(w, "  not in the list: %s of %s (%s), see `convsync status`\n", plural.Count(int64(f.Rejected), "rejected conversation"), oneLine(f.ProjectID), oneLine(f.Environment))
		}
	}
	for _, p := range s.Problems[:min(len(s.Problems), shownProblems)] {
		fmt.Fprintf(w, "  %s: %s (conversation %s)\n", p.Kind, oneLine(p.StoredURI), oneLine(p.ConversationID))
	}
	if total := m.Counts.Lost + m.Counts.Altered; total > shownProblems {
		fmt.Fprintf(w, "  and %d more: see the column reason of the list\n", total-shownProblems)
	}
	fmt.Fprintf(w, "  manifest: SHA-256 %s", s.ManifestSHA256)
	if m.SignedBy != "" {
		fmt.Fprintf(w, ", signed with the key %s", m.SignedBy)
	}
	if m.Previous != nil {
		fmt.Fprintf(w, ", follows the export %s", oneLine(m.Previous.Folder))
	}
	fmt.Fprintf(w, "\nverify it with: convsync export verify %s\n", s.Dir)
}

// whyIncomplete says what an export lacks, and what to do about it.
func whyIncomplete(m *export.Manifest) string {
	var why []string
	if !m.Coverage.Complete {
		why = append(why, "parts of the time range were not read from the source, see coverage: `convsync run` reads gaps since sync.start, and with --from and --to any others")
	}
	if lost := m.Counts.Lost + m.Counts.Altered; lost > 0 {
		why = append(why, plural.Count(lost, "stored recording")+" missing or changed in audio.store, see `convsync verify --recordings`")
	}
	return "the export is not complete: " + strings.Join(why, "; ")
}

var gapText = map[string]string{
	export.GapNotRead:    "was not read",
	export.GapUnreadable: "cannot be read: the source fails to return it",
}

func printCounts(w io.Writer, title string, counts map[string]int64) {
	if len(counts) == 0 {
		return
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", oneLine(name), counts[name]))
	}
	fmt.Fprintf(w, "  %s: %s\n", title, strings.Join(parts, ", "))
}
