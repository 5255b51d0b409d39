package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// recordConversations is the number of conversations whose results one transaction
// records.
const recordConversations = 1000

// resultsOf are the results for one conversation.
type resultsOf struct {
	id      string
	results []*load.RecordingResult
}

// byConversation groups results, in the order of ids. Results of one recording
// remain in their order.
func byConversation(results []load.RecordingResult) (grouped []resultsOf) {
	at := map[string]int{}
	for i := range results {
		id := results[i].ConversationID
		n, known := at[id]
		if !known {
			n, at[id] = len(grouped), len(grouped)
			grouped = append(grouped, resultsOf{id: id})
		}
		grouped[n].results = append(grouped[n].results, &results[i])
	}
	slices.SortFunc(grouped, func(a, b resultsOf) int { return cmp.Compare(a.id, b.id) })
	return grouped
}

func idsOfResults(of []resultsOf) []string {
	ids := make([]string, len(of))
	for i := range of {
		ids[i] = of[i].id
	}
	return ids
}

// Record implements [load.RecordingClaim]. Each transaction has the results of
// some conversations, and the last one the state. If it fails, some of the results
// may be recorded: the caller repeats all of them.
func (c *recordingClaim) Record(
	ctx context.Context, results []load.RecordingResult, state *warehouse.RecordingState,
) (gone []load.RecordingKey, err error) {
	dropped := map[load.RecordingKey]bool{}
	for left := byConversation(results); len(left) > 0 || state != nil; {
		r := &recording{claim: c, batch: left[:min(len(left), recordConversations)], encoder: encoder{copier: audio}}
		if left = left[len(r.batch):]; len(left) == 0 {
			r.state = state
		}
		if err := r.run(ctx); err != nil {
			return nil, c.describe(err)
		}
		for i := range r.gone {
			for _, in := range r.gone[i].results {
				dropped[load.RecordingKeyOf(&in.AudioReference)] = true
			}
		}
		if len(left)+len(r.busy) == 0 {
			break
		}
		if len(left) == 0 {
			if err := c.await(ctx, r.busy[0].id); err != nil {
				return nil, c.describe(err)
			}
		}
		left = append(left, r.busy...)
	}
	for i := range results { // in their order
		if key := load.RecordingKeyOf(&results[i].AudioReference); dropped[key] {
			gone = append(gone, key)
			delete(dropped, key)
		}
	}
	return gone, nil
}

// await waits until the rows of a conversation are not locked. Its statements are
// transactions of their own, and keep no locks.
func (c *recordingClaim) await(ctx context.Context, id string) error {
	c.Step("wait for a conversation")
	for _, rows := range []string{"conversation_keys", "audio_references"} {
		if _, err := c.pool.Exec(ctx, "SELECT FROM "+rows+" WHERE project_id = $1 AND conversation_id = $2 FOR UPDATE", c.project, id); err != nil {
			return err
		}
	}
	return nil
}

// recording is a transaction that records results.
type recording struct {
	claim *recordingClaim
	batch []resultsOf
	state *warehouse.RecordingState
	encoder

	busy []resultsOf // their conversations are locked
	gone []resultsOf // their conversations are not stored, or erased

	starts map[string]warehouse.Timestamp // of the conversations that are locked by this transaction
	rows   map[load.RecordingKey]*reference
}

// reference is a row that results are merged into.
type reference struct {
	stored *warehouse.AudioReference // nil: it is not stored
	merged warehouse.AudioReference
}

// run runs the transaction, again if it collides with another one.
func (r *recording) run(ctx context.Context) (err error) {
	for range attempts {
		r.claim.Step("record")
		err = pgx.BeginTxFunc(ctx, r.claim.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			if err := r.record(ctx, tx); err != nil {
				return err
			}
			r.claim.Step("commit: record")
			return nil
		})
		if !collided(err) {
			break
		}
	}
	return asRefusal(err)
}

func (r *recording) record(ctx context.Context, tx pgx.Tx) error {
	r.busy, r.gone = nil, nil
	r.starts, r.rows = map[string]warehouse.Timestamp{}, map[load.RecordingKey]*reference{}
	if err := r.claim.checkClaim(ctx, tx); err != nil {
		return err
	}
	if len(r.batch) > 0 {
		if err := byIndex(ctx, tx); err != nil {
			return err
		}
		if err := r.lock(ctx, tx); err != nil {
			return err
		}
		if err := r.merge(ctx, tx); err != nil {
			return err
		}
		if err := r.write(ctx, tx); err != nil {
			return err
		}
	}
	if r.state == nil || len(r.busy) > 0 {
		return nil
	}
	state := *r.state
	state.ProjectID = r.claim.project
	return putState(ctx, tx, &state)
}

