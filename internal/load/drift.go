package load

import "convsync/internal/warehouse"

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
