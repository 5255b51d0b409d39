package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"convsync/internal/answer"
)

// covered is the coverage of a project and environment.
type covered struct {
	project, environment string
	zone                 *time.Location // of the project
	ranges               []coveredRange // in order, not adjacent
}

type coveredRange struct{ from, until time.Time }

// shownFeeds limits the projects that are printed for an answer without rows.
const shownFeeds = 10

// explainEmpty prints what is loaded, after a statement that returned no row: the
// reason may be that its period is not.
func (s *querySession) explainEmpty(ctx context.Context, params map[string]string) {
	feeds, err := readCovered(ctx, s.source)
	switch {
	case err != nil: // such as a role that cannot read the table
		fmt.Fprintln(s.app.stderr, "no row")
		return
	case len(feeds) == 0:
		fmt.Fprintln(s.app.hints(s.app.stderr), "no row: nothing is loaded yet; `convsync run` loads conversations")
		return
	}
	note := "no row"
	if id := params["project"]; id != "" && id != "all" && !slices.ContainsFunc(feeds, func(f *covered) bool { return f.project == id }) {
		note += ": nothing is loaded of a project " + oneLine(id)
	}
	fmt.Fprintln(s.app.stderr, note)
	from, fromErr := parseMoment("set", params["from"])
	to, toErr := parseMoment("set", params["to"])
	for _, f := range feeds[:min(len(feeds), shownFeeds)] {
		fmt.Fprintf(s.app.stderr, "  %s (%s) is covered %s\n", oneLine(f.project), oneLine(f.environment), f.describe())
		if missing := f.missing(from, to); fromErr == nil && toErr == nil && missing > 0 {
			fmt.Fprintf(s.app.stderr, "    %s of the period from %s to %s are not loaded\n", days(missing), from.Format(time.RFC3339), to.Format(time.RFC3339))
		}
	}
	if more := len(feeds) - shownFeeds; more > 0 {
		fmt.Fprintf(s.app.hints(s.app.stderr), "  and %d more: see `convsync status`\n", more)
	}
}

// readCovered reads the coverage of all projects.
func readCovered(ctx context.Context, source answer.Source) (feeds []*covered, err error) {
	_, rows, err := answer.Read(ctx, source, answer.Statement{SQL: `SELECT r.project_id, r.environment, r.covered_from, r.covered_until, p.time_zone
		FROM sync_coverage AS r LEFT JOIN projects AS p ON p.project_id = r.project_id ORDER BY 1, 2, 3, 4`})
	for _, row := range rows {
		project, _ := row[0].(string)
		environment, _ := row[1].(string)
		from, _ := row[2].(time.Time)
		until, _ := row[3].(time.Time)
		if n := len(feeds); n == 0 || feeds[n-1].project != project || feeds[n-1].environment != environment {
			name, _ := row[4].(string)
			zone, err := time.LoadLocation(name)
			if err != nil {
				zone = time.UTC // as in the views
			}
			feeds = append(feeds, &covered{project: project, environment: environment, zone: zone})
		}
		feeds[len(feeds)-1].add(coveredRange{from, until})
	}
	return feeds, err
}

// add adds a range that does not start before the others.
func (c *covered) add(r coveredRange) {
	if n := len(c.ranges); n > 0 && !r.from.After(c.ranges[n-1].until) {
		if r.until.After(c.ranges[n-1].until) {
			c.ranges[n-1].until = r.until
		}
		return
	}
	c.ranges = append(c.ranges, r)
}

// describe returns the period, and up to three gaps in it.
func (c *covered) describe() string {
	text := fmt.Sprintf("from %s until %s", c.ranges[0].from.Format(time.RFC3339), c.ranges[len(c.ranges)-1].until.Format(time.RFC3339))
	for i := 1; i < len(c.ranges); i++ {
		if i > 3 {
			return text + fmt.Sprintf(" and %d more gaps", len(c.ranges)-i)
		}
		text += fmt.Sprintf(", except %s to %s", c.ranges[i-1].until.Format(time.RFC3339), c.ranges[i].from.Format(time.RFC3339))
	}
	return text
}

// missing returns how much of a period is not covered.
func (c *covered) missing(from, to time.Time) time.Duration {
	missing := to.Sub(from)
	for _, r := range c.ranges {
		start, end := r.from, r.until
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(start) {
			missing -= end.Sub(start)
		}
	}
	return missing
}

// days returns a duration in days for people.
func days(d time.Duration) string {
	return fmt.Sprintf("%.3g days", d.Hours()/24)
}
