package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load/pgtest"
)

const (
	failedRuns = `convsync_runs_total{kind="incremental",status="failed"}`
	isUp       = "convsync_destination_up"
	isAway     = "The destination cannot be read"
)

// TestAnOutageOfPostgresIsShownAndLosesNothing stops the server under the real
// process while the source lives on, has another process take over meanwhile,
// and starts it again.
func TestAnOutageOfPostgresIsShownAndLosesNothing(t *testing.T) {
	t.Parallel()
	database, stopPostgres, startPostgres := pgtest.Stoppable(t)
	c := newChaos(t, intoPostgres(database))
	hook, hookURL := newNotifyHook(t)
	withServe(t, c.config, "schedules: { often: { cron: \"@every 1s\" } }\nnotify: { webhook_url: \""+hookURL+"\", format: json }\n")
	s := serveIn(t, c.config, nil, "--run-now")
	// First all is read: what the source takes away before, and shows again later,
	// would be beyond the lookback.
	awaitRuns(s, succeededRuns)
	c.change()
	awaitRuns(s, succeededRuns)

	stopPostgres()
	s.await("the destination is away", func(values map[string]float64) bool { return values[isUp] == 0 })
	c.change()
	awaitRuns(s, failedRuns)
	wantAway(s, true)
	s.stop()
	s = serveIn(t, c.config, nil) // a process that starts meanwhile notifies, too
	awaitRuns(s, failedRuns)
	wantAway(s, false)
	c.change()
	startPostgres()
	s.await("the destination is back", func(values map[string]float64) bool { return values[isUp] == 1 })
	awaitRuns(s, succeededRuns)
	until(t, "the page says that all is well again", func() bool {
		_, page := get(t, s.url+"/")
		return !strings.Contains(page, isAway) && strings.Contains(page, "acme-team-4")
	})
	until(t, "its end is notified", func() bool { return len(hook.notices()) > 1 })
	if got, want := hook.notices(), []string{"destination_away open", "destination_away recovered"}; !slices.Equal(got, want) {
		t.Errorf("two processes notify %q, not %q", got, want)
	}

	// When each tier of the lookback was due once more, all is there.
	c.later.Add(int64(25 * time.Hour))
	awaitRuns(s, succeededRuns)
	s.stop()
	r := convsync(t, nil, append([]string{"run", "--config", c.config, "--output", "json", "--log-level", "error"}, everything()...)...)
	var whole summary
	if err := json.Unmarshal([]byte(r.stdout), &whole); err != nil || r.code != exitOK || whole.Conversations.Inserted != 0 {
		t.Errorf("a whole reading finds what was lost: %d, %v, %s%s", r.code, err, r.stdout, r.stderr)
	}
	c.settle()
	c.wantTruth("Postgres", readDatabase(t, database))
}

// awaitRuns waits for two more runs of a series: the first may have begun before.
func awaitRuns(s *served, series string) {
	s.t.Helper()
	from := s.metrics()[series]
	s.await("runs count as "+series, func(values map[string]float64) bool { return values[series] >= from+2 })
}

// wantAway holds that the process answers for itself, and says what is wrong.
func wantAway(s *served, knowsFeeds bool) {
	s.t.Helper()
	eventually(s.t, s.url+"/", isAway)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(s.t, s.url+path); status != http.StatusOK {
			s.t.Errorf("%s is %d, %s", path, status, body)
		}
	}
	status, page := get(s.t, s.url+"/")
	if status != http.StatusOK || !strings.Contains(page, isAway) || knowsFeeds && !strings.Contains(page, "acme-team-4") {
		s.t.Errorf("the page is %d, and says:\n%s", status, page)
	}
}
