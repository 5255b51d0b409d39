package postgres

import (
	"context"
	"fmt"
	"testing"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

func TestMarkMissing_WhileStaging(t *testing.T) {
	t.Parallel()
	for _, deletes := range []bool{false, true} {
		t.Run(fmt.Sprintf("deleting %v", deletes), func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1")
			const n = 12
			conversations := func(note string) (rows []*warehouse.Rows, keys []load.Key) {
				for i := range n {
					r := loadtest.Conversation("p", fmt.Sprintf("c-%02d", i), loadtest.Noon, loadtest.Note(note))
					rows = append(rows, r)
					keys = append([]load.Key{{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt}}, keys...)
				}
				return rows, keys
			}
			rows, keys := conversations("first")
			stageOne(t, w, rows...)
			ctx := context.WithoutCancel(t.Context())
			for round := range 20 {
				staged := make(chan error)
				rows, _ := conversations(fmt.Sprint("round ", round))
				go func() { staged <- w.Stage(ctx, &load.Batch{Window: 2, Feed: feed, Rows: rows, LiveSince: 1}) }()
				_, err := w.Publish(ctx, &load.Window{
					ID:            3,
					Feed:          feed,
					Missing:       keys,
					DeleteMissing: deletes,
					At:            1,
				})
				if staged := <-staged; err != nil || staged != nil {
					t.Fatalf("round %d: published: %v; staged: %v", round, err, staged)
				}
			}
			dump := subject{database, "polyai"}.Dump(t) // fails if keys do not match
			for id, r := range dump.Conversations {
				if r.Hash() != r.Conversation.ContentHash || len(r.Turns) == 0 {
					t.Errorf("conversation %q is incomplete", id)
				}
			}
			if !deletes && len(dump.Conversations) != n {
				t.Errorf("%d conversations are stored, want %d", len(dump.Conversations), n)
			}
		})
	}
}

// A conversation that is deleted after it was read for comparison is written
// completely, not only the rows that differ.
func TestStageOfDeleted(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	stageOne(t, w, loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon))
	missing := []load.Key{{ID: "c-1", StartedAt: loadtest.Conversation("p", "c-1", loadtest.Noon).Conversation.StartedAt}}
	read := true
	d.Step = func(name string) {
		if name != "write conversations" || !read {
			return
		}
		read = false
		if _, err := w.Publish(t.Context(), &load.Window{
			ID:            3,
			Feed:          feed,
			Missing:       missing,
			DeleteMissing: true,
			At:            1,
		}); err != nil {
			t.Error(err)
		}
	}
	one, two := loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Note("next")), loadtest.Conversation("p", "c-2", loadtest.Noon, loadtest.Note("next"))
	if err := w.Stage(t.Context(), &load.Batch{Window: 2, Feed: feed, Rows: []*warehouse.Rows{one, two}, LiveSince: 1}); err != nil || read {
		t.Fatalf("staged: %v; deleted meanwhile: %t", err, !read)
	}
	dump := subject{database, "polyai"}.Dump(t)
	for _, want := range []*warehouse.Rows{one, two} {
		got := dump.Conversations[[2]string{"p", want.Conversation.ConversationID}]
		if diff := loadtest.Diff(want, got, loadtest.LoaderSet...); diff != "" {
			t.Errorf("conversation %q: %s", want.Conversation.ConversationID, diff)
		}
	}
}

func TestStage_ChangedByHand(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"a text":          "UPDATE turns SET user_input = 'changed by hand' WHERE conversation_id = 'c-1'",
		"turns missing":   "DELETE FROM turns WHERE conversation_id = 'c-1'",
		"a hash":          "UPDATE conversations SET content_hash = 'x' WHERE conversation_id = 'c-1'",
		"a key's hash":    "UPDATE conversation_keys SET content_hash = 'x' WHERE conversation_id = 'c-1'",
		"the key missing": "DELETE FROM conversation_keys WHERE conversation_id = 'c-1'",
		"the row missing": "DELETE FROM conversations WHERE conversation_id = 'c-1'",
		"the row and key": "DELETE FROM conversation_keys WHERE conversation_id = 'c-1'; DELETE FROM conversations WHERE conversation_id = 'c-1'",
		"nothing":         "SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			one, two := loadtest.Conversation("p", "c-1", loadtest.Noon), loadtest.Conversation("p", "c-2", loadtest.Noon)
			loadOne(t, d, one, two)
			pgtest.Exec(t, inSchema(t, database, "polyai"), damage)
			w := begin(t, d, "run-2")
			rows := []*warehouse.Rows{loadtest.Clone(one), loadtest.Clone(two)}
			if err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: rows, Rewrite: true}); err != nil {
				t.Fatal(err)
			}
			counts, err := w.Publish(t.Context(), &load.Window{ID: 1, Feed: feed})
			if err != nil || counts.Inserted+counts.Updated != 2 || counts.Unchanged != 0 {
				t.Errorf("counted %+v, %v; want both written", counts, err)
			}
			dump := subject{database, "polyai"}.Dump(t)
			for _, want := range []*warehouse.Rows{one, two} {
				got := dump.Conversations[[2]string{"p", want.Conversation.ConversationID}]
				if diff := loadtest.Diff(want, got, loadtest.LoaderSet...); diff != "" {
					t.Errorf("conversation %q: %s", want.Conversation.ConversationID, diff)
				}
			}
		})
	}
}