// putState replaces the state of a project.
func putState(ctx context.Context, tx pgx.Tx, state *warehouse.RecordingState) error {
	places, args := places(&warehouse.SyncRecordings, state)
	columns := strings.Join(warehouse.SyncRecordings.Names(), ", ")
	_, err := tx.Exec(ctx, "INSERT INTO sync_recordings AS s ("+columns+") VALUES ("+places+") ON CONFLICT (project_id) DO UPDATE SET ("+
		columns+") = ROW ("+places+")", args...)
	return err
}

// lock locks the keys of the conversations that no other transaction has locked,
// and finds those that are not stored.
func (r *recording) lock(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT k.conversation_id, k.started_at, e.conversation_id IS NOT NULL FROM unnest($2::text[]) AS asked (id)
		CROSS JOIN LATERAL (SELECT * FROM conversation_keys WHERE project_id = $1 AND conversation_id = asked.id OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) AS k
		LEFT JOIN erasures AS e ON e.project_id = $1 AND e.conversation_id = asked.id`, r.claim.project, idsOfResults(r.batch))
	if err != nil {
		return err
	}
	var id string
	var start time.Time
	var erased bool
	tombstones := map[string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&id, &start, &erased}, func() error {
		if tombstones[id] = erased; !erased {
			r.starts[id] = warehouse.TimestampOf(start)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var absent []resultsOf
	for _, of := range r.batch {
		erased, found := tombstones[of.id]
		switch {
		case erased:
			r.gone = append(r.gone, of)
		case !found:
			absent = append(absent, of)
		}
	}
	return r.sort(ctx, tx, absent)
}

// sort finds out why the keys of conversations were not locked. Results of a
// conversation whose key was lost are dropped, because a repair may move its rows:
// they are due again after it.
func (r *recording) sort(ctx context.Context, tx pgx.Tx, absent []resultsOf) error {
	if len(absent) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT id, EXISTS (SELECT FROM conversation_keys WHERE project_id = $1 AND conversation_id = id),
			EXISTS (SELECT FROM conversations WHERE project_id = $1 AND conversation_id = id)
				AND NOT EXISTS (SELECT FROM erasures WHERE project_id = $1 AND conversation_id = id)
		FROM unnest($2::text[]) AS asked (id)`, r.claim.project, idsOfResults(absent))
	if err != nil {
		return err
	}
	var id string
	var locked, stored bool
	_, err = pgx.ForEachRow(rows, []any{&id, &locked, &stored}, func() error {
		n := slices.IndexFunc(absent, func(of resultsOf) bool { return of.id == id })
		switch {
		case locked:
			r.busy = append(r.busy, absent[n])
		case !stored:
			r.gone = append(r.gone, absent[n])
		}
		return nil
	})
	return err
}

// lockedAudio selects the references of conversations, by id and start.
const lockedAudio = "unnest($2::text[], $3::timestamptz[]) AS asked (id, at) CROSS JOIN LATERAL (SELECT * FROM audio_references" +
	" WHERE project_id = $1 AND conversation_id = asked.id AND started_at = asked.at OFFSET 0 FOR UPDATE SKIP LOCKED) AS found"

// merge reads the references of the conversations, and merges the results.
func (r *recording) merge(ctx context.Context, tx pgx.Tx) error {
	var ids []string
	var starts []time.Time
	for id, start := range r.starts {
		ids, starts = append(ids, id), append(starts, start.Time())
	}
	err := selectFrom(ctx, tx, audio, lockedAudio, func(row any) {
		a := row.(*warehouse.AudioReference)
		r.rows[load.RecordingKeyOf(a)] = &reference{stored: a, merged: *a}
	}, r.claim.project, ids, starts)
	if err != nil {
		return err
	}
	for _, of := range r.batch {
		start, locked := r.starts[of.id]
		if !locked {
			continue
		}
		for _, in := range of.results {
			r.mergeOne(in, start)
		}
	}
	return nil
}

func (r *recording) mergeOne(in *load.RecordingResult, start warehouse.Timestamp) {
	key := load.RecordingKeyOf(&in.AudioReference)
	ref := r.rows[key]
	switch {
	case ref != nil:
		ref.merged = load.MergeRecording(ref.merged, in)
	case !in.Forget:
		ref = &reference{merged: in.AudioReference}
		ref.merged.ProjectID, ref.merged.StartedAt = r.claim.project, start
		ref.merged.Availability = cmp.Or(in.Availability, warehouse.AudioUnknown)
		r.rows[key] = ref
	}
}
