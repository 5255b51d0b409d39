package pipeline

import (
	"context"
	"errors"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// register registers the projects in the destination. A project is refused if the
// destination has it with another account, region or id, or cannot store its name.
// The others are not affected.
func (r *run) register(ctx context.Context) error {
	if err := r.refuseOtherForms(ctx); err != nil {
		return err
	}
	projects := slices.DeleteFunc(slices.Clone(r.Projects), func(p load.Project) bool { return r.isRefused(p.ProjectID) })
	for i := range projects {
		projects[i].Since = r.since(projects[i].ProjectID)
	}
	for {
		err := r.writer.Register(ctx, projects)
		id, refused := refusedProject(err)
		i := slices.IndexFunc(projects, func(p load.Project) bool { return refused && p.ProjectID == id })
		if i < 0 {
			return err
		}
		projects = slices.Delete(projects, i, i+1)
		r.refuse(id, err)
	}
}

// since returns the earliest start that the run reads of a project; 0 if it reads
// nothing.
func (o *Options) since(project string) (since warehouse.Timestamp) {
	for i := range o.Feeds {
		start := o.Feeds[i].Start
		if !o.Backfill.Empty() {
			start = o.Backfill.From
		}
		if at := timestamp(start); o.Feeds[i].ProjectID == project && (since == 0 || at < since) {
			since = at
		}
	}
	return since
}

// refusedProject returns the project that the destination refused, if the error
// concerns a single project.
func refusedProject(err error) (id string, ok bool) {
	var mixed *load.MixedProjectError
	var name *load.ProjectNameError
	switch {
	case errors.As(err, &mixed):
		return mixed.ProjectID, true
	case errors.As(err, &name):
		return name.ProjectID, true
	}
	return "", false
}

// refuseOtherForms refuses the projects that are stored under another id, and
// sets Options.stored.
func (o *Options) refuseOtherForms(ctx context.Context) (err error) {
	if o.stored, err = o.Destination.Projects(ctx); err != nil {
		return err
	}
	for i := range o.Projects {
		if err := load.OtherForm(o.stored, &o.Projects[i].Project, ""); err != nil {
			o.refuse(o.Projects[i].ProjectID, err)
		}
	}
	return nil
}

// refuse refuses the feeds of a project.
func (o *Options) refuse(projectID string, err error) {
	o.Feeds = slices.Clone(o.Feeds) // the slice belongs to the caller
	for i := range o.Feeds {
		if o.Feeds[i].ProjectID == projectID {
			o.Feeds[i].Refused = err
		}
	}
}

func (o *Options) isRefused(projectID string) bool {
	return slices.ContainsFunc(o.Feeds, func(f Feed) bool { return f.ProjectID == projectID && isMisplaced(f.Refused) })
}

// isMisplaced reports whether a project is refused because of what is stored in
// the destination, and not because of its key.
func isMisplaced(err error) bool {
	var mixed *load.MixedProjectError
	var other *load.OtherFormError
	var name *load.ProjectNameError
	return errors.As(err, &mixed) || errors.As(err, &other) || errors.As(err, &name)
}

// RefuseMixed sets Refused of the feeds that a run would refuse, and writes nothing.
func (o *Options) RefuseMixed(ctx context.Context) error {
	if err := o.refuseOtherForms(ctx); err != nil {
		return err
	}
	for i := range o.Projects {
		if err := load.MixedAmong(o.stored, &o.Projects[i].Project); err != nil {
			o.refuse(o.Projects[i].ProjectID, err)
		}
	}
	checker, ok := o.Destination.(load.ProjectChecker)
	if !ok {
		return nil
	}
	names, err := checker.CheckProjects(ctx, o.Projects)
	for _, name := range names {
		o.refuse(name.ProjectID, name)
	}
	return err
}
