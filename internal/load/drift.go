package load

import (
	"strings"

	"convsync/internal/warehouse"
)

// DriftTwoEnvironments is the kind of drift of an id that is answered under two
// environments.
const DriftTwoEnvironments = "two_environments"

// DriftIDTwice is the kind of drift of an id that the source lists with two
// starts. Its path is id.
const DriftIDTwice = "id_twice"

// ElsewhereDrift is the drift that a stretch is published with: its own, and
// what c counts as stored under another environment.
func (st *Stretch) ElsewhereDrift(c *Counts) []warehouse.Drift {
	if c.Elsewhere == 0 {
		return st.Drift
	}
	return append(st.Drift[:len(st.Drift):len(st.Drift)], warehouse.Drift{
		ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment,
		Path: "environment", Kind: DriftTwoEnvironments, JSONType: "string",
		MaxLengthBytes: int64(len(`""`) + len(st.Feed.Environment)),
		FirstSeenAt:    st.At, LastSeenAt: st.At, Count: c.Elsewhere,
	})
}

const (
	// MaxDriftPaths is how many paths are stored of a feed, plus one [OtherDrift]
	// for each parent and kind.
	MaxDriftPaths = 200
	// MaxDriftSiblings is how many of them, of one kind, have the same parent.
	MaxDriftSiblings = 50
	// OtherDrift is the name that counts the sightings of all further paths.
	OtherDrift = "[other]"
)

// DriftPaths are the paths of the drift of one feed. They are bounded: an agent
// that makes up names must not make the table grow with the data.
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

// Bound returns the path under which a sighting is counted: path itself, or
// [OtherDrift] under its parent where there are too many.
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

// DriftHasData reports whether a stored path has a name as older versions stored
// it, with numbers and addresses in it. It is not kept.
func DriftHasData(d *warehouse.Drift) bool {
	return d.Kind == "unknown_field" && strings.ContainsAny(d.Path, "0123456789@")
}
