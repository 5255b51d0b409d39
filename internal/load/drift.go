package load

import (
	"strings"

	"convsync/internal/warehouse"
)

// DriftTwoEnvironments is the kind of drift of an id that the source returns in
// two environments.
const DriftTwoEnvironments = "two_environments"

// DriftIDTwice is the kind of drift of an id that the source lists with two
// starts. Its path is id.
const DriftIDTwice = "id_twice"

// ElsewhereDrift returns the drift to store with a window: its own, and what c
// counts as stored under another environment.
func (st *Window) ElsewhereDrift(c *Counts) []warehouse.Drift {
	if c.Elsewhere == 0 {
		return st.Drift
	}
	return append(st.Drift[:len(st.Drift):len(st.Drift)], warehouse.Drift{
		ProjectID:      st.Feed.ProjectID,
		Environment:    st.Feed.Environment,
		Path:           "environment",
		Kind:           DriftTwoEnvironments,
		JSONType:       "string",
		MaxLengthBytes: int64(len(`""`) + len(st.Feed.Environment)),
		FirstSeenAt:    st.At,
		LastSeenAt:     st.At,
		Count:          c.Elsewhere,
	})
}

const (
	// MaxDriftPaths is the number of paths that are stored of a feed, in addition
	// to one [OtherDrift] for each parent and kind.
	MaxDriftPaths = 200
	// MaxDriftSiblings is the number of paths of one kind with the same parent.
	MaxDriftSiblings = 50
	// OtherDrift is the name under which all further paths are counted.
	OtherDrift = "[other]"
)

// DriftPaths are the paths of the drift of one feed. Their number is limited, so
// that the table does not grow with the data when an agent makes up names.
type DriftPaths struct {
	known    map[driftPath]bool
	siblings map[driftPath]int // by parent
}

type driftPath struct{ path, kind string }

// Add adds a path that is stored, whatever the limits.
func (p *DriftPaths) Add(path, kind string) {
	if p.known == nil {
		p.known, p.siblings = map[driftPath]bool{}, map[driftPath]int{}
	}
	parent := driftParent(path)
	if at := (driftPath{path, kind}); !p.known[at] && path != parent+OtherDrift {
		p.known[at] = true
		p.siblings[driftPath{parent, kind}]++
	}
}

// Bound returns the path under which an occurrence is counted: path itself, or
// [OtherDrift] under its parent when there are too many.
func (p *DriftPaths) Bound(path, kind string) string {
	parent := driftParent(path)
	if p.known[driftPath{path, kind}] {
		return path
	}
	if len(p.known) >= MaxDriftPaths || p.siblings[driftPath{parent, kind}] >= MaxDriftSiblings {
		return parent + OtherDrift
	}
	p.Add(path, kind)
	return path
}

// driftParent is the part of a path before the last name, which may have dots.
func driftParent(path string) string {
	const element = "[]."
	if i := strings.LastIndex(path, element); i >= 0 {
		return path[:i+len(element)]
	}
	return ""
}

// DriftHasData reports whether a stored path has numbers or addresses in its
// name, as older versions stored it. Such drift is deleted.
func DriftHasData(d *warehouse.Drift) bool {
	return d.Kind == "unknown_field" && strings.ContainsAny(d.Path, "0123456789@")
}
