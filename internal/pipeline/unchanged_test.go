package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// decodes executes a run with changed options, and returns which of the conversations
// that had a digest were decoded, and the report.
func (w *world) decodes(change func(*Options)) (decoded map[string]bool, report *Report) {
	w.t.Helper()
	before := w.store.digests()
	w.runs++
	w.source.begin(w.key(), trouble{}, 0)
	w.store.begin(ending{}, loss{})
	o := w.options(&attempt{})
	change(&o)
	report, err := Run(w.t.(*testing.T).Context(), o)
	if err != nil || report.Status != warehouse.RunSucceeded {
		w.t.Fatalf("%v, %+v", err, report)
	}
	decoded = map[string]bool{}
	for id := range w.store.staged {
		if before[id].IsKnown() {
			decoded[id] = true
		}
	}
	return decoded, report
}

// What the source returns again as it is stored is not decoded, and counts as read and
// unchanged. What has to be decoded for another reason is.
func TestRun_Unchanged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Options)
		edit   func(d *memory.Data)
		all    bool   // are decoded
		one    string // is decoded
	}{
		"Nothing":  {},
		"Rules":    {change: func(o *Options) { o.Feeds[0].Transform.Rules = masking("1") }, all: true},
		"Audio":    {change: func(o *Options) { o.Feeds[0].Transform.Audio = []transform.AudioKind{{Direction: "user"}} }, all: true},
		"Region":   {change: func(o *Options) { o.Feeds[0].Transform.PhoneRegion = "GB" }, all: true},
		"Rejected": {edit: func(d *memory.Data) { d.Rejects = append(d.Rejects, rejectOf("conversation-1")) }, one: "conversation-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startsWorld(t, 1, 1, false)
			w.succeeds(attempt{})
			digests := len(w.store.digests())
			if digests == 0 {
				t.Fatal("no digest is stored")
			}
			if c.edit != nil {
				w.store.Edit(c.edit)
			}
			w.source.clock += 7 // the percentiles change
			changes := len(w.store.Snapshot().Changes)
			decoded, report := w.decodes(func(o *Options) {
				if c.change != nil {
					c.change(o)
				}
			})
			switch {
			case c.all && len(decoded) < digests, !c.all && c.one == "" && len(decoded) > 0, c.one != "" && (len(decoded) != 1 || !decoded[c.one]):
				t.Errorf("decoded %v, of %d", decoded, digests)
			}
			if n := report.Conversations; n.Read < int64(digests) || n.Read != n.Unchanged+n.Updated {
				t.Errorf("counted %+v", n)
			}
			if after := w.store.Snapshot(); len(after.Rejects) > 0 || name != "Rules" && name != "Region" && len(after.Changes) != changes {
				t.Errorf("%d rejects, %d changes after %d", len(after.Rejects), len(after.Changes), changes)
			}
		})
	}
}

// newUnchanged is that of a window that compares nothing.
func newUnchanged() *unchanged { return &unchanged{digests: &digests{}} }

// rejectKeys lists the rejects of a destination, or fails with the error of the context.
type rejectKeys []load.RejectKey

func (k rejectKeys) RejectKeys(ctx context.Context, _ load.Feed) ([]load.RejectKey, error) {
	return k, ctx.Err()
}

// A window that is canceled while it reads the rejects of the feed does not prevent the
// others from reading them.
func TestDigests_ReadRejectsCanceled(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var d digests
	stored := rejectKeys{{ConversationID: "conversation-1"}}
	if err := d.readRejects(canceled, stored, load.Feed{}); !errors.Is(err, context.Canceled) || d.isRejected("conversation-1") {
		t.Fatalf("canceled: %v, rejected is %v", err, d.rejected)
	}
	if err := d.readRejects(t.Context(), stored, load.Feed{}); err != nil || !d.isRejected("conversation-1") {
		t.Errorf("next: %v, rejected is %v", err, d.rejected)
	}
}

func rejectOf(id string) warehouse.Reject {
	return warehouse.Reject{
		ProjectID:      modelTransform.ProjectID,
		Environment:    modelTransform.Environment,
		RejectID:       "reject of " + id,
		ConversationID: warehouse.Text(id),
	}
}

// Of two versions of a conversation with one start, one may be stored with a digest,
// such as by an earlier version of the source. Both are compared by the destination,
// and from then on none of them is skipped.
func TestRun_UnchangedTwice(t *testing.T) {
	t.Parallel()
	w := startsWorld(t, 1, 1, false)
	w.arrive(w.first(), 2, 0, 0)
	first := w.source.conversations[len(w.source.conversations)-1]
	w.succeeds(attempt{})
	twin := *first
	twin.versions = []version{first.versions[0]}
	twin.versions[0].content, twin.versions[0].at = 2, w.tick()
	w.source.conversations = append(w.source.conversations, &twin)
	for i, want := range []bool{true, false, false} {
		decoded, _ := w.decodes(func(*Options) {})
		if decoded[first.id] != want || w.store.digests()[first.id].IsKnown() {
			t.Errorf("run %d: decoded %v, digest %x", i, decoded, w.store.digests()[first.id])
		}
		if !w.store.staged[first.id] {
			t.Errorf("run %d: it was skipped", i)
		}
		note := string(w.store.rows[first.id].Conversation.Note)
		if i > 0 && w.store.written[first.id] || !strings.HasPrefix(note, "content ") {
			t.Errorf("run %d wrote it again: %s", i, note)
		}
	}
}

// A repair writes what it reads, whether it is unchanged or not.
func TestRun_UnchangedRewritten(t *testing.T) {
	t.Parallel()
	w := startsWorld(t, 1, 1, false)
	w.succeeds(attempt{})
	feed := w.feeds()[0]
	span := wholeSecond(w.store.sorted()[1].Conversation.StartedAt)
	decoded, _ := w.decodes(func(o *Options) { o.Repairs = map[load.Feed]Repair{feed: {Spans: []extract.Span{span}}} })
	if len(decoded) == 0 {
		t.Error("nothing was decoded")
	}
}
