package notify

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var weekly = Report{
	Schedule: "weekly",
	Title:    "Report for 2 Nov 2026 to 8 Nov 2026 (acme-team-4)",
	Previous: "26 Oct 2026 to 1 Nov 2026",
	Figures:  []Figure{{Name: "Conversations", Value: "1,234", Previous: "1,200", Change: "+2.8 %"}, {Name: "Latency p95", Value: "2.10 s", Previous: "–"}, {Name: "Open", Value: "3"}},
	Notes:    []string{"The period is not complete."},
	File:     "reports/a.html",
	Data:     "reports/a.json",
	URL:      "https://sync.example.com/report?from=2026-11-02&to=2026-11-09",
}

const weeklyText = `Report for 2 Nov 2026 to 8 Nov 2026 (acme-team-4): Conversations 1,234 (1,200, +2.8 %). (convsync on testing)

Report for 2 Nov 2026 to 8 Nov 2026 (acme-team-4). In brackets: 26 Oct 2026 to 1 Nov 2026
Conversations 1,234 (1,200, +2.8 %)
Latency p95 2.10 s (–)
Open 3
Note: The period is not complete.
File: reports/a.html
Page: https://sync.example.com/report?from=2026-11-02&amp;to=2026-11-09`

func TestWrote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.n.Wrote(t.Context(), &weekly)
		w.expect("a report", weeklyText)
		w.ages(0, 0)
		w.expect("it was delivered")
		if _, beats := w.count(); beats > 0 {
			t.Error("a report sends a heartbeat")
		}

		w.network(func(*http.Request) (int, error) { return http.StatusServiceUnavailable, nil })
		again := weekly
		for _, again.File = range []string{"reports/b.html", "reports/b.html", "reports/c.html"} { // b is replaced
			w.n.Wrote(t.Context(), &again)
		}
		wait(time.Minute)
		w.close()
		w.network(nil)
		w.start()
		w.ages(0, 0)
		texts := w.heard()
		if len(texts) != 1 || strings.Count(texts[0], "File: reports/b.html") != 1 || strings.Count(texts[0], "File: reports/c.html") != 1 {
			t.Errorf("after a restart: %q", texts)
		}

		w.n.NotWritten(t.Context(), "weekly", errors.New("cannot write reports/d.html: no space left"))
		w.expect("a failure", "The report of the schedule weekly was not written: cannot write reports/d.html: no space left. (convsync")
		w.n.Wrote(t.Context(), &weekly)
		w.expect("the next one", "The schedule weekly writes its report again.")
	})
}

func TestMessage_ReportAlone(t *testing.T) {
	t.Parallel()
	var s state
	s.Reports = []*pendingReport{{Report: weekly, Due: []string{"webhook"}}}
	m := newMessage("convsync", "webhook", &s, time.Now())
	var got struct {
		Incidents []Notice
		Reports   []Report
	}
	if err := json.Unmarshal(m.body(FormatJSON), &got); err != nil || got.Incidents == nil || len(got.Reports) != 1 || got.Reports[0].File != weekly.File {
		t.Errorf("%v: %s", err, m.body(FormatJSON))
	}
	if m.reportFile() != weekly.File || newMessage("convsync", "command", &s, time.Now()) != nil {
		t.Error("it is due for another channel, or has no file")
	}
	s.forget([]*channel{{name: "command"}}, time.Now())
	if len(s.Reports) != 0 {
		t.Error("a report waits for a channel that no longer exists")
	}
}
