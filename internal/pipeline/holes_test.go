package pipeline

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// poisoned returns a source in which one conversation is poisoned.
func poisoned(t *testing.T, now func() time.Time, p simulate.Poison) (s *simulate.Simulator, second extract.Second) {
	t.Helper()
	const index = conversations / 3
	s = simulated(t, now, simulate.Deviations{})
	for truth := range s.Truth("acme-team-4", "live", now()) {
		if truth.Index == index {
			second = extract.SecondOf(truth.Conversation["started_at"].(time.Time))
		}
	}
	setPoison(t, s, p)
	return s, second
}

func setPoison(t *testing.T, s *simulate.Simulator, p simulate.Poison) {
	t.Helper()
	if err := s.Override("acme-team-4", "live", conversations/3, simulate.Override{Poison: p}); err != nil {
		t.Fatal(err)
	}
}

// holeRun is the result of a run over a source with a hole.
type holeRun struct {
	*Report
	requests int64
}

func runOver(t *testing.T, s http.Handler, d *fake, now func() time.Time) holeRun {
	t.Helper()
	report, err := Run(t.Context(), options(t, s, d, now))
	if err != nil || len(d.broken) > 0 {
		t.Fatalf("%v, %v", err, d.broken)
	}
	return holeRun{report, report.Requests}
}

func (r holeRun) want(t *testing.T, status string) {
	t.Helper()
	if r.Status != status {
		t.Errorf("%s, want %s: %v", r.Status, status, r.Errors)
	}
}

func TestHole(t *testing.T) {
	t.Parallel()
	for _, p := range []simulate.Poison{simulate.PoisonRefused, simulate.PoisonQuote} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			began, passed := end.Add(3*time.Hour), time.Duration(0)
			now := func() time.Time { return began.Add(passed) } // by both clocks
			s, second := poisoned(t, now, p)
			clean, d := newFake(), newFake()
			whole := runOver(t, simulated(t, now, simulate.Deviations{}), clean, now)
			first := runOver(t, s, d, now)
			first.want(t, warehouse.RunPartial)
			if len(d.conversations()) != conversations-1 {
				t.Errorf("%d of %d conversations", len(d.conversations()), conversations-1)
			}
			if cost := first.requests - whole.requests; cost > 60 { // with the pages that are read again around it
				t.Errorf("isolating cost %d requests", cost)
			}
			if said := first.Incomplete().Error(); !strings.Contains(said, second.Time().Format(time.RFC3339)) || !strings.Contains(said, "sync_holes") {
				t.Errorf("the run says: %s", said)
			}
			hole := extract.Span{From: second, Until: second + 1}
			if !slices.Equal(HoleSpans(d.holes()), []extract.Span{hole}) || d.holes()[0].Tries != 1 || d.holes()[0].Reason == "" || first.Projects[0].Holes != 1 {
				t.Fatalf("holes: %+v, report: %+v", d.holes(), first.Projects)
			}
			covered := extract.Without([]extract.Span{{From: extract.SecondOf(begin), Until: extract.SecondOf(now())}}, spans(covered(d.coverage())))
			if !slices.Equal(covered, []extract.Span{hole}) || d.watermark() != warehouse.TimestampOf(now()) {
				t.Errorf("not covered: %v, watermark %v", covered, d.watermark().Time())
			}

			passed = 10 * time.Minute
			again := runOver(t, s, d, now)
			again.want(t, warehouse.RunSucceeded)
			if same := runOver(t, simulated(t, now, simulate.Deviations{}), clean, now); again.requests > same.requests+1 {
				t.Errorf("%d requests while the hole is known, %d without one", again.requests, same.requests)
			}
			if d.holes()[0].Tries != 1 {
				t.Errorf("it is requested by each run: %+v", d.holes())
			}
			passed = 2 * time.Hour
			runOver(t, s, d, now).want(t, warehouse.RunSucceeded)
			if h := d.holes()[0]; h.Tries != 2 || h.NextTryAt-h.LastTriedAt != warehouse.Timestamp(2*firstHoleRetry.Microseconds()) || h.FirstSeenAt != warehouse.TimestampOf(began) {
				t.Errorf("after another try: %+v", h)
			}
			setPoison(t, s, "")
			passed = 3 * time.Hour
			runOver(t, s, d, now).want(t, warehouse.RunSucceeded)
			if len(d.holes()) != 1 || len(d.conversations()) != conversations-1 {
				t.Error("it was requested before it was due")
			}
			passed = 5 * time.Hour
			runOver(t, s, d, now).want(t, warehouse.RunSucceeded)
			if len(d.holes()) > 0 || len(d.conversations()) != conversations {
				t.Errorf("holes: %+v; %d conversations", d.holes(), len(d.conversations()))
			}
		})
	}
}

