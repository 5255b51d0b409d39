package pipeline

import (
	"context"
	"errors"
	"slices"

	"convsync/internal/load"
)

// register makes the projects known. The feeds of one that the destination
// remembers from elsewhere are refused; the others go on.
func (r *run) register(ctx context.Context) error {
	projects := slices.Clone(r.Projects)
	for {
		err := r.writer.Register(ctx, projects)
		var mixed *load.MixedProjectError
		if !errors.As(err, &mixed) {
			return err
		}
		i := slices.IndexFunc(projects, func(p load.Project) bool { return p.ProjectID == mixed.ProjectID })
		if i < 0 {
			return err
		}
		projects = slices.Delete(projects, i, i+1)
		r.refuse(mixed)
	}
}

// refuse refuses the feeds of a mixed project.
func (o *Options) refuse(mixed *load.MixedProjectError) {
	o.Feeds = slices.Clone(o.Feeds) // they are the caller's
	for i := range o.Feeds {
		if o.Feeds[i].ProjectID == mixed.ProjectID {
			o.Feeds[i].Refused = mixed
		}
	}
}

// RefuseMixed refuses the feeds that a run would refuse, and writes nothing.
func (o *Options) RefuseMixed(ctx context.Context) error {
	stored, err := o.Destination.Projects(ctx)
	if err != nil {
		return err
	}
	for i := range o.Projects {
		var mixed *load.MixedProjectError
		if errors.As(load.MixedAmong(stored, &o.Projects[i].Project), &mixed) {
			o.refuse(mixed)
		}
	}
	return nil
}
