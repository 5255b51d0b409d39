package simulate

import (
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"
)

func override(t *testing.T, s *Simulator, index int, o Override) {
	t.Helper()
	if err := s.Override("acme-team-4", "live", index, o); err != nil {
		t.Fatal(err)
	}
}

// TestOverrides checks one conversation in the response and in the truth.
func TestOverrides(t *testing.T) {
	t.Parallel()
	const index = 42
	for name, c := range map[string]struct {
		override Override
		field    string
		want     string
		column   string
		stored   any
	}{
		"a transcript is hidden": {Override{HideTranscript: true}, "turns", "[]", "transcript_status", "hidden"},
		"metrics are hidden":     {Override{HideMetrics: true}, "metrics", "{}", "metrics", JSON("{}")},
		"a note is written":      {Override{Note: "Seen by Ada Example."}, "note", `"Seen by Ada Example."`, "note", "Seen by Ada Example."},
		"all turns are dropped":  {Override{DropTurns: 1000}, "num_turns", "0", "num_turns", int64(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTest(t, testOptions(100))
			before := truths(s, later)
			override(t, s, index, c.override)
			place := 100 - 1 - index
			if got := string(field(t, askPage(t, s, url.Values{}).Conversations[place], c.field)); got != c.want {
				t.Errorf("%s is %s, want %s", c.field, got, c.want)
			}
			after := truths(s, later)
			if got := after[place].Conversation[c.column]; after[place].Index != index || got != c.stored {
				t.Errorf("the truth of conversation %d has %s %v, want %v", after[place].Index, c.column, got, c.stored)
			}
			override(t, s, index, Override{})
			if !reflect.DeepEqual(truths(s, later), before) {
				t.Error("it cannot be removed")
			}
		})
	}
}

func TestOverride_Metric(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(100))
	override(t, s, 7, Override{MetricName: "call_reason", MetricValue: "second thoughts"})
	for _, truth := range truths(s, later) {
		for _, m := range truth.Metrics {
			if m["name"] == "call_reason" && (m["value"] == "second thoughts") != (truth.Index == 7) {
				t.Errorf("conversation %d: %v", truth.Index, m["value"])
			}
		}
	}
}

func TestOverride_Removed(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(100))
	all := idsOf(t, s, url.Values{})
	override(t, s, 99, Override{Remove: true})
	if left := idsOf(t, s, url.Values{}); !slices.Equal(left, all[1:]) || len(truths(s, later)) != 99 {
		t.Errorf("%d are listed, %d in the truth", len(left), len(truths(s, later)))
	}
}

func TestOverride_Moved(t *testing.T) {
	t.Parallel()
	for _, d := range []Deviations{{}, {PageOverlap: true}} {
		s := newTest(t, with(100, d))
		all := idsOf(t, newTest(t, testOptions(100)), url.Values{})
		moved := all[100-1-60:][:3] // conversations 60, 59 and 58
		for i := 58; i <= 60; i++ {
			override(t, s, i, Override{Move: -90 * 24 * time.Hour})
		}
		old := url.Values{"end_time": {testFrom.Format(time.RFC3339)}, "limit": {"2"}}
		found := slices.Compact(idsOf(t, s, old))
		slices.Sort(found)
		want := slices.Sorted(slices.Values(moved))
		if !slices.Equal(found, want) {
			t.Errorf("in the old month: %q, want %q", found, want)
		}
		if n := len(slices.Compact(idsOf(t, s, url.Values{"limit": {"10"}}))); n != 100 {
			t.Errorf("%d conversations in total", n)
		}
		if n := len(slices.Compact(idsOf(t, s, url.Values{"start_time": {testFrom.Format(time.RFC3339)}, "limit": {"10"}}))); n != 97 {
			t.Errorf("%d conversations in their month", n)
		}
		if n := len(truths(s, later)); n != 100 {
			t.Errorf("%d conversations in the truth", n)
		}
	}
}

func TestOverride_NotFound(t *testing.T) {
	t.Parallel()
	s := newTest(t, testOptions(10))
	if s.Override("acme-team-4", "live", 10, Override{}) == nil || s.Override("other", "live", 0, Override{}) == nil {
		t.Error("no error")
	}
}
