package load

import "context"

// ProjectNameError reports that a destination cannot store a project under its
// id. Other projects are not affected.
type ProjectNameError struct {
	ProjectID, What, Hint string
}

func (e *ProjectNameError) Error() string { return e.What + "; " + e.Hint }

// ProjectChecker is implemented by destinations that cannot store every project
// id. Their writers refuse these ids in Register with [*ProjectNameError].
type ProjectChecker interface {
	// CheckProjects lists the projects that would be refused. It writes nothing.
	CheckProjects(ctx context.Context, projects []Project) ([]*ProjectNameError, error)
}
