package parquet

import (
	"encoding/json"
	"maps"
	"slices"

	"convsync/internal/warehouse"
)

// contents records what the lake has of a project as of one commit: coverage,
// open conversations, manifests and the log of ids. Each of these is also
// stored in a file of its own. In a copy that was made during a write these
// files can be of different commits, and the contents reveal it: a time range
// counts as read only if the manifests are those that belong to its coverage.
type contents struct {
	Project  string                    `json:"project_id"`
	Coverage []json.RawMessage         `json:"coverage"`
	Open     []json.RawMessage         `json:"open"`
	Months   map[string]manifestDigest `json:"months"`    // digests of the manifests, by month
	IDs      map[string]int64          `json:"ids_bytes"` // valid bytes of the log of ids, by year
}

// manifestDigest identifies a version of a manifest.
type manifestDigest struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newContents(project string) *contents {
	return &contents{Project: project, Months: map[string]manifestDigest{}, IDs: map[string]int64{}}
}

// contentsFile returns the name of the file with the contents of a project.
func contentsFile(project string) string {
	return contentsDir + "/" + projectDir(project) + contentsSuffix
}

// readContents reads the contents of a project; nil if there are none.
func (v *view) readContents(project string) (*contents, error) {
	c := newContents(project)
	c.Project = ""
	if err := v.readJSON(contentsFile(project), c); err != nil || c.Project == "" {
		return nil, err
	}
	return c, nil
}

// rows decodes the coverage and the open conversations.
func (c *contents) rows() (coverage []warehouse.CoverageRange, open []warehouse.OpenConversation, err error) {
	for _, line := range c.Coverage {
		row, err := parseLine(&warehouse.SyncCoverage, line)
		if err != nil {
			return nil, nil, err
		}
		coverage = append(coverage, row)
	}
	for _, line := range c.Open {
		row, err := parseLine(&warehouse.OpenConversations, line)
		if err != nil {
			return nil, nil, err
		}
		open = append(open, row)
	}
	return coverage, open, nil
}

// load reads the contents of a project into the state, unless they were read
// before.
func (s *state) load(l *Lake, project string) error {
	if s.contents[project] != nil {
		return nil
	}
	known, err := l.own().readContents(project)
	if err != nil || known == nil {
		return err
	}
	s.contents = maps.Clone(s.contents)
	if s.contents == nil {
		s.contents = map[string]*contents{}
	}
	s.contents[project] = known
	return nil
}

// equal reports whether two contents are the same.
func (c *contents) equal(other *contents) bool {
	coverage, open, err := c.rows()
	otherCoverage, otherOpen, err2 := other.rows()
	return err == nil && err2 == nil && slices.Equal(coverage, otherCoverage) && slices.Equal(open, otherOpen) &&
		maps.Equal(c.Months, other.Months) && maps.Equal(c.IDs, other.IDs)
}

// change returns the contents of a project for modification by the commit that
// makes this state. [commit.putContents] writes them.
func (s *state) change(project string) *contents {
	if c := s.changed[project]; c != nil {
		return c
	}
	c := newContents(project)
	if old := s.contents[project]; old != nil {
		maps.Copy(c.Months, old.Months)
		maps.Copy(c.IDs, old.IDs)
	}
	if s.changed == nil {
		s.changed = map[string]*contents{}
	}
	s.changed[project] = c
	return c
}

// logged returns the valid size of the project's log of ids, by year.
func (s *state) logged(project string) map[string]int64 {
	if c := s.contents[project]; c != nil {
		return c.IDs
	}
	return nil
}

// putContents adds the changed contents to a commit, with the coverage and the
// open conversations of the state.
func (c *commit) putContents(next *state) error {
	if len(next.changed) == 0 {
		return nil
	}
	all := maps.Clone(next.contents)
	if all == nil {
		all = map[string]*contents{}
	}
	for _, project := range slices.Sorted(maps.Keys(next.changed)) {
		changed := next.changed[project]
		if err := changed.take(next); err != nil {
			return err
		}
		if err := c.putJSON(contentsFile(project), changed); err != nil {
			return err
		}
		all[project] = changed
	}
	next.contents, next.changed = all, nil
	return nil
}

// take copies the project's coverage and open conversations from the state.
func (c *contents) take(s *state) error {
	c.Coverage, c.Open = []json.RawMessage{}, []json.RawMessage{}
	for i := range s.coverage {
		if s.coverage[i].ProjectID != c.Project {
			continue
		}
		line, err := appendLine(nil, &warehouse.SyncCoverage, &s.coverage[i])
		if err != nil {
			return err
		}
		c.Coverage = append(c.Coverage, line)
	}
	for _, o := range s.openQueue() {
		if o.ProjectID != c.Project {
			continue
		}
		line, err := appendLine(nil, &warehouse.OpenConversations, &o)
		if err != nil {
			return err
		}
		c.Open = append(c.Open, line)
	}
	return nil
}
