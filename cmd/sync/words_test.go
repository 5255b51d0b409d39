package main

import (
	"strings"
	"testing"

	"convsync/internal/extract"
	"convsync/internal/pipeline"
)

func TestVerifySaysWhereNothingDiffers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		feed verifiedFeed
		want bool
	}{
		"the same":              {verifiedFeed{Listed: 3, Same: 3}, true},
		"one differs":           {verifiedFeed{Listed: 3, Same: 2, Findings: []verifiedFinding{{Kind: "differs"}}}, false},
		"it was never answered": {verifiedFeed{Error: &pipeline.Failure{Message: "401"}}, false},
	} {
		var said strings.Builder
		c.feed.print(&said, extract.Span{})
		if strings.Contains(said.String(), "no differences") != c.want {
			t.Errorf("%s: %s", name, said.String())
		}
	}
}
