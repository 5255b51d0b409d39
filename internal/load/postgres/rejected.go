package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// rejected has the conversations with rejects. There are few, so most batches
// need no query for them.
type rejected struct {
	mu  sync.Mutex
	ids map[load.Feed]map[string]bool
}

// read reads what is stored of the writer's projects when it begins; nil: of all.
// From then on only this writer changes it, except that it may expire.
func (r *rejected) read(ctx context.Context, conn *pgx.Conn, projects []string) error {
	r.ids = map[load.Feed]map[string]bool{}
	rows, err := conn.Query(ctx, "SELECT DISTINCT project_id, environment, conversation_id FROM rejects "+
		"WHERE conversation_id IS NOT NULL AND ($1::text[] IS NULL OR project_id = ANY($1))", projects)
	if err != nil {
		return err
	}
	var f load.Feed
	var id string
	_, err = pgx.ForEachRow(rows, []any{&f.ProjectID, &f.Environment, &id}, func() error {
		r.put(f, id)
		return nil
	})
	return err
}

func (r *rejected) put(f load.Feed, id string) {
	if r.ids[f] == nil {
		r.ids[f] = map[string]bool{}
	}
	r.ids[f][id] = true
}

// among returns the ids of those conversations that have rejects of the feed.
func (r *rejected) among(f load.Feed, rows []*warehouse.Rows) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.ids[f]
	if len(of) == 0 {
		return nil
	}
	for _, c := range rows {
		if id := c.Conversation.ConversationID; of[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// apart splits off the conversations that have rejects of the feed.
func (r *rejected) apart(f load.Feed, rows []*warehouse.Rows) (known, others []*warehouse.Rows) {
	ids := r.among(f, rows)
	if len(ids) == 0 {
		return nil, rows
	}
	for _, c := range rows {
		if slices.Contains(ids, c.Conversation.ConversationID) {
			known = append(known, c)
		} else {
			others = append(others, c)
		}
	}
	return known, others
}

// add adds stored rejects.
func (r *rejected) add(f load.Feed, rejects []warehouse.Reject) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range rejects {
		if id := rejects[i].ConversationID; id != "" {
			r.put(f, string(id))
		}
	}
}

// remove removes conversations whose rejects were deleted.
func (r *rejected) remove(f load.Feed, ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		delete(r.ids[f], id)
	}
}

// queueResolved deletes the rejects of conversations.
func queueResolved(batch *pgx.Batch, f load.Feed, ids []string) {
	if len(ids) > 0 {
		batch.Queue("DELETE FROM rejects WHERE project_id = $1 AND environment = $2 AND conversation_id = ANY($3)",
			f.ProjectID, f.Environment, ids)
	}
}

// storable returns the rejects of a window without those of erased
// conversations.
func (c *windowChange) storable(ctx context.Context, tx pgx.Tx) ([]warehouse.Reject, error) {
	if len(c.Rejects) == 0 {
		return nil, nil
	}
	ids := make([]string, len(c.Rejects))
	for i := range c.Rejects {
		ids[i] = string(c.Rejects[i].ConversationID)
	}
	rows, err := tx.Query(ctx, "SELECT conversation_id FROM erasures WHERE project_id = $1 AND conversation_id = ANY($2)", c.Feed.ProjectID, ids)
	if err != nil {
		return nil, err
	}
	erased, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.DeleteFunc(slices.Clone(c.Rejects), func(r warehouse.Reject) bool {
		return slices.Contains(erased, string(r.ConversationID))
	}), err
}
