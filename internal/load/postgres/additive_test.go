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
	const checked = "UPDATE audio_references SET availability = 'available', size_bytes = 44, checked_at = now(), checks = 3 WHERE NOT redacted"
	const added = "INSERT INTO audio_references (project_id, conversation_id, direction, redacted, started_at, availability)" +
		" SELECT project_id, conversation_id, direction, true, started_at, 'missing' FROM audio_references"
	noon := loadtest.Noon
	for _, c := range []struct {
		name    string
		damage  string // before the run
		start   time.Time
		rewrite bool
		note    string
		asks    bool // the new version asks for the redacted recording
	}{
		{name: "changed", start: noon, note: "was read"},
		{name: "changed, asked for", start: noon, note: "was read", asks: true},
		{name: "moved", start: noon.Add(time.Second)},
		{name: "moved to another month", start: noon.AddDate(0, 2, 0)},
		{name: "moved to another month, asked for", start: noon.AddDate(0, 2, 0), asks: true},
		{name: "rewritten", start: noon, rewrite: true},
		{name: "rewritten without a key", start: noon, rewrite: true, damage: "DELETE FROM conversation_keys"},
		{name: "broken", start: noon, note: "was read", damage: "DELETE FROM conversations"},
		{name: "broken and moved", start: noon.AddDate(0, 1, 0), damage: "DELETE FROM conversations", asks: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, database := prepared(t)
			schema := inSchema(t, database, "polyai")
			loadOne(t, d, loadtest.Conversation("p", "c-1", noon), loadtest.Conversation("p", "c-2", noon))
			pgtest.Exec(t, schema, "DELETE FROM audio_references WHERE conversation_id = 'c-2'")
			if c.damage != "" {
				pgtest.Exec(t, schema, c.damage+" WHERE conversation_id = 'c-1'")
			}
			w, between := begin(t, d, "run-2"), false
			d.Step = func(step string) {
				if step == "write conversations" && !between {
					between = true
					pgtest.Exec(t, schema, checked, added)
				}
			}
			next := loadtest.Conversation("p", "c-1", c.start, loadtest.Note(c.note), func(r *warehouse.Rows) {
				if c.asks {
					r.Audio = append(r.Audio, r.Audio[0])
					r.Audio[1].Redacted = true
				}
			})
			err := w.Stage(t.Context(), &load.Batch{Window: 1, Feed: feed, Rows: []*warehouse.Rows{loadtest.Clone(next)}, Rewrite: c.rewrite})
			if err != nil || !between {
				t.Fatalf("Stage: %v, recorded between: %v", err, between)
			}
			got := subject{database, "polyai"}.Dump(t).Conversations[[2]string{"p", "c-1"}]
			if len(got.Audio) != 2 {
				t.Fatalf("the references are %+v, want two", got.Audio)
			}
			a, b := got.Audio[0], got.Audio[1]
			if a.Availability != warehouse.AudioAvailable || a.SizeBytes != warehouse.Some(int64(44)) || a.Checks != 3 || !a.CheckedAt.Valid {
				t.Errorf("the check is lost: %+v", a)
			}
			if b.Availability != warehouse.AudioMissing || !b.Redacted || a.StartedAt != next.Conversation.StartedAt || b.StartedAt != a.StartedAt {
				t.Errorf("the added reference is %+v, next to %+v", b, a)
			}
		})
	}
}
