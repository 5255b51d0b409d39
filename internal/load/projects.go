package load

import (
	"fmt"
	"strings"

	"convsync/internal/warehouse"
)

// OtherFormError reports that a configured project is already known under another
// id. A project id has two forms, such as acme-team-4 and PROJECT-58RP822I.
type OtherFormError struct {
	ProjectID string // as configured
	Known     string // the id that is stored or configured already
}

func (e *OtherFormError) Error() string {
	return fmt.Sprintf("project %[1]s is the same project as %[2]s, which is stored or configured already: everything would be loaded twice, under two ids; "+
		"name it once under projects, as `{id: %[1]s, as: %[2]s}` to continue with what is stored under %[2]s", e.ProjectID, e.Known)
}

// OtherForm returns an [*OtherFormError] if a configured project is another form
// of a known one, else nil. answered is the project's id in the source's
// responses, "" if that is not known yet. Projects with a name of their own (`as`)
// are not checked.
func OtherForm(known []warehouse.Project, p *warehouse.Project, answered string) error {
	if p.ProjectID != p.Name {
		return nil
	}
	for i := range known {
		k := &known[i]
		if k.ProjectID != p.ProjectID && k.Region == p.Region && isForm(k, p, answered) {
			return &OtherFormError{ProjectID: p.ProjectID, Known: k.ProjectID}
		}
	}
	return nil
}

// isForm reports whether p is the known project k, by its id or by the id in the
// source's responses.
func isForm(k, p *warehouse.Project, answered string) bool {
	if isOneOf(p.Name, k, p, k.OtherID) {
		return true
	}
	if answered == "" || answered == p.Name {
		return false
	}
	return isOneOf(answered, k, p, warehouse.Text(k.ProjectID), warehouse.Text(k.Name), k.OtherID)
}

// isOneOf reports whether an id is one of those of k. A slug is unique in its
// account only, and an account has two forms as well.
func isOneOf(id string, k, p *warehouse.Project, ids ...warehouse.Text) bool {
	if k.AccountID != p.AccountID && !strings.HasPrefix(id, "PROJECT-") {
		return false
	}
	for _, other := range ids {
		if string(other) == id {
			return true
		}
	}
	return false
}

// Registered returns a project as it has to be stored: it keeps the other form of
// its id that is stored.
func Registered(stored *warehouse.Project, p warehouse.Project) warehouse.Project {
	p.OtherID = stored.OtherID
	if p.Name != stored.Name && p.Name == string(stored.OtherID) { // it is configured in its other form now
		p.OtherID = warehouse.Text(stored.Name)
	}
	return p
}
