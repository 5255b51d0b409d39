package main

import (
	"strings"
	"testing"

	"convsync/internal/export"
)

func TestPrintExported(t *testing.T) {
	t.Parallel()
	m := &export.Manifest{Request: export.Request{Recordings: export.Copy}}
	m.Counts = export.Counts{
		Conversations:  40,
		Rows:           80,
		ByAvailability: map[string]int64{"available": 79, "unknown": 1},
		ByEvidence:     export.ByVersion{Redacted: map[string]int64{"verified": 39, "requested": 1}, Raw: map[string]int64{"verified": 39}},
		Files:          67,
		Bytes:          1_500_000_000,
		Lost:           12,
	}
	m.Coverage.Complete = true
	s := &export.Summary{Dir: "june", Manifest: m, ManifestSHA256: "5c0ffee5", Problems: make([]export.Problem, 12)}
	for i := range s.Problems {
		s.Problems[i] = export.Problem{Kind: "lost_recording", ConversationID: "a", StoredURI: "x.wav"}
	}
	var text strings.Builder
	printExported(&text, s)
	want := "exported to june: 80 rows in 40 voice conversations, 67 recordings (1.5 GB)\n" +
		"  availability: available 79, unknown 1\n" +
		"  not requested from PolyAI yet: 1 recording; set sync.audio to check or store, or use --download\n" +
		"  redacted recordings: requested 1, verified 39\n  raw recordings: verified 39\n  coverage: complete\n" +
		strings.Repeat("  lost_recording: x.wav (conversation a)\n", 10) +
		"  and 2 more: see the column reason of the list\n" +
		"  manifest: SHA-256 5c0ffee5\nverify it with: convsync export verify june\n"
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", &text, want)
	}
	if got := whyIncomplete(m); !strings.HasPrefix(got, "the export is not complete: 12 stored recordings missing or changed") {
		t.Errorf("got %q", got)
	}
}
