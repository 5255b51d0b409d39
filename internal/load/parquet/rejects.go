package parquet

import (
	"io"
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Rejects contain whole responses, and all of them may not fit in memory. Their
// file is read and written line by line, and only the key of each reject is
// kept in memory.

// conversationOf identifies a conversation of a feed.
type conversationOf struct {
	feed load.Feed
	id   string
}

func ofReject(r *warehouse.Reject) conversationOf {
	return conversationOf{load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}, string(r.ConversationID)}
}

// rejectKey is the key of a reject.
type rejectKey struct {
	feed load.Feed
	id   string
}

func keyOfReject(r *warehouse.Reject) rejectKey {
	return rejectKey{load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}, r.RejectID}
}

// rejectNames has the key columns of rejects, without their content.
var rejectNames = columnsOf(&warehouse.Rejects, "project_id", "environment", "reject_id", "conversation_id")

// rejectKeys has the columns of rejects that decide whether they are kept,
// without their content.
var rejectKeys = columnsOf(&warehouse.Rejects, "project_id", "environment", "reject_id", "conversation_id", "started_at", "missing_since")

// rejectAges has the key columns of rejects and their age, without their
// content.
var rejectAges = columnsOf(&warehouse.Rejects, "project_id", "environment", "reject_id", "conversation_id", "last_seen_at")

// columnsOf returns a table with the named columns only.
func columnsOf[R any](t *warehouse.Table[R], names ...string) *warehouse.Table[R] {
	some := *t
	some.Columns = nil
	for _, c := range t.Columns {
		if slices.Contains(names, c.Name) {
			some.Columns = append(some.Columns, c)
		}
	}
	return &some
}

// eachReject calls do with the rejects, without their content, each with its
// line.
func eachReject(v *view, do func(r *warehouse.Reject, line []byte) error) error {
	name := statePath(warehouse.Rejects.Name)
	return eachText(v, name, func(line []byte) error {
		r, err := parseSome(rejectNames, line)
		if err != nil {
			return damaged(v.lake.path(name), err)
		}
		return do(&r, line)
	})
}

// rejected returns the conversations that have rejects. They are read when the
// writer begins, so that most windows need not read the file, which may be
// large.
func (l *Lake) rejected() (map[conversationOf]bool, error) {
	found := map[conversationOf]bool{}
	err := eachReject(l.own(), func(r *warehouse.Reject, _ []byte) error {
		if r.ConversationID != "" {
			found[ofReject(r)] = true
		}
		return nil
	})
	return found, err
}

// countRejects counts the rejects of each feed.
func (v *view) countRejects() (map[load.Feed]int64, error) {
	count := map[load.Feed]int64{}
	err := eachReject(v, func(r *warehouse.Reject, _ []byte) error {
		count[ofReject(r).feed]++
		return nil
	})
	return count, err
}

// resolved returns the staged conversations that have rejects.
func (p *publication) resolved() map[conversationOf]bool {
	found := map[conversationOf]bool{}
	if p.staged == nil || len(p.rejected) == 0 {
		return found
	}
	for i := range p.staged.entries {
		if of := (conversationOf{p.window.Feed, p.staged.entries[i].id}); p.rejected[of] {
			found[of] = true
		}
	}
	return found
}

