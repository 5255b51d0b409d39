package recordings

import (
	"testing"

	"convsync/internal/polyai"
	"convsync/internal/recordings/store"
	"convsync/internal/warehouse"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		redacted   bool
		compared   likeness
		own, other warehouse.Text
	}{
		"RedactedAlone":     {true, notCompared, warehouse.EvidenceRequested, warehouse.EvidenceUnknown},
		"RawAlone":          {false, notCompared, warehouse.EvidenceUnknown, warehouse.EvidenceRequested},
		"RawIsTheSame":      {false, same, warehouse.EvidenceIdentical, warehouse.EvidenceRequested},
		"RedactedIsTheSame": {true, same, warehouse.EvidenceRequested, warehouse.EvidenceIdentical},
		"Different":         {false, different, warehouse.EvidenceVerified, warehouse.EvidenceVerified},
	} {
		if own, other := judge(c.redacted, c.compared); own != c.own || other != c.other {
			t.Errorf("%s: %s and %s, not %s and %s", name, own, other, c.own, c.other)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	head := func(start string, size int64, whole bool) *polyai.AudioHead {
		return &polyai.AudioHead{Start: []byte(start), Size: size, Whole: whole}
	}
	for name, c := range map[string]struct {
		a, b *polyai.AudioHead
		want likeness
	}{
		"None":            {nil, head("ab", 2, true), notCompared},
		"OnlySize":        {&polyai.AudioHead{Size: 3}, head("ab", 2, true), notCompared},
		"Whole":           {head("ab", 2, true), head("ab", 2, true), same},
		"Different":       {head("ab", 9, false), head("ac", 9, false), different},
		"Sizes":           {head("ab", 9, false), head("ab", 8, false), different},
		"SameBeginning":   {head("ab", 9, false), head("ab", 9, false), notCompared},
		"UnknownSizes":    {head("ab", -1, false), head("ab", -1, false), notCompared},
		"ShorterAndEqual": {head("a", -1, false), head("ab", 2, true), notCompared},
	} {
		if got := compareHeads(c.a, c.b); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}
	x, y := &store.Copy{SHA256: "x"}, &store.Copy{SHA256: "y"}
	if compareCopies(x, nil) != notCompared || compareCopies(x, x) != same || compareCopies(x, y) != different {
		t.Error("copies are not compared by their hashes")
	}
}
