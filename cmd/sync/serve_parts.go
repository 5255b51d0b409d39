package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"convsync/internal/config"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/warehouse"
)

const (
	// behindAfter is how far the watermark of a project lies behind the newest one
	// of its schedule when the project is synced on its own.
	behindAfter = 24 * time.Hour
	// slowAfter is how long reading a project takes when it is synced on its own,
	// if it took much longer than that of the others.
	slowAfter = time.Minute
	// stateTimeout limits reading the state of the projects.
	stateTimeout = 20 * time.Second
)

// divide divides the projects of a schedule into runs, and enters these into the
// queue, so that no project delays another one. Projects that will take long are
// synced apart from the others: each on its own, or, if they are many, in as many
// runs as may be in progress. A run never waits for several others: see
// [runQueue.enterParts].
func (s *service) divide(ctx context.Context, planned *config.Schedule, projects []string) (parts []*queuedRun) {
	queue := &s.lifetime.queue
	if !planned.Loads() {
		return queue.enterParts(projects, true)
	}
	long := s.longProjects(ctx, projects)
	parts = queue.enterParts(without(projects, long), false)
	for _, group := range spread(long, mostLongRuns) {
		parts = append(parts, queue.enterParts(group, true)...)
	}
	if len(parts) > 1 {
		s.log.Info("the projects of a schedule are synced in several runs, so that none waits for a slow one", "schedule", planned.Name, "runs", len(parts))
	}
	return parts
}

// longProjects returns the projects that will take longer than the others: parts of
// their history are not loaded yet, their data is much older, or their last run was
// slow. If there is one project only, the question does not arise.
func (s *service) longProjects(ctx context.Context, projects []string) (long []string) {
	if len(projects) < 2 {
		return nil
	}
	oldest, newest := s.watermarks(ctx, projects)
	for _, id := range projects {
		mark, known := oldest[id]
		isBehind := known && (mark == 0 || newest.Time().Sub(mark.Time()) > behindAfter)
		if isBehind || s.lifetime.slow.has(id) {
			long = append(long, id)
		}
	}
	return long
}

// watermarks returns the oldest watermark of each project, 0 if a feed has none, and
// the newest of all. It returns none if the destination cannot be read.
func (s *service) watermarks(ctx context.Context, projects []string) (oldest map[string]warehouse.Timestamp, newest warehouse.Timestamp) {
	var feeds []load.Feed
	for _, f := range pageFeeds(s.cfg.Projects) {
		if slices.Contains(projects, f.ProjectID) {
			feeds = append(feeds, load.Feed{ProjectID: f.ProjectID, Environment: f.Environment})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	states, err := s.destination.State(ctx, feeds)
	if err != nil {
		return nil, 0 // the run reports it
	}
	oldest = map[string]warehouse.Timestamp{}
	for f := range states {
		mark := states[f].Watermark
		newest = max(newest, mark)
		if other, known := oldest[f.ProjectID]; !known || mark < other {
			oldest[f.ProjectID] = mark
		}
	}
	return oldest, newest
}

// spread distributes projects over at most n groups.
func spread(projects []string, n int) [][]string {
	groups := make([][]string, min(n, len(projects)))
	for i, id := range projects {
		groups[i%n] = append(groups[i%n], id)
	}
	return groups
}

// without returns the ids that are not among others.
func without(ids, others []string) (rest []string) {
	for _, id := range ids {
		if !slices.Contains(others, id) {
			rest = append(rest, id)
		}
	}
	return rest
}

func storedIDs(projects []config.Project) []string {
	ids := make([]string, len(projects))
	for i := range projects {
		ids[i] = projects[i].StoredID
	}
	return ids
}

// plannedProjects are the projects of each schedule that wait for a run or are in
// one. It is safe for concurrent use.
type plannedProjects struct {
	mu         sync.Mutex
	bySchedule map[string][]string
}

// begin adds projects to those of a schedule. It returns those that were not in it.
func (p *plannedProjects) begin(schedule string, projects []string) (added []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	added = without(projects, p.bySchedule[schedule])
	if p.bySchedule == nil {
		p.bySchedule = map[string][]string{}
	}
	p.bySchedule[schedule] = append(p.bySchedule[schedule], added...)
	return added
}

// end removes projects from those of a schedule.
func (p *plannedProjects) end(schedule string, projects []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bySchedule[schedule] = without(p.bySchedule[schedule], projects)
}

// slowProjects are the projects whose last scheduled run was slow. It is safe for
// concurrent use.
type slowProjects struct {
	mu       sync.Mutex
	projects map[string]bool
}

func (s *slowProjects) has(project string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.projects[project]
}

// note takes the durations of the projects of a run from its report; nil: it has none.
// Projects that are all slow, such as with one key, do not delay each other.
func (s *slowProjects) note(r *pipeline.Report) {
	if r == nil || len(r.Projects) == 0 {
		return
	}
	seconds := map[string]float64{}
	for i := range r.Projects {
		p := &r.Projects[i]
		seconds[p.ProjectID] = max(seconds[p.ProjectID], p.Seconds)
	}
	var all []float64
	for _, took := range seconds {
		all = append(all, took)
	}
	slices.Sort(all)
	usual := all[(len(all)-1)/2]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.projects == nil {
		s.projects = map[string]bool{}
	}
	for id, took := range seconds {
		isSlow := took > slowAfter.Seconds() && (len(all) == 1 || took > 2*usual)
		s.projects[id] = isSlow
	}
}
