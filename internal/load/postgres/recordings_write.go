package postgres

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// Statements for one row. The parameters are all columns.
var (
	insertAudio = "INSERT INTO audio_references (" + strings.Join(audio.Names(), ", ") + ") VALUES (" + parameters(len(audio.columns)) + ")"
	updateAudio = func() string {
		var at []string
		for _, i := range audio.Find(append(slices.Clone(audio.Key), "started_at")...) {
			at = append(at, audio.Columns[i].Name+" = $"+strconv.Itoa(i+1))
		}
		return "UPDATE audio_references SET (" + strings.Join(audio.Names(), ", ") + ") = ROW (" + parameters(len(audio.columns)) +
			") WHERE " + strings.Join(at, " AND ")
	}()
)

// parameters returns $1, $2 and so on.
func parameters(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(list, ", ")
}

// write writes the references that differ.
func (r *recording) write(ctx context.Context, tx pgx.Tx) error {
	var updated, added []*warehouse.AudioReference
	for _, ref := range r.rows {
		switch {
		case ref.stored == nil:
			added = append(added, &ref.merged)
		case !bytes.Equal(r.appendRow(nil, ref.stored), r.appendRow(nil, &ref.merged)):
			updated = append(updated, &ref.merged)
		}
	}
	added, err := r.addable(ctx, tx, added)
	if err != nil {
		return err
	}
	if err := r.execute(ctx, tx, "update", updateAudio, updated); err != nil {
		return err
	}
	return r.execute(ctx, tx, "insert", insertAudio, added)
}

// execute executes a statement for each of the references, in one round trip. It
// fails with a [*refusal] if a trigger skips one.
func (r *recording) execute(ctx context.Context, tx pgx.Tx, name, statement string, refs []*warehouse.AudioReference) error {
	if len(refs) == 0 {
		return nil
	}
	prepared, err := tx.Conn().Prepare(ctx, name+" recording", statement)
	if err != nil {
		return err
	}
	batch := &pgconn.Batch{}
	for _, a := range refs {
		batch.ExecPrepared(prepared.Name, r.values(a), binaryFormat, nil)
	}
	results := tx.Conn().PgConn().ExecBatch(ctx, batch)
	for results.NextResult() {
		tag, err := results.ResultReader().Close()
		if err == nil && tag.RowsAffected() == 0 {
			err = skipped(audio.Name)
		}
		if err != nil {
			results.Close() //nolint:errcheck // it would return the same error
			return err
		}
	}
	return results.Close()
}

// addable returns the references that can be added. One that exists was not read,
// because another transaction has locked it: the results of its conversation are
// recorded again. One whose conversation lacks its own row, as after a change by
// hand, would belong to none. INSERT would wait for a row that is being moved.
func (r *recording) addable(ctx context.Context, tx pgx.Tx, refs []*warehouse.AudioReference) (added []*warehouse.AudioReference, err error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ids, starts := make([]string, len(refs)), make([]time.Time, len(refs))
	for i, a := range refs {
		ids[i], starts[i] = a.ConversationID, a.StartedAt.Time()
	}
	belong, exist := map[string]bool{}, map[load.RecordingKey]bool{}
	err = selectFrom(ctx, tx, recorded, partOf(recorded.Name), func(row any) {
		belong[row.(*warehouse.Conversation).ConversationID] = true
	}, r.claim.project, ids, starts)
	if err == nil {
		err = selectFrom(ctx, tx, audio, partOf(audio.Name), func(row any) {
			exist[load.RecordingKeyOf(row.(*warehouse.AudioReference))] = true
		}, r.claim.project, ids, starts)
	}
	for _, a := range refs {
		switch key := load.RecordingKeyOf(a); {
		case exist[key]:
			r.setBusy(a.ConversationID)
		case belong[a.ConversationID]:
			added = append(added, a)
		}
	}
	return added, err
}

// setBusy adds a conversation to those that are locked.
func (r *recording) setBusy(id string) {
	is := func(of resultsOf) bool { return of.id == id }
	if !slices.ContainsFunc(r.busy, is) {
		r.busy = append(r.busy, r.batch[slices.IndexFunc(r.batch, is)])
	}
}
