package pipeline

import (
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/warehouse"
)

// identity holds what the responses of a feed tell about the two forms of its
// project's id, such as acme-team-4 and PROJECT-58RP822I.
type identity struct {
	mu    sync.Mutex
	known bool
	other string // the form that was returned and not requested; "": none
	err   error  // the project is stored or configured under its other form
}

// learned returns the other form; "" if it is unknown.
func (i *identity) learned() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.other
}

// identify takes the other form of the project's id from the first conversation
// that has it. It is called before a chunk is loaded: nothing may be loaded if the
// project is already known under that form.
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
		if answered != f.feed.Transform.ProjectID && answered != f.storedForm() {
			i.other, i.err = answered, f.checkForm(answered)
		}
		return i.err
	}
	return nil
}

// storedForm returns the other form that is stored; "" if there is none.
func (f *feedRun) storedForm() string {
	for i := range f.run.stored {
		if f.run.stored[i].ProjectID == f.feed.ProjectID {
			return string(f.run.stored[i].OtherID)
		}
	}
	return ""
}

// answeredProject returns the project id in a conversation; "" if it has none.
func answeredProject(v polyai.Value) string {
	for name, value := range v.Members() {
		if name == "project_id" && value.Kind() == polyai.String {
			return value.Text()
		}
	}
	return ""
}

// checkForm compares the returned form with the stored projects, and, if the
// project is not stored yet, with the configured ones.
func (f *feedRun) checkForm(answered string) error {
	own := slices.IndexFunc(f.run.Projects, func(p load.Project) bool { return p.ProjectID == f.feed.ProjectID })
	if own < 0 {
		return nil
	}
	known := slices.Clone(f.run.stored)
	isStored := slices.ContainsFunc(f.run.stored, func(p warehouse.Project) bool { return p.ProjectID == f.feed.ProjectID })
	for i := range f.run.Projects {
		if !isStored && !f.run.isRefused(f.run.Projects[i].ProjectID) {
			known = append(known, f.run.Projects[i].Project)
		}
	}
	return load.OtherForm(known, &f.run.Projects[own].Project, answered)
}
