package serve

import (
	"fmt"
	"math"
	"strings"
	"time"

	"convsync/internal/pipeline"
)

// runningView is a run in progress.
type runningView struct {
	Kind  string
	Of    string // its projects
	Since moment
	Read  int64  // conversations so far
	Share string // of the planned time range; "": not known yet
	Rates []rateView
}

// rateView is the request rate of a key.
type rateView struct{ Host, Project, Used, Allowed string }

func runningViews(m *Metrics, now time.Time) []runningView {
	running, _ := m.inProgress()
	var views []runningView
	for _, p := range running {
		soFar := p.SoFar()
		v := runningView{Kind: soFar.Kind, Of: namesOf(p.Projects()), Since: momentOf(soFar.StartedAt, now, time.UTC), Read: p.Conversations()}
		if covered, planned := p.Seconds(); planned > 0 {
			v.Share = fmt.Sprintf("%d %%", min(100*covered/planned, 100))
		}
		for _, r := range pipeline.Rates(now, p) {
			v.Rates = append(v.Rates, newRateView(&r))
		}
		views = append(views, v)
	}
	return views
}

// namedProjects is how many projects of a run are named.
const namedProjects = 5

// namesOf lists projects, the first ones by name.
func namesOf(projects []string) string {
	if more := len(projects) - namedProjects; more > 1 {
		return strings.Join(projects[:namedProjects], ", ") + fmt.Sprintf(" and %d others", more)
	}
	return strings.Join(projects, ", ")
}

func newRateView(r *pipeline.Rate) rateView {
	v := rateView{Host: r.Host, Project: r.Project, Used: figure(r.PerSecond), Allowed: "no limit"}
	if !math.IsInf(r.Allowed, 1) {
		v.Allowed = "of " + figure(r.Allowed) + " allowed"
	}
	return v
}
