package parquet

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// state has the sync's own small tables, as stored under _sync/state. The
// slices are never changed in place: a commit makes new ones, in a copy of the
// state that becomes the state of the writer when it is done. The rows of other
// projects are those of the last commit of this writer or of the last one that it
// has read. Rejects may be large and are not in memory: see
// rejects.go.
type state struct {
	position   position
	projects   []warehouse.Project
	coverage   []warehouse.CoverageRange
	watermarks []warehouse.Watermark
	open       map[conversationKey]warehouse.OpenConversation
	drift      []warehouse.Drift
	lateness   []warehouse.Lateness // ordered by its key
	revealed   []warehouse.Reveal
	erased     map[conversationKey]warehouse.Erasure // never loaded again
	holes      []warehouse.Hole
	recordings []warehouse.RecordingState // ordered by project
	contents   map[string]*contents       // by project, as far as they were read
	changed    map[string]*contents       // to be written by the commit of this state
}

type conversationKey struct{ project, id string }

// position has the counters of the lake.
type position struct {
	Sequence int64 `json:"sequence"` // of the last change
	// ChangesFile is the newest file of the feed of changes, ChangesBytes its
	// committed size.
	ChangesFile  string `json:"changes_file"`
	ChangesBytes int64  `json:"changes_bytes"`
	// ChangesDay is the day on which that file was started. On another day a new
	// file is started, also if the clock was set back.
	ChangesDay string `json:"changes_day,omitempty"`
	// PrunedDay is the day on which rejects and drift were last pruned.
	PrunedDay string `json:"pruned_day,omitempty"`
	Copied    int64  `json:"copied"` // the last sequence in the Parquet copy
	takeover         // of the writer that began last
	// Begun is the epoch of the writer of this version that began last. An older
	// version raises only the epoch.
	Begun int64 `json:"begun,omitempty"`
	// RejectsCopied is true if the Parquet copy of the rejects is up to date.
	RejectsCopied bool `json:"rejects_copied"`
	// Sizes of the latest copies, in bytes.
	ChangesCopyBytes int64 `json:"changes_copy_bytes"`
	RejectsCopyBytes int64 `json:"rejects_copy_bytes"`
}

// statePath returns the name of the file of one of the sync's small tables.
func statePath(table string) string { return stateDir + "/" + table + ".jsonl" }

func (v *view) readState() (*state, error) {
	s := &state{}
	var open []warehouse.OpenConversation
	var erased []warehouse.Erasure
	err := errors.Join(
		v.readJSON(positionFile, &s.position),
		readTable(v, &warehouse.Projects, &s.projects), readTable(v, &warehouse.SyncCoverage, &s.coverage),
		readTable(v, &warehouse.SyncWatermarks, &s.watermarks), readTable(v, &warehouse.OpenConversations, &open),
		readTable(v, &warehouse.SchemaDrift, &s.drift), readTable(v, &warehouse.SyncLateness, &s.lateness),
		readTable(v, &warehouse.SyncRevealed, &s.revealed), readTable(v, &warehouse.SyncHoles, &s.holes), readTable(v, &warehouse.Erasures, &erased),
		readTable(v, &warehouse.SyncRecordings, &s.recordings),
	)
	s.erased = make(map[conversationKey]warehouse.Erasure, len(erased))
	for _, e := range erased {
		s.erased[conversationKey{e.ProjectID, e.ConversationID}] = e
	}
	s.open = make(map[conversationKey]warehouse.OpenConversation, len(open))
	for _, o := range open {
		s.open[conversationKey{o.ProjectID, o.ConversationID}] = o
	}
	return s, err
}

func readTable[R any](v *view, t *warehouse.Table[R], into *[]R) (err error) {
	*into, err = readLines(v, t)
	return err
}

// putTable adds the rows of one of the small tables to a commit.
func putTable[R any](c *commit, t *warehouse.Table[R], rows []R) error {
	return c.put(statePath(t.Name), func(w io.Writer) error { return writeLines(w, t, rows) })
}