// A backfill requests the holes in its range immediately.
func TestHoleBackfill(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	s, second := poisoned(t, now, simulate.PoisonRefused)
	d := newFake()
	runOver(t, s, d, now)
	setPoison(t, s, "")
	o := options(t, s, d, at(now().Add(time.Minute)))
	o.Backfill = extract.Span{From: second - 3600, Until: second + 3600}
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunSucceeded || len(d.holes()) > 0 || len(d.conversations()) != conversations {
		t.Fatalf("%v, %s, holes: %+v, %d conversations", err, report.Status, d.holes(), len(d.conversations()))
	}
	runOver(t, s, d, at(now().Add(2*time.Minute))).want(t, warehouse.RunSucceeded)
	if len(d.coverage()) == 0 || len(extract.Without([]extract.Span{{From: second, Until: second + 1}}, spans(covered(d.coverage())))) > 0 {
		t.Error("the next run does not cover it")
	}
}

func TestBrokenConversation(t *testing.T) {
	t.Parallel()
	for p, with := range map[simulate.Poison]string{simulate.PoisonNaN: ":NaN}", simulate.PoisonLineBreak: "line\nand"} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			now := at(end.Add(3 * time.Hour))
			s, second := poisoned(t, now, p)
			clean, d := newFake(), newFake()
			whole := runOver(t, simulated(t, now, simulate.Deviations{}), clean, now)
			first := runOver(t, s, d, now)
			first.want(t, warehouse.RunPartial)
			if len(d.conversations()) != conversations-1 || len(d.holes()) > 0 || d.watermark() != warehouse.TimestampOf(now()) || first.requests > whole.requests+6 { // slices run at once, so the number varies
				t.Errorf("%d conversations, holes: %v, %d requests, want about %d", len(d.conversations()), d.holes(), first.requests, whole.requests)
			}
			if len(d.rejects()) != 1 || d.rejects()[0].Reason != "not_json" || !strings.Contains(string(d.rejects()[0].Payload), with) ||
				d.rejects()[0].ConversationID == "" || extract.SecondOf(d.rejects()[0].StartedAt.V.Time()) != second {
				t.Fatalf("rejects: %+v", d.rejects())
			}
			o := options(t, s, d, at(now().Add(time.Minute)))
			o.Lookback = []extract.Tier{{Depth: 20 * 24 * time.Hour}}
			report, err := Run(t.Context(), o)
			if err != nil || report.Status != warehouse.RunSucceeded || len(d.rejects()) != 1 {
				t.Errorf("a second run: %v, %s", err, report.Status)
			}
			o = options(t, simulated(t, now, simulate.Deviations{}), clean, at(now().Add(time.Minute)))
			o.Lookback = []extract.Tier{{Depth: 20 * 24 * time.Hour}}
			if same, _ := Run(t.Context(), o); report.Requests > same.Requests+4 { // slices run at once, so the number varies
				t.Errorf("%d requests while it is known, %d without it", report.Requests, same.Requests)
			}
			replayed, err := Replay(t.Context(), options(t, s, d, now))
			if err != nil || replayed.Conversations.Inserted > 0 || replayed.Conversations.Rejected != 1 {
				t.Errorf("a replay: %v, %+v", err, replayed.Conversations)
			}
		})
	}
}

// A range that fails completely is left to the next run.
func TestHoleOutage(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	s := simulated(t, now, simulate.Deviations{})
	runOver(t, s, d, now)
	down := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	o := options(t, down, d, at(now().Add(30*time.Hour)))
	o.Lookback = []extract.Tier{{Depth: 9 * 24 * time.Hour}}
	report, err := Run(t.Context(), o)
	if err != nil || report.Status == warehouse.RunSucceeded || len(d.holes()) > 0 {
		t.Errorf("%v, %s, holes: %v", err, report.Status, d.holes())
	}
	if report.Requests > 100 {
		t.Errorf("%d requests to a source that is down", report.Requests)
	}
}

func TestHoleReason(t *testing.T) {
	t.Parallel()
	if got := shortened(strings.Repeat("é", 400) + "\x00"); len(got) > maxHoleReason+len("…") || strings.ContainsRune(got, 0xFFFD) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	h := warehouse.Hole{}
	for range 100 {
		tried(&h, 0, http.ErrServerClosed)
	}
	if h.Tries != 100 || h.NextTryAt != warehouse.Timestamp(lastHoleRetry.Microseconds()) {
		t.Errorf("after many tries: %+v", h)
	}
}
