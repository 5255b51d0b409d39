package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/simulate"
	"convsync/internal/warehouse"
)

// storedRejects returns rejects of an earlier run. Their names say what the next run
// finds. listed is a conversation that is still listed then.
func storedRejects(listed *simulate.Truth) []warehouse.Reject {
	at := func(t time.Time) warehouse.Null[warehouse.Timestamp] { return warehouse.Some(warehouse.TimestampOf(t)) }
	of := func(name, conversation string, started warehouse.Null[warehouse.Timestamp]) warehouse.Reject {
		payload := fmt.Sprintf(`{"id":%q,"started_at":"2026-06-03T13:19:19Z"}`, "replayed "+name)
		return warehouse.Reject{
			ProjectID:      "acme-team-4",
			Environment:    "live",
			RejectID:       name,
			ConversationID: warehouse.Text(conversation),
			StartedAt:      started,
			Payload:        warehouse.Text(payload),
			LastSeenAt:     warehouse.TimestampOf(begin),
		}
	}
	start := begin.Add(60*time.Hour + 30*time.Minute)
	return []warehouse.Reject{
		of("gone", "deleted-at-the-source", at(start)),
		of("gone, without id", "", at(start)),
		of("listed", listed.ID, at(start)),
		of("without start", "deleted-too", warehouse.Null[warehouse.Timestamp]{}),
		of("not read", "deleted-long-ago", at(start.AddDate(-1, 0, 0))),
		of("quiet day", "deleted-last", at(end.Add(20*time.Hour))),
	}
}

func TestRejectsMissing(t *testing.T) {
	t.Parallel()
	for name, deletes := range map[string]bool{"Mark": false, "Delete": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newFake()
			source, _ := twiceWith(t, d, func(o *Options) { o.DeleteMissing = deletes }, func(s *simulate.Simulator) {
				for truth := range s.Truth("acme-team-4", "live", end) {
					if truth.Index == 200 {
						d.reject(storedRejects(truth)...)
					}
				}
			})
			var kept, missing []string
			for _, r := range d.rejects() {
				if r.MissingSince.Valid {
					missing = append(missing, r.RejectID)
				} else {
					kept = append(kept, r.RejectID)
				}
			}
			want := []string{"gone", "gone, without id", "quiet day"}
			if deletes { // on a day without listed conversations, nothing is deleted
				want = []string{"quiet day"}
			}
			if !slices.Equal(missing, want) || !slices.Equal(kept, []string{"without start", "not read"}) {
				t.Errorf("missing are %q, and kept %q", missing, kept)
			}
			for _, w := range d.windows { // loading its conversation deletes it
				if slices.Contains(append(w.MissingRejects, w.Resolved...), "listed") {
					t.Errorf("the reject of a listed conversation counts as missing: %+v", w)
				}
			}
			d.batches = nil
			if _, err := Replay(t.Context(), options(t, source, d, at(end))); err != nil {
				t.Fatal(err)
			}
			for _, b := range d.batches {
				for _, r := range b.Rows {
					if id := r.Conversation.ConversationID; id == "replayed gone" || id == "replayed gone, without id" {
						t.Errorf("%q was loaded, and the source deleted it", id)
					}
				}
			}
		})
	}
}

// The rejects of a missing conversation are marked with it, although they have no
// start.
func TestRejectsOfMissing(t *testing.T) {
	t.Parallel()
	d := newFake()
	twice(t, d, func(s *simulate.Simulator) {
		for truth := range s.Truth("acme-team-4", "live", end) {
			if truth.Index != 200 {
				continue
			}
			d.reject(warehouse.Reject{RejectID: "with it", ConversationID: warehouse.Text(truth.ID)})
			if err := s.Override("acme-team-4", "live", truth.Index, simulate.Override{Remove: true}); err != nil {
				t.Error(err)
			}
		}
	})
	if len(d.missing()) != 1 || len(d.rejects()) != 1 || !d.rejects()[0].MissingSince.Valid {
		t.Errorf("missing are %v, and the rejects %+v", d.missing(), d.rejects())
	}
}

// More rejects of a day than the limit are marked first, and deleted when a
// later run does not find them either.
func TestRejectsMissing_Many(t *testing.T) {
	t.Parallel()
	d, now := newFake(), end.Add(3*time.Hour)
	source := simulated(t, at(now), simulate.Deviations{})
	if _, err := Run(t.Context(), options(t, source, d, at(now))); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		start := warehouse.TimestampOf(begin.Add(60*time.Hour + time.Duration(i)*time.Second))
		d.reject(warehouse.Reject{RejectID: fmt.Sprint(i), StartedAt: warehouse.Some(start)})
	}
	for run, want := range []int{30, 0} {
		o := options(t, source, d, at(now.Add(time.Duration(run+1)*25*time.Hour)))
		o.Lookback, o.DeleteMissing = []extract.Tier{{Depth: 20 * 24 * time.Hour}}, true
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if len(d.rejects()) != want || want > 0 && !d.rejects()[0].MissingSince.Valid {
			t.Errorf("run %d: %d rejects, want %d", run, len(d.rejects()), want)
		}
	}
}