func writeLines[R any](w io.Writer, t *warehouse.Table[R], rows []R) error {
	var line []byte
	for i := range rows {
		var err error
		if line, err = appendLine(line[:0], t, &rows[i]); err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// openQueue returns the open-conversation queue, oldest first.
func (s *state) openQueue() []warehouse.OpenConversation {
	list := make([]warehouse.OpenConversation, 0, len(s.open))
	for _, o := range s.open {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b warehouse.OpenConversation) int {
		return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt),
			strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.ConversationID, b.ConversationID))
	})
	return list
}

// tombstones returns the erasures, ordered by their key.
func (s *state) tombstones() []warehouse.Erasure {
	return slices.SortedFunc(maps.Values(s.erased), func(a, b warehouse.Erasure) int {
		return cmp.Or(strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.ConversationID, b.ConversationID))
	})
}

// feed returns what is stored about a feed.
func (s *state) feed(f load.Feed, openQueue []warehouse.OpenConversation) (out load.FeedState) {
	for _, c := range s.coverage {
		if f == (load.Feed{ProjectID: c.ProjectID, Environment: c.Environment}) {
			out.Coverage = append(out.Coverage, load.Range{From: c.From, Until: c.Until, ReadAt: c.ReadAt, Shape: c.Shape})
		}
	}
	for _, w := range s.watermarks {
		if f == (load.Feed{ProjectID: w.ProjectID, Environment: w.Environment}) {
			out.Watermark, out.WatermarkAt = w.Watermark, w.UpdatedAt
		}
	}
	for _, r := range s.revealed {
		out.VisibleAgain = out.VisibleAgain || f == load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}
	}
	for _, h := range s.holes {
		if f == (load.Feed{ProjectID: h.ProjectID, Environment: h.Environment}) {
			out.Holes = append(out.Holes, h)
		}
	}
	for _, o := range openQueue {
		if f == (load.Feed{ProjectID: o.ProjectID, Environment: o.Environment}) {
			out.Open = append(out.Open, load.OpenConversation{ID: o.ConversationID, StartedAt: o.StartedAt})
		}
	}
	return out
}

// named returns the projects with the other form of the id of a window's
// project, and whether that form is new.
func (s *state) named(st *load.Window) (projects []warehouse.Project, learned bool) {
	i := slices.IndexFunc(s.projects, func(p warehouse.Project) bool { return p.ProjectID == st.Feed.ProjectID })
	if st.OtherID == "" || i < 0 || string(s.projects[i].OtherID) == st.OtherID {
		return s.projects, false
	}
	projects = slices.Clone(s.projects)
	projects[i].OtherID = warehouse.Text(st.OtherID)
	return projects, true
}

// cover returns the coverage and watermarks with those of a window added.
func (s *state) cover(st *load.Window) ([]warehouse.CoverageRange, []warehouse.Watermark) {
	coverage := s.coverage
	if st.Coverage != nil {
		coverage = slices.DeleteFunc(slices.Clone(coverage), func(c warehouse.CoverageRange) bool {
			return c.ProjectID == st.Feed.ProjectID && c.Environment == st.Feed.Environment
		})
		for _, r := range st.Coverage {
			coverage = append(coverage, warehouse.CoverageRange{
				ProjectID:   st.Feed.ProjectID,
				Environment: st.Feed.Environment,
				From:        r.From,
				Until:       r.Until,
				ReadAt:      r.ReadAt,
				Shape:       r.Shape,
			})
		}
	}
	return coverage, s.moveWatermark(st)
}

// moveWatermark returns the watermarks with that of a window.
func (s *state) moveWatermark(st *load.Window) []warehouse.Watermark {
	if st.Watermark == 0 && !st.CorrectWatermark {
		return s.watermarks
	}
	row := warehouse.Watermark{
		ProjectID: st.Feed.ProjectID, Environment: st.Feed.Environment, Watermark: st.Watermark, UpdatedAt: st.At,
	}
	i := slices.IndexFunc(s.watermarks, func(w warehouse.Watermark) bool {
		return w.ProjectID == row.ProjectID && w.Environment == row.Environment
	})
	moved := slices.Clone(s.watermarks)
	switch {
	case i < 0 && st.Watermark != 0:
		return append(moved, row)
	case i < 0:
	case st.Watermark == 0:
		return slices.Delete(moved, i, i+1)
	case moved[i].Watermark < row.Watermark || st.CorrectWatermark && moved[i].Watermark != row.Watermark:
		if !st.CorrectWatermark {
			row.UpdatedAt = max(row.UpdatedAt, moved[i].UpdatedAt)
		}
		moved[i] = row
		return moved
	}
	return s.watermarks
}

