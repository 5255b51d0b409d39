package pipeline

import (
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// identity is what a feed learned of the two forms of its project's id, such as
// acme-team-4 and PROJECT-58RP822I.
type identity struct {
	mu    sync.Mutex
	known bool
	other string // the form that was answered and not asked for; "" is none
	err   error  // the project is stored or configured under its other form
}

// learned is the other form, "" where it is not known.
func (i *identity) learned() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.other
}

// identify learns the project's id in its other form from the first answer that
// has one. It is called before a chunk is handed on: of a project that is known
// under that form nothing may be loaded.
func (f *feedRun) identify(c *extract.Chunk) error {
	i := &f.identity
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known {
		return i.err
	}
	for v := range c.Values() {
		answered := answeredProject(v)
		if answered == "" {
			continue
		}
		i.known = true
		if answered != f.Rules.ProjectID && answered != f.storedForm() {
			i.other, i.err = answered, f.checkForm(answered)
		}
		return i.err
	}
	return nil
}

// storedForm is the other form that is stored already.
func (f *feedRun) storedForm() string {
	for i := range f.stored {
		if f.stored[i].ProjectID == f.ProjectID {
			return string(f.stored[i].OtherID)
		}
	}
	return ""
}

// answeredProject is the project's id that a conversation carries.
func answeredProject(v polyai.Value) string {
	for name, value := range v.Members() {
		if name == "project_id" && value.Kind() == polyai.String {
			return value.Text()
		}
	}
	return ""
}

// checkForm compares the form that was answered with the stored projects, and,
// for a project that is not stored yet, with the configured ones.
func (f *feedRun) checkForm(answered string) error {
	own := slices.IndexFunc(f.Projects, func(p load.Project) bool { return p.ProjectID == f.ProjectID })
	if own < 0 {
		return nil
	}
	known := slices.Clone(f.stored)
	isStored := slices.ContainsFunc(f.stored, func(p warehouse.Project) bool { return p.ProjectID == f.ProjectID })
	for i := range f.Projects {
		if !isStored && !f.isRefused(f.Projects[i].ProjectID) {
			known = append(known, f.Projects[i].Project)
		}
	}
	return load.OtherForm(known, &f.Projects[own].Project, answered)
}
