package main

import (
	"strings"
	"testing"
	"time"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/pipeline"
)

func TestOneOfAThingIsSaidInTheSingular(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	printSummary(&said, &pipeline.Report{Drift: 1, Requests: 1}, "")
	seen := sample{conversations: 1, bytes: 1000, days: 1}
	cfg := &config.Config{Sync: config.Sync{PageSize: 500, Lookback: config.Lookback{Daily: 24 * time.Hour}}}
	seen.print(&checklist{w: &said}, "acme-team-4 (live)", cfg)
	for _, want := range []string{"attention: 1 occurrence of schema drift\n", "; 1 request\n", "about 1 conversation a day", "about 1 request and"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%s\ndoes not say %q", said.String(), want)
		}
	}
}

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
