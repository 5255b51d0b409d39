package parquet

import (
	"slices"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// conversationOf is a conversation as a feed answers it.
type conversationOf struct {
	feed load.Feed
	id   string
}

func ofReject(r *warehouse.Reject) conversationOf {
	return conversationOf{load.Feed{ProjectID: r.ProjectID, Environment: r.Environment}, string(r.ConversationID)}
}

// rejected are the conversations of which there are rejects. These are read as
// the writer begins: most stretches then need not read what may be large.
func (l *Lake) rejected() (map[conversationOf]bool, error) {
	found := map[conversationOf]bool{}
	err := eachLine(l.own(), &warehouse.Rejects, statePath(warehouse.Rejects.Name), func(r *warehouse.Reject) error {
		if r.ConversationID != "" {
			found[ofReject(r)] = true
		}
		return nil
	})
	return found, err
}

// resolved are the conversations that were staged and of which there are rejects.
func (p *publication) resolved() map[conversationOf]bool {
	found := map[conversationOf]bool{}
	if p.staged == nil || len(p.rejected) == 0 {
		return found
	}
	for i := range p.staged.entries {
		if of := (conversationOf{p.stretch.Feed, p.staged.entries[i].id}); p.rejected[of] {
			found[of] = true
		}
	}
	return found
}

// rejects takes the rejects away that are resolved, and puts the stretch's to
// the others. It returns what is to be known of them when that is committed.
func (p *publication) rejects() (known map[conversationOf]bool, err error) {
	st, resolved := p.stretch, p.resolved()
	if len(st.Rejects)+len(st.Resolved)+len(resolved) == 0 {
		return p.rejected, nil
	}
	all, err := readLines(p.lake.own(), &warehouse.Rejects)
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(st.Resolved))
	for _, id := range st.Resolved {
		named[id] = true
	}
	before := len(all)
	all = slices.DeleteFunc(all, func(r warehouse.Reject) bool {
		of := ofReject(&r)
		return resolved[of] || of.feed == st.Feed && named[r.RejectID]
	})
	if len(all) == before && len(st.Rejects) == 0 {
		return p.rejected, nil
	}
	all, p.counts.NewRejects = addRejects(all, st.Rejects)
	known = map[conversationOf]bool{}
	for i := range all {
		if all[i].ConversationID != "" {
			known[ofReject(&all[i])] = true
		}
	}
	return known, putTable(p.commit, &warehouse.Rejects, all)
}