// drifting returns the drift with that of a window added. The number of paths
// is bounded.
func (s *state) drifting(feed load.Feed, drift []warehouse.Drift) []warehouse.Drift {
	type key struct{ project, environment, path, kind, jsonType string }
	of := func(d *warehouse.Drift) key { return key{d.ProjectID, d.Environment, d.Path, d.Kind, d.JSONType} }
	all := slices.DeleteFunc(slices.Clone(s.drift), func(d warehouse.Drift) bool { return load.DriftHasData(&d) })
	at := make(map[key]int, len(all))
	var paths load.DriftPaths
	for i := range all {
		at[of(&all[i])] = i
		if feed == (load.Feed{ProjectID: all[i].ProjectID, Environment: all[i].Environment}) {
			paths.Add(all[i].Path, all[i].Kind)
		}
	}
	for _, d := range drift {
		d.Path = paths.Bound(d.Path, d.Kind)
		i, ok := at[of(&d)]
		if !ok {
			at[of(&d)] = len(all)
			all = append(all, d)
			continue
		}
		all[i].Count += d.Count
		all[i].MaxLengthBytes = max(all[i].MaxLengthBytes, d.MaxLengthBytes)
		all[i].FirstSeenAt = min(all[i].FirstSeenAt, d.FirstSeenAt)
		all[i].LastSeenAt = max(all[i].LastSeenAt, d.LastSeenAt)
	}
	return all
}

// visibleAgain returns the feeds with data that is visible again, with or without
// one.
func (s *state) visibleAgain(feed load.Feed, at warehouse.Timestamp, is bool) []warehouse.Reveal {
	all := slices.DeleteFunc(slices.Clone(s.revealed), func(r warehouse.Reveal) bool {
		return r.ProjectID == feed.ProjectID && r.Environment == feed.Environment
	})
	switch {
	case !is:
	case len(all) < len(s.revealed):
		return s.revealed
	default:
		all = append(all, warehouse.Reveal{ProjectID: feed.ProjectID, Environment: feed.Environment, RevealedAt: at})
	}
	return all
}

// holed returns the holes with those of a feed replaced, ordered by key.
func (s *state) holed(feed load.Feed, holes []warehouse.Hole) []warehouse.Hole {
	all := slices.DeleteFunc(slices.Clone(s.holes), func(h warehouse.Hole) bool {
		return h.ProjectID == feed.ProjectID && h.Environment == feed.Environment
	})
	all = append(all, holes...)
	slices.SortFunc(all, func(a, b warehouse.Hole) int {
		return cmp.Or(strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.Environment, b.Environment), cmp.Compare(a.From, b.From))
	})
	return all
}

// late returns the lateness with the counts of a feed added.
func (s *state) late(feed load.Feed, counted map[load.LatenessKey]int64) []warehouse.Lateness {
	all := slices.Clone(s.lateness)
	for key, n := range counted {
		row := warehouse.Lateness{
			ProjectID:    feed.ProjectID,
			Environment:  feed.Environment,
			Measure:      key.Measure,
			UpperSeconds: key.UpperSeconds,
			Count:        n,
		}
		if i, ok := slices.BinarySearchFunc(all, row, compareLateness); ok {
			all[i].Count += n
		} else {
			all = slices.Insert(all, i, row)
		}
	}
	return all
}

func compareLateness(a, b warehouse.Lateness) int {
	return cmp.Or(strings.Compare(a.ProjectID, b.ProjectID), strings.Compare(a.Environment, b.Environment),
		strings.Compare(a.Measure, b.Measure), cmp.Compare(a.UpperSeconds, b.UpperSeconds))
}
