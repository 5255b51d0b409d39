package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

// explained checks that every conversation that was read was inserted, updated, unchanged or rejected.
func explained(r *Report) error {
	if c := r.Conversations; c.Read != c.Inserted+c.Updated+c.Unchanged+c.Rejected {
		return fmt.Errorf("the counters do not add up to those read: %+v", c)
	}
	return nil
}

func TestReportReadTwice(t *testing.T) {
	t.Parallel()
	d := newFake()
	for n := range 2 {
		now := at(end.Add(3*time.Hour).AddDate(0, 0, n))
		o := options(t, simulated(t, now, simulate.Deviations{Unreadable: true}), d, now)
		o.Lookback = []extract.Tier{{Depth: 20 * 24 * time.Hour}}
		report, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := explained(report); err != nil || report.Conversations.Rejected == 0 {
			t.Errorf("%v, %d rejected", err, report.Conversations.Rejected)
		}
	}
	if d.abandoned == 0 {
		t.Error("no window was abandoned: the test checks nothing")
	}
}

func TestAbandonCounts(t *testing.T) {
	t.Parallel()
	r := &Report{Rows: map[string]int64{}}
	r.addAbandoned(load.Counts{Inserted: 5, Updated: 2, Unchanged: 1, Rows: map[string]int64{"turns": 9}}, &window{})
	r.addAbandoned(load.Counts{}, &window{})
	if want := (Conversations{Read: 8, Inserted: 5, Updated: 2, Unchanged: 1}); r.Conversations != want || r.Rows["turns"] != 9 {
		t.Errorf("counted %+v and %v, want %+v", r.Conversations, r.Rows, want)
	}
}

func TestReportElsewhereIsDrift(t *testing.T) {
	t.Parallel()
	r := &Report{Rows: map[string]int64{}}
	r.add(load.Counts{Unchanged: 3, Elsewhere: 2}, &window{read: 3, drifting: 1})
	if r.Drift != 3 {
		t.Errorf("counted %d, want 3", r.Drift)
	}
}

func TestRejectColumns(t *testing.T) {
	t.Parallel()
	st := &window{unchanged: newUnchanged(), feed: load.Feed{ProjectID: "p", Environment: "live"}, options: &transform.Options{}, rejects: map[string]warehouse.Reject{}}
	for range 2 {
		v := polyai.Value(`{"started_at":"2026-06-03T13:19:19Z"}`)
		_, _, err := transform.Rows(v, st.options, st.openSince)
		st.reject(v, err)
	}
	if len(st.rejects) != 1 || st.rejected != 2 {
		t.Errorf("%d rejects, read %d times; want 1, twice", len(st.rejects), st.rejected)
	}
	for _, r := range st.rejects {
		if r.StartedAt != warehouse.Some(warehouse.Timestamp(1780492759000000)) || r.Reason != polyai.RejectNoID {
			t.Errorf("the reject is %+v", r)
		}
	}
}

func TestRunKind(t *testing.T) {
	t.Parallel()
	now, d := at(end.Add(3*time.Hour)), newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	if _, err := Replay(t.Context(), o); err != nil || d.owner.Kind != KindReplay {
		t.Errorf("%v, %+v", err, d.owner)
	}
	if _, err := Run(t.Context(), o); err != nil || d.owner.Kind != KindIncremental || d.owner.RunID != o.Owner.RunID {
		t.Errorf("%v, %+v", err, d.owner)
	}
}

func TestReplayLatestReject(t *testing.T) {
	t.Parallel()
	reject := func(id, conversation string, seen warehouse.Timestamp, payload string) warehouse.Reject {
		return warehouse.Reject{RejectID: id, ConversationID: warehouse.Text(conversation), LastSeenAt: seen, Payload: warehouse.Text(payload)}
	}
	readable := func(id, note string) string {
		return fmt.Sprintf(`{"id":%q,"started_at":"2026-06-03T13:19:19Z","note":%q,"new":1}`, id, note)
	}
	d := newFake()
	long := reject("7", "c", 9, readable("long", ""))
	long.Reason = transform.RejectLongID
	d.reject(
		reject("1", "a", 10, readable("a", "older")), reject("2", "a", 20, readable("a", "last")),
		reject("3", "b", 10, readable("b", "older")), reject("4", "b", 20, `{"id":"b","started_at":"soon"}`),
		reject("5", "c", 20, readable("c", "")), reject("6", "", 10, readable("d", "")), long,
	)
	report, err := Replay(t.Context(), options(t, nil, d, at(end)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range d.batches {
		for _, r := range b.Rows {
			got = append(got, fmt.Sprint(r.Conversation.ConversationID, " ", r.Conversation.Note, " ", b.SeenAt))
		}
	}
	slices.Sort(got)
	if want := []string{"a last 20", "c  20", "d  10", "long  9"}; !slices.Equal(got, want) {
		t.Errorf("staged %q, want %q", got, want)
	}
	st := d.windows[0]
	slices.Sort(st.Resolved)
	if !slices.Equal(st.Resolved, []string{"2", "5", "6", "7"}) || len(st.Drift) != 1 || st.Drift[0].Count != report.Drift {
		t.Errorf("published %+v, with %d occurrences of drift", st, report.Drift)
	}
	if c := report.Conversations; c.Read != 5 || c.Rejected != 1 || explained(report) != nil {
		t.Errorf("counted %+v", c)
	}
}
