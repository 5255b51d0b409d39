package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

// A message begins with the first problem and the sender. Each problem says what,
// since when, why and what to do; the problems come first, and then what is over.
func TestNewMessage(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 2, 5, 0, 0, time.UTC)
	ended := func(i incident) incident {
		i.Open, i.Ended, i.Notified = false, now.Add(3*time.Hour), []string{"webhook"}
		return i
	}
	opened := func(i incident) incident { i.Open = true; return i }
	refused := errors.New("the source refused the key (401): GET https://api.example.com/v3: answered 401")
	for name, c := range map[string]struct {
		incidents []incident
		first     []string
	}{
		"Run":         {[]incident{opened(runFailed(Scheduled{Schedule: "nightly"}, refused, now))}, []string{"nightly", "the source refused the key (401)"}},
		"Project":     {[]incident{opened(projectFailed(sales, refused.Error(), now))}, []string{"sales (live) is failing: the source refused the key (401). (convsync"}},
		"Rejects":     {[]incident{opened(tooManyRejects(Scheduled{Schedule: "nightly"}, 12, now))}, []string{"nightly"}},
		"Destination": {[]incident{opened(destinationAway(errDestination, true, now))}, []string{"the database cannot be reached"}},
		"OldData":     {[]incident{opened(dataOld(sales, now.Add(-26*time.Hour), "why", now))}, []string{"sales (live)", "3 Mar 2026, 00:05 UTC"}},
		"Several": {[]incident{ended(dataOld(support, now, "", now)), opened(noRun(now.Add(-3*time.Hour), now)), opened(projectFailed(sales, refused.Error(), now))},
			[]string{"sales (live) is failing", "1 more problem.", "1 problem is resolved."}},
		"End": {[]incident{ended(projectFailed(sales, "", now))}, []string{"sales (live)"}},
		"Ends": {[]incident{ended(runFailed(Scheduled{Schedule: "nightly"}, refused, now)), ended(dataOld(support, now, "", now)), opened(tooManyRejects(Scheduled{Schedule: "nightly"}, 1, now))},
			[]string{"nightly", "2 problems are resolved."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s state
			for i := range c.incidents {
				s.Incidents = append(s.Incidents, &c.incidents[i])
			}
			m := newMessage("convsync on testing", "webhook", &s, now.Add(4*time.Hour))
			first, rest, _ := strings.Cut(m.Text, "\n\n")
			for _, want := range append(c.first, "(convsync on testing)") {
				if !strings.Contains(first, want) {
					t.Errorf("the first line is %q, want %q in it", first, want)
				}
			}
			if blocks := strings.Split(rest, "\n\n"); !slices.Equal(blocks, blocksOf(t, m.Incidents)) {
				t.Errorf("got\n%s\nwant\n%s", rest, strings.Join(blocksOf(t, m.Incidents), "\n\n"))
			}
		})
	}
}

// blocksOf returns what a message says about each notice.
func blocksOf(t *testing.T, notices []Notice) (blocks []string) {
	t.Helper()
	const form = "2 Jan 2006, 15:04 MST"
	for _, n := range notices {
		if of := n.ProjectID + n.Schedule; !strings.Contains(n.What, of) {
			t.Errorf("%q does not name %s", n.What, of)
		}
		if n.State == StateRecovered {
			blocks = append(blocks, n.What+"\nThe problem lasted 3 hours, since "+n.Since.Format(form)+".")
			continue
		}
		if len(blocks) > 0 && strings.Contains(blocks[len(blocks)-1], "The problem lasted") {
			t.Error("what is over comes before a problem")
		}
		if !strings.Contains(n.Do, "`convsync ") {
			t.Errorf("%q names no command", n.Do)
		}
		blocks = append(blocks, n.What+"\nSince: "+n.Since.Format(form)+"\nWhy: "+n.Why+"\nWhat to do: "+n.Do)
	}
	return blocks
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
