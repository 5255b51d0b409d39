package notify

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// The messages as a person reads them.
func TestMessagesSayWhatSinceWhenWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 2, 5, 0, 0, time.UTC)
	ended := func(i incident) incident {
		i.Open, i.Ended, i.Told = false, now.Add(3*time.Hour), []string{"webhook"}
		return i
	}
	opened := func(i incident) incident { i.Open = true; return i }
	for name, c := range map[string]struct {
		incidents []incident
		want      string
	}{
		"a run": {[]incident{opened(runFailed("nightly", errors.New("the database cannot be reached: connection refused"), now))},
			`The run of the schedule nightly failed: the database cannot be reached. (convsync on testing)

The run of the schedule nightly failed.
Since: 4 Mar 2026, 02:05 UTC
Why: the database cannot be reached: connection refused
What to do: if the reason names no command, ` + "`convsync check` tests each step and says what is wrong. What was read is stored, and the next run continues from there."},
		"a project": {[]incident{opened(projectFailed(sales, "answered 401 Unauthorized", now))},
			`sales (live) is failing: answered 401 Unauthorized. (convsync on testing)

Project sales (live) could not be read completely.
Since: 4 Mar 2026, 02:05 UTC
Why: answered 401 Unauthorized
What to do: ` + "`convsync check` tests each step and says what is wrong. What was read is stored, and the next run reads the rest."},
		"rejects": {[]incident{opened(tooManyRejects("nightly", 12, now))},
			`The run of the schedule nightly rejected conversations that it could not read. (convsync on testing)

The run of the schedule nightly rejected conversations that it could not read.
Since: 4 Mar 2026, 02:05 UTC
Why: 12 of them are new, more than sync.max_rejects allows
What to do: ` + "they are stored in the table rejects, and `convsync status` counts them. After an update of convsync, `convsync replay` loads those that it can now read."},
		"the destination": {[]incident{opened(destinationAway(errDestination, true, now))},
			`The destination cannot be used: the database cannot be reached. (convsync on testing)

The destination cannot be used.
Since: 4 Mar 2026, 02:05 UTC
Why: the database cannot be reached: connection refused
What to do: ` + "check that it is running, has free space and can be reached from this machine; `convsync check` tests each step. What was read is stored, and the next run continues from there."},
		"old data": {[]incident{opened(dataOld(sales, now.Add(-26*time.Hour), "its last run failed: answered 503", now))},
			`Project sales (live) has old data: it is covered up to 3 Mar 2026, 00:05 UTC. (convsync on testing)

Project sales (live) has old data: it is covered up to 3 Mar 2026, 00:05 UTC.
Since: 4 Mar 2026, 02:05 UTC
Why: its last run failed: answered 503
What to do: ` + "`convsync status` shows the last runs and the watermark of each project; `convsync run` starts a run now."},
		"a project among others": {[]incident{ended(dataOld(support, now, "", now)), opened(noRun(now.Add(-3*time.Hour), now)), opened(projectFailed(sales, "the source refused the key (401): GET https://api.example.com/v3: answered 401", now))},
			`sales (live) is failing: the source refused the key (401). 1 more problem. 1 problem is resolved. (convsync on testing)

Project sales (live) could not be read completely.
Since: 4 Mar 2026, 02:05 UTC
Why: the source refused the key (401): GET https://api.example.com/v3: answered 401
What to do: ` + "`convsync check` tests each step and says what is wrong. What was read is stored, and the next run reads the rest." + `

No run has started for 3 hours, twice the scheduled interval.
Since: 3 Mar 2026, 23:05 UTC
Why: two scheduled times have passed without a run: the process may hang, or its machine's clock was changed
What to do: ` + "check that `convsync serve` is running and that its machine's clock is correct; `convsync run` starts a run now." + `

Project support (live) is up to date again.
The problem lasted 3 hours, since 4 Mar 2026, 02:05 UTC.`},
		"an end": {[]incident{ended(projectFailed(sales, "", now))},
			`Project sales (live) is read completely again. (convsync on testing)

Project sales (live) is read completely again.
The problem lasted 3 hours, since 4 Mar 2026, 02:05 UTC.`},
		"both": {[]incident{ended(runFailed("nightly", errors.New("x"), now)), ended(dataOld(support, now, "", now)), opened(tooManyRejects("nightly", 1, now))},
			`The run of the schedule nightly rejected conversations that it could not read. 2 problems are resolved. (convsync on testing)

The run of the schedule nightly rejected conversations that it could not read.
Since: 4 Mar 2026, 02:05 UTC
Why: 1 of them are new, more than sync.max_rejects allows
What to do: ` + "they are stored in the table rejects, and `convsync status` counts them. After an update of convsync, `convsync replay` loads those that it can now read." + `

Runs of the schedule nightly finish again.
The problem lasted 3 hours, since 4 Mar 2026, 02:05 UTC.

Project support (live) is up to date again.
The problem lasted 3 hours, since 4 Mar 2026, 02:05 UTC.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s state
			for i := range c.incidents {
				s.Incidents = append(s.Incidents, &c.incidents[i])
			}
			if got := newMessage("convsync on testing", "webhook", &s, now.Add(4*time.Hour)).Text; got != c.want {
				t.Errorf("got\n%s\nand not\n%s", got, c.want)
			}
		})
	}
}

func TestAFloodOfIncidentsIsOneMessageThatCanBeRead(t *testing.T) {
	t.Parallel()
	var s state
	r := &pipeline.Report{Status: warehouse.RunFailed}
	for i := range 300 {
		id := fmt.Sprintf("project-%d", i)
		r.Projects = append(r.Projects, pipeline.Project{ProjectID: id, Environment: "live"})
		r.Errors = append(r.Errors, fmt.Errorf("project %s (live): %s", id, strings.Repeat("a long\x00 story\r\n", 1000)))
	}
	if whole := s.judgeProjects(r, true, time.Now()); len(whole) > 0 {
		t.Fatalf("errors of no project: %v", whole)
	}
	m := newMessage("convsync", "webhook", &s, time.Now())
	if len(m.Incidents) != 300 || len(m.Text) > 5000 || strings.ContainsAny(m.Text, "\x00\r") ||
		!strings.HasSuffix(m.Text, "And 295 more: `convsync status` shows the state of each project.") {
		t.Errorf("%d incidents, %d bytes: %s", len(m.Incidents), len(m.Text), m.Text)
	}
}

func TestAnErrorGoesToTheProjectItNames(t *testing.T) {
	t.Parallel()
	r := report()
	r.Projects = append(r.Projects, pipeline.Project{ProjectID: "sales", Environment: "sandbox"})
	for text, want := range map[string]load.Feed{
		"project sales (live): x":    sales,
		"project sales (sandbox): x": {ProjectID: "sales", Environment: "sandbox"},
		"project sale (live): x":     {},
		"the database is away":       {},
	} {
		if feed, why, ok := feedOf(r, errors.New(text)); feed != want || ok != (want != load.Feed{}) || ok && why != "x" {
			t.Errorf("%s: %v, %q", text, feed, why)
		}
	}
}

func TestALineThatAnnouncesTheNextIsFollowedByIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"failed to connect to `user=ada database=demo`:\n\t127.0.0.1:5432: refused\n\t[::1]:5432: refused": "failed to connect to `user=ada database=demo`: 127.0.0.1:5432: refused; [::1]:5432: refused",
		"\n\none\n\n two \n": "one; two", "": "",
	} {
		if got := tidy(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}