// If a trigger keeps the rows of a missing conversation, it is marked, and its
// key stays.
func TestDeleteMissingSkipped(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"conversation_keys", "conversations", "turns"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1")
			rows := many(5, "")
			stageOne(t, w, rows...)
			trap(t, database, "DELETE", table, "IF OLD.conversation_id = 'c-003' THEN RETURN NULL; END IF;")
			var missing []load.Key
			for _, r := range rows {
				missing = append(missing, load.Key{ID: r.Conversation.ConversationID, StartedAt: r.Conversation.StartedAt})
			}
			_, err := w.Publish(t.Context(), &load.Window{
				ID:            2,
				Feed:          feed,
				Missing:       missing,
				DeleteMissing: true,
				At:            7,
			})
			if err != nil {
				t.Fatal(err)
			}
			stored := subject{database, "polyai"}.Dump(t).Conversations
			kept := stored[[2]string{"p", "c-003"}]
			if len(stored) != 1 || kept == nil || len(kept.Turns) != len(rows[3].Turns) {
				t.Errorf("%d are stored, and c-003 is %+v", len(stored), kept)
			}
			if table != "conversation_keys" && kept.Conversation.MissingSince != warehouse.Some(warehouse.Timestamp(7)) {
				t.Errorf("it is not marked: %+v", kept.Conversation.MissingSince)
			}
		})
	}
}

// A repair does not add a conversation that is open and missing to the queue.
func TestMendOpenAndMissing(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1")
	row := loadtest.Conversation("p", "c-1", loadtest.Noon, loadtest.Open())
	stageOne(t, w, row)
	key := load.Key{ID: "c-1", StartedAt: row.Conversation.StartedAt}
	if _, err := w.Publish(t.Context(), &load.Window{ID: 2, Feed: feed, Missing: []load.Key{key}, At: 7}); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, inSchema(t, database, "polyai"), "UPDATE conversations SET note = 'by hand'")
	if _, err := w.Mend(t.Context(), &load.Mending{ProjectID: "p", RunID: "run-1", At: 77, Reseal: []load.Key{key}}); err != nil {
		t.Fatal(err)
	}
	err := d.Audit(t.Context(), "p", key.StartedAt-1, key.StartedAt+1, func(f load.Fault) error {
		t.Errorf("left: %+v", f)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A conversation that is erased during a run is not loaded again.
func TestErasedMeanwhile(t *testing.T) {
	t.Parallel()
	erase := []string{"BEGIN", "INSERT INTO erasures (project_id, conversation_id, erased_at, run_id) VALUES ('p', 'c-003', now(), 'by hand')"}
	for _, table := range append(partitioned, "conversation_keys") {
		erase = append(erase, "DELETE FROM "+table+" WHERE conversation_id = 'c-003'")
	}
	for name, known := range map[string]bool{"New": false, "Stored": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			w := begin(t, d, "run-1")
			if known {
				stageOne(t, w, many(5, "")...)
			}
			d.Step = func(step string) {
				if step == "write conversations" {
					d.Step = func(string) {}
					pgtest.Exec(t, inSchema(t, database, "polyai"), append(erase, "COMMIT")...)
				}
			}
			stageOne(t, w, many(5, "changed")...)
			stored := subject{database, "polyai"}.Dump(t).Conversations
			if len(stored) != 4 || stored[[2]string{"p", "c-003"}] != nil {
				t.Errorf("%d are stored, and of c-003 %+v", len(stored), stored[[2]string{"p", "c-003"}])
			}
		})
	}
}