// rejects removes resolved rejects and adds those of the window. It returns the
// conversations that have rejects after the commit.
func (p *publication) rejects(next *state) (known map[conversationOf]bool, err error) {
	st, resolved := p.window, p.resolved()
	if len(st.Rejects)+len(st.Resolved)+len(st.MissingRejects)+len(resolved) == 0 {
		return p.rejected, nil
	}
	named, missing := setOf(st.Resolved), setOf(st.MissingRejects)
	m := &rejectsMerger{known: map[conversationOf]bool{}, at: st.At, missing: func(r *warehouse.Reject) bool {
		return ofReject(r).feed == st.Feed && missing[r.RejectID]
	}, gone: func(r *warehouse.Reject) bool {
		of := ofReject(r)
		return resolved[of] || of.feed == st.Feed && named[r.RejectID]
	}}
	m.come(slices.DeleteFunc(slices.Clone(st.Rejects), func(r warehouse.Reject) bool {
		_, erased := next.erased[conversationKey{r.ProjectID, string(r.ConversationID)}]
		return erased
	}))
	err = p.commit.put(statePath(warehouse.Rejects.Name), func(w io.Writer) error { return m.write(w, p.lake.own()) })
	p.counts.NewRejects = m.fresh
	next.position.RejectsCopied = false
	return m.known, err
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// rejectsMerger merges the rejects of a window with the stored ones.
type rejectsMerger struct {
	gone    func(*warehouse.Reject) bool // reports whether a stored reject is resolved
	missing func(*warehouse.Reject) bool // reports whether a stored reject is no longer listed
	at      warehouse.Timestamp          // time of the window
	came    []warehouse.Reject           // rejects of the window, each once
	places  map[rejectKey]int            // indexes in came
	found   []bool                       // by index in came: it was stored before
	known   map[conversationOf]bool      // conversations that have rejects
	fresh   int64                        // number of new rejects
}

// come adds the rejects of the window.
func (m *rejectsMerger) come(rejects []warehouse.Reject) {
	m.places = make(map[rejectKey]int, len(rejects))
	for i := range rejects {
		key := keyOfReject(&rejects[i])
		if j, twice := m.places[key]; twice {
			m.came[j].LastSeenAt = max(m.came[j].LastSeenAt, rejects[i].LastSeenAt)
			continue
		}
		m.places[key] = len(m.came)
		m.came = append(m.came, rejects[i])
	}
	m.found = make([]bool, len(m.came))
}

// write writes the stored rejects that stay, then the new ones.
func (m *rejectsMerger) write(w io.Writer, stored *view) error {
	err := eachReject(stored, func(r *warehouse.Reject, line []byte) error {
		if m.gone(r) {
			return nil
		}
		m.knows(r)
		i, again := m.places[keyOfReject(r)]
		missing := m.missing(r)
		if !again && !missing {
			_, err := w.Write(line)
			return err
		}
		whole, err := parseLine(&warehouse.Rejects, line)
		if err != nil {
			return damaged(stored.lake.path(statePath(warehouse.Rejects.Name)), err)
		}
		if !again {
			if !whole.MissingSince.Valid {
				whole.MissingSince = warehouse.Some(m.at)
			}
			return writeLines(w, &warehouse.Rejects, []warehouse.Reject{whole})
		}
		m.found[i], whole.MissingSince = true, warehouse.Null[warehouse.Timestamp]{}
		if m.came[i].LastSeenAt >= whole.LastSeenAt {
			whole.LastSeenAt, whole.Reason = m.came[i].LastSeenAt, m.came[i].Reason
		}
		return writeLines(w, &warehouse.Rejects, []warehouse.Reject{whole})
	})
	for i := range m.came {
		if err == nil && !m.found[i] {
			m.knows(&m.came[i])
			m.fresh++
			err = writeLines(w, &warehouse.Rejects, m.came[i:i+1])
		}
	}
	return err
}

func (m *rejectsMerger) knows(r *warehouse.Reject) {
	if r.ConversationID != "" {
		m.known[ofReject(r)] = true
	}
}

// expireRejects drops the rejects that are no longer kept, and those of erased
// conversations. Times in the future become the latest possible one.
func (w *writer) expireRejects(c *commit, next *state, ages load.Ages) error {
	changed := false
	name := statePath(warehouse.Rejects.Name)
	err := c.put(name, func(out io.Writer) error {
		return eachText(w.lake.own(), name, func(line []byte) error {
			r, err := parseSome(rejectAges, line)
			if err != nil {
				return damaged(w.lake.path(name), err)
			}
			_, erased := next.erased[conversationKey{r.ProjectID, string(r.ConversationID)}]
			if erased || r.LastSeenAt < ages.Cutoff(load.KeepRejects) {
				changed = true
				return nil
			}
			if r.LastSeenAt <= ages.Latest() {
				_, err = out.Write(line)
				return err
			}
			whole, err := parseLine(&warehouse.Rejects, line)
			if err != nil {
				return damaged(w.lake.path(name), err)
			}
			changed = true
			whole.LastSeenAt, whole.FirstSeenAt = ages.Latest(), min(whole.FirstSeenAt, ages.Latest())
			return writeLines(out, &warehouse.Rejects, []warehouse.Reject{whole})
		})
	})
	if err != nil || changed {
		next.position.RejectsCopied = false
		return err
	}
	return c.dropLast()
}
