package loadtest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

var (
	redacted = load.RecordingKind{Direction: "combined", Redacted: true}
	raw      = load.RecordingKind{Direction: "combined"}
)

// recordingChecks are about results of recordings, which are recorded next to a
// writer.
var recordingChecks = []check{
	{"recordings/recorded next to a writer", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon))
		c := claimRecordings(t, s, "p")
		found := available("c-1", raw, 1)
		c.record(found)
		c.record(found) // again
		c.record(missing("c-1", raw, 0))
		c.has("c-1", found.AudioReference)
		c.has("c-2", unchecked("c-2", raw))
		c.record(copied("c-2", raw, 2))
		b.end()
		c.has("c-2", copied("c-2", raw, 2).AudioReference)
		ended := begin(t, s, 2, "p")
		ended.end() // from now on in the tables, whatever the destination does before
		c.stored("c-1", found.AudioReference)
		c.stored("c-2", copied("c-2", raw, 2).AudioReference)
		if n := dump(t, s).changes("c-1", warehouse.OperationUpsert); n != 1 {
			t.Errorf("%d changes of a conversation whose recording was checked, want 1", n)
		}
	}},
	{"recordings/added", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		c := claimRecordings(t, s, "p")
		other := unchecked("c-1", redacted)
		other.URL = "https://audio.example.com/redacted"
		c.record(load.RecordingResult{AudioReference: other})
		found := missing("c-1", redacted, 3)
		c.record(found)
		want := load.MergeRecording(other, &found)
		c.has("c-1", unchecked("c-1", raw), want)
		b.load(Conversation("p", "c-1", Noon, Note("changed")))
		c.has("c-1", unchecked("c-1", raw), want)
		b.end()
		c.stored("c-1", unchecked("c-1", raw), want)
	}},
	{"recordings/survive every change", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		c := claimRecordings(t, s, "p")
		want := copied("c-1", raw, 1)
		c.record(want)
		b.rewrite = true
		b.load(Conversation("p", "c-1", Noon))
		c.has("c-1", want.AudioReference)
		b.end()
		b = begin(t, s, 2, "p")
		moved := Noon.AddDate(0, 1, 3)
		b.load(Conversation("p", "c-1", moved, Note("moved")))
		want.StartedAt = warehouse.TimestampOf(moved)
		c.has("c-1", want.AudioReference)
		later := missing("c-1", raw, 5) // found before the start was corrected
		c.record(later)
		want.AudioReference = load.MergeRecording(want.AudioReference, &later)
		c.has("c-1", want.AudioReference)
		b.end()
		c.stored("c-1", want.AudioReference)
	}},
	{"recordings/moved between read and write", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon), Conversation("p", "c-2", Noon))
		b.end()
		b = begin(t, s, 2, "p")
		c := claimRecordings(t, s, "p")
		moved := Noon.AddDate(0, 0, 2)
		st := b.next(live("p"))
		b.stage(st, Conversation("p", "c-1", moved), Conversation("p", "c-2", Noon, Note("changed")))
		one, two := copied("c-1", raw, 1), missing("c-2", raw, 1)
		c.record(one, two)
		b.publish(st)
		one.StartedAt = warehouse.TimestampOf(moved)
		c.has("c-1", one.AudioReference)
		c.has("c-2", withURL(two))
		b.end()
		c.stored("c-1", one.AudioReference)
		c.stored("c-2", withURL(two))
	}},
	{"recordings/forgotten copy", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		c := claimRecordings(t, s, "p")
		want := copied("c-1", raw, 1)
		c.record(want)
		wrong := want
		wrong.Forget, wrong.StoredURI = true, "p/elsewhere.wav"
		c.record(wrong)
		c.has("c-1", want.AudioReference)
		forget, unknown := want, copied("c-1", redacted, 1)
		forget.Forget, unknown.Forget = true, true
		c.record(forget, unknown) // one has no row, and gets none
		want.SHA256, want.StoredURI, want.StoredAt = "", "", warehouse.Null[warehouse.Timestamp]{}
		c.has("c-1", want.AudioReference)
		b.end()
		c.stored("c-1", want.AudioReference)
	}},
	{"recordings/gone conversations", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		erased := Conversation("p", "erased", Noon)
		b.load(Conversation("p", "deleted", Noon), Conversation("p", "c-1", Noon))
		b.load(Conversation("q", "unknown", Noon))
		b.end()
		s.Inflict(t, DamageTombstone, erased)
		b = begin(t, s, 2, "p", "q")
		st := b.next(live("p"))
		st.Missing, st.DeleteMissing = []load.Key{{ID: "deleted", StartedAt: warehouse.TimestampOf(Noon)}}, true
		b.publish(st)
		c := claimRecordings(t, s, "p")
		c.record(copied("c-1", raw, 1))
		gone := c.results(copied("unknown", raw, 1), copied("deleted", raw, 1), copied("erased", raw, 1))
		b.end()
		got := c.recordings("p")
		if len(got) != 1 || got[0].ConversationID != "c-1" {
			t.Errorf("recordings: %+v", got)
		}
		for _, key := range gone {
			if key.ConversationID == "c-1" || key.RecordingKind != raw {
				t.Errorf("%+v is gone", key)
			}
		}
		if !slices.ContainsFunc(gone, func(k load.RecordingKey) bool { return k.ConversationID == "erased" }) {
			t.Errorf("an erased conversation is not gone: %v", gone)
		}
		dump(t, s).count(t, 2)
	}},
	{"recordings/removed conversations", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		for _, id := range []string{"a", "b", "back"} {
			b.load(Conversation("p", id, Noon))
			b.load(Conversation("q", id, Noon))
		}
		c := claimRecordings(t, s, "p")
		c.removed(0)
		remove := func(project string, ids ...string) {
			st := b.next(live(project))
			for _, id := range ids {
				st.Missing = append(st.Missing, load.Key{ID: id, StartedAt: warehouse.TimestampOf(Noon)})
			}
			st.DeleteMissing = true
			b.publish(st)
		}
		remove("p", "a", "back")
		remove("q", "b")
		last := c.removed(0, "a", "back")
		b.load(Conversation("p", "back", Noon, Note("returned")))
		c.removed(0, "a")
		c.removed(last)
		remove("p", "b")
		c.removed(last, "b")
		c.removed(0, "a", "b")
	}},
	{"recordings/one claim per project", func(t testing.TB, s Subject) {
		open(t, s)
		first := claimRecordings(t, s, "p")
		other := claimRecordings(t, s, "q")
		_, err := first.dest.ClaimRecordings(t.Context(), ownerOf(2), "p")
		var locked *load.LockedError
		if !errors.As(err, &locked) || locked.Project != "p" {
			t.Fatalf("a second claim: %v", err)
		}
		if _, err := s.Open(t, nil).ClaimRecordings(t.Context(), ownerOf(2), "p"); !errors.As(err, &locked) {
			t.Fatalf("a second claim of another opening: %v", err)
		}
		first.close()
		claimRecordings(t, s, "p").close()
		other.close()
	}},
	{"recordings/claim next to the whole writer", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		b.end()
		c := claimRecordings(t, s, "p")
		whole := begin(t, s, 2) // does not wait for the claim
		_, err := c.claim.Record(t.Context(), []load.RecordingResult{missing("c-1", raw, 1)}, nil)
		var locked *load.LockedError
		if !errors.As(err, &locked) {
			t.Errorf("recorded next to the writer of everything: %v", err)
		}
		whole.close()
		c.record(missing("c-1", raw, 1))
		c.has("c-1", withURL(missing("c-1", raw, 1)))
	}},
	{"recordings/state", func(t testing.TB, s Subject) {
		dest := open(t, s)
		c := claimRecordings(t, s, "p")
		hasRecordingState(t, dest, warehouse.RecordingState{ProjectID: "p"})
		state := warehouse.RecordingState{
			ProjectID:    "p",
			Enlisted:     "f-1",
			PIIAccess:    warehouse.PIIAccessYes,
			PIICheckedAt: warehouse.Some(warehouse.TimestampOf(Noon)),
			Compared:     3,
			LastRunID:    "run-0001",
			LastRunAt:    warehouse.Some(warehouse.TimestampOf(Noon) + 1),
			RemovedUpTo:  7,
		}
		for range 2 {
			if _, err := c.claim.Record(t.Context(), nil, &state); err != nil {
				t.Fatal(err)
			}
			hasRecordingState(t, dest, state)
			state.Enlisted, state.Compared = "f-2", 4
		}
		state.Enlisted, state.Compared = "f-2", 4
		c.record() // keeps it
		hasRecordingState(t, s.Open(t, nil), state)
		hasRecordingState(t, dest, warehouse.RecordingState{ProjectID: "q"})
	}},
	{"recordings/backlog", func(t testing.TB, s Subject) { checkBacklog(t, s) }},
	{"recordings/backlog in pages", func(t testing.TB, s Subject) { checkBacklogPages(t, s) }},
	{"recordings/listed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		chat := func(r *warehouse.Rows) { r.Conversation.ChannelFamily, r.Audio = "chat", nil }
		none := func(r *warehouse.Rows) { r.Audio = nil }
		at := func(minutes int) time.Time { return Noon.Add(time.Duration(minutes) * time.Minute) }
		all := []*warehouse.Rows{
			Conversation("p", "b", at(0)), Conversation("p", "a", at(1)), Conversation("p", "c", at(1)), Conversation("p", "d", at(2), none),
			Conversation("p", "e", at(3000)), Conversation("p", "f", at(3), chat),
		}
		b.load(all...)
		b.load(Conversation("p", "sandbox", at(1), In(Sandbox)))
		b.load(Conversation("q", "other", at(1)))
		b.miss(live("p"), load.Key{ID: "c", StartedAt: warehouse.TimestampOf(at(1))})
		c := claimRecordings(t, s, "p")
		c.record(copied("a", raw, 1))
		for _, ends := range []bool{true, false} { // the second time after the results were moved into the tables
			var got []string
			for _, r := range c.recordings("p") {
				got = append(got, fmt.Sprintf("%s/%d/%v", r.ConversationID, len(r.Recordings), r.MissingSince.Valid))
				if r.ConversationID == "a" && (!r.Recordings[0].StoredAt.Valid || r.FromNumber != all[1].Conversation.FromNumber || r.TotalDurationSeconds != all[1].Conversation.TotalDurationSeconds) {
					t.Errorf("a: %+v", r)
				}
			}
			if want := []string{"b/1/false", "a/1/false", "c/1/true", "d/0/false", "e/1/false"}; !slices.Equal(got, want) {
				t.Errorf("listed %v, want %v", got, want)
			}
			if ends {
				b.end()
			}
		}
		stop := errors.New("enough")
		n := 0
		err := c.dest.Recordings(t.Context(), live("p"), 0, math.MaxInt64, func(*load.RecordedConversation) error { n++; return stop })
		if !errors.Is(err, stop) || n != 1 {
			t.Errorf("an error of the reader after %d: %v", n, err)
		}
		var within []string
		_ = c.dest.Recordings(t.Context(), live("p"), warehouse.TimestampOf(at(1)), warehouse.TimestampOf(at(2)), func(r *load.RecordedConversation) error {
			within = append(within, r.ConversationID)
			return nil
		})
		if !slices.Equal(within, []string{"a", "c"}) {
			t.Errorf("within a minute: %v", within)
		}
	}},
	{"recordings/counts", func(t testing.TB, s Subject) { checkRecordingCounts(t, s) }},
}
