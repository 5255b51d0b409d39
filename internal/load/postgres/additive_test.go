package postgres

import (
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/load/pgtest"
	"convsync/internal/warehouse"
)

// What was recorded of a recording between the reading of a conversation and its
// writing must be kept, and so must a reference that was added meanwhile.
func TestAdditiveRows(t *testing.T) {
	t.Parallel()
	noon := loadtest.Noon
	d, database := prepared(t)
	schema := inSchema(t, database, "polyai")
	for _, c := range []struct {
		project string
		damage  string // before the run
		start   time.Time
		rewrite bool
		note    string
		asks    bool // the new version asks for the redacted recording
	}{
		{project: "changed", start: noon, note: "was read"},
		{project: "changed and asked for", start: noon, note: "was read", asks: true},
		{project: "moved", start: noon.Add(time.Second)},
		{project: "moved to another month", start: noon.AddDate(0, 2, 0)},
		{project: "moved and asked for", start: noon.AddDate(0, 2, 0), asks: true},
		{project: "rewritten", start: noon, rewrite: true},
		{project: "rewritten without a key", start: noon, rewrite: true, damage: "DELETE FROM conversation_keys"},
		{project: "broken", start: noon, note: "was read", damage: "DELETE FROM conversations"},
		{project: "broken and moved", start: noon.AddDate(0, 1, 0), damage: "DELETE FROM conversations", asks: true},
	} {
		ofThis := " WHERE project_id = '" + c.project + "'"
		feed := liveOf(c.project)
		before := loadtest.Conversation(c.project, "c-1", noon)
		after := loadtest.Conversation(c.project, "c-1", c.start, loadtest.Note(c.note), func(r *warehouse.Rows) {
			if c.asks {
				r.Audio = append(r.Audio, r.Audio[0])
				r.Audio[1].Redacted = true
			}
		})
		w := begin(t, d, "run of "+c.project, c.project)
		stage := func(b load.Batch) {
			t.Helper()
			b.Window, b.Feed = 1, feed
			if err := w.Stage(t.Context(), &b); err != nil {
				t.Fatalf("%s: Stage: %v", c.project, err)
			}
		}
		stage(load.Batch{Rows: []*warehouse.Rows{before}})
		if c.damage != "" {
			pgtest.Exec(t, schema, c.damage+ofThis)
		}
		between := false
		d.Step = func(step string) {
			if step == "write conversations" && !between {
				between = true
				pgtest.Exec(t, schema, "UPDATE audio_references SET availability = 'available', size_bytes = 44, checked_at = now(), checks = 3"+ofThis,
					"INSERT INTO audio_references (project_id, conversation_id, direction, redacted, started_at, availability)"+
						" SELECT project_id, conversation_id, direction, true, started_at, 'missing' FROM audio_references"+ofThis)
			}
		}
		stage(load.Batch{Rows: []*warehouse.Rows{loadtest.Clone(after)}, Rewrite: c.rewrite})
		d.Step = func(string) {}
		w.Close()
		got := subject{database, "polyai"}.Dump(t).Conversations[[2]string{c.project, "c-1"}].Audio
		if len(got) != 2 || !between {
			t.Errorf("%s: the references are %+v, want two", c.project, got)
			continue
		}
		a, b := got[0], got[1]
		if a.Availability != warehouse.AudioAvailable || a.SizeBytes != warehouse.Some(int64(44)) || a.Checks != 3 || !a.CheckedAt.Valid {
			t.Errorf("%s: the check is lost: %+v", c.project, a)
		}
		if start := after.Conversation.StartedAt; b.Availability != warehouse.AudioMissing || !b.Redacted || a.StartedAt != start || b.StartedAt != start {
			t.Errorf("%s: the added reference is %+v, next to %+v", c.project, b, a)
		}
	}
}
