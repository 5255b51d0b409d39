package parquet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// CheckProjects implements [load.ProjectChecker].
func (l *Lake) CheckProjects(ctx context.Context, projects []load.Project) (refused []*load.ProjectNameError, err error) {
	stored, err := l.Projects(ctx)
	if err != nil {
		return nil, err
	}
	for i := range projects {
		if e := refuseName(stored, projects[:i], projects[i].ProjectID); e != nil {
			refused = append(refused, e)
		}
	}
	return refused, nil
}

// refuseName refuses a project whose folder would not fit the file system: its
// name is too long, or differs only in case from that of another project, which
// is the same folder on file systems of macOS and Windows. A project that is
// already stored is accepted, because its folder exists.
func refuseName(stored []warehouse.Project, others []load.Project, id string) *load.ProjectNameError {
	const hint = "give it another name with `as:` in its entry under projects"
	if name := projectDir(id); len(name) > maxNameBytes {
		return &load.ProjectNameError{
			ProjectID: id, Hint: hint,
			What: fmt.Sprintf("the name of project %.40s… makes a folder name of %d bytes, and %d is the most", id, len(name), maxNameBytes),
		}
	}
	if slices.ContainsFunc(stored, func(p warehouse.Project) bool { return p.ProjectID == id }) {
		return nil
	}
	var names []string
	for i := range stored {
		names = append(names, stored[i].ProjectID)
	}
	for i := range others {
		names = append(names, others[i].ProjectID)
	}
	for _, other := range names {
		if other != id && strings.EqualFold(projectDir(other), projectDir(id)) {
			return &load.ProjectNameError{
				ProjectID: id, Hint: hint,
				What: fmt.Sprintf("project %s differs from project %s only in case: their folders are the same on file systems that ignore case", id, other),
			}
		}
	}
	return nil
}

// Register implements [load.Writer].
func (w *writer) Register(ctx context.Context, projects []load.Project) error {
	c := w.newCommit()
	defer c.discard()
	var refused error // not an error of the lake
	err := w.commit(ctx, c, func(next *state) (err error) {
		refused, err = register(c, next, projects)
		return cmp.Or(refused, err)
	})
	if refused != nil || err != nil {
		return cmp.Or(refused, failed("cannot write to the lake "+w.lake.root, err))
	}
	for _, p := range projects {
		w.environments[p.ProjectID] = slices.Clone(p.Environments)
	}
	return nil
}

// register adds projects to the state. It returns why one of them is refused.
func register(c *commit, next *state, projects []load.Project) (refused, err error) {
	all := slices.Clone(next.projects)
	for i := range projects {
		p := &projects[i]
		if err := refuseName(next.projects, projects[:i], p.ProjectID); err != nil {
			return err, nil
		}
		at := slices.IndexFunc(all, func(s warehouse.Project) bool { return s.ProjectID == p.ProjectID })
		if at < 0 {
			all = append(all, p.Project)
			continue
		}
		if err := load.Mixed(&all[at], &p.Project); err != nil {
			return err, nil
		}
		all[at] = load.Registered(&all[at], p.Project)
	}
	if slices.Equal(all, next.projects) {
		return nil, nil
	}
	next.projects = all
	return nil, putTable(c, &warehouse.Projects, all)
}

// Inspect implements [load.Inspector]. It blocks commits while it compares.
func (l *Lake) Inspect(ctx context.Context) (found []load.Uncovered, err error) {
	if version, err := l.version(); version == 0 || err != nil {
		return nil, err
	}
	lock, err := l.lockCommits(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	projects, err := l.Projects(ctx)
	if err != nil {
		return nil, err
	}
	for i := range projects {
		id := projects[i].ProjectID
		known, err := l.own().readContents(id)
		if err != nil {
			known = nil
		}
		a, err := l.inventory(id, known)
		if err != nil {
			return nil, err
		}
		found = append(found, a.findings()...)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// findings returns the faults that an inventory found, by time.
func (a *inventory) findings() (found []load.Uncovered) {
	for p, what := range a.faults {
		found = append(found, load.Uncovered{ProjectID: a.project, From: p.from(), Until: p.until(), What: what})
	}
	for month, what := range a.months {
		if span, err := monthSpan(month); err == nil {
			p := partition{a.project, span.first, span.last}
			found = append(found, load.Uncovered{ProjectID: a.project, From: p.from(), Until: p.until(), What: []string{what}})
		}
	}
	slices.SortFunc(found, func(x, y load.Uncovered) int { return int(min(max(x.From-y.From, -1), 1)) })
	return found
}
