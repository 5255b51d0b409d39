package pipeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/polyai"
	"convsync/internal/simulate"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	source := simulated(t, now, simulate.Deviations{})
	d := newFake()
	o := options(t, source, d, now)
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	all := len(d.conversations())
	var id string
	for id = range d.conversations() {
		break
	}
	d = newFake()
	d.refused = map[string]string{id: "refused by a constraint"}
	o = options(t, source, d, now)
	report, err := Run(t.Context(), o)
	if err != nil || report.Status != warehouse.RunPartial || len(d.conversations()) != all-1 {
		t.Fatalf("%v, %s: %d of %d conversations are stored", err, report.Status, len(d.conversations()), all)
	}
	if c := report.Conversations; c.Rejected == 0 || explained(report) != nil {
		t.Errorf("counted %+v", c)
	}
	var rejects []warehouse.Reject
	for _, st := range d.windows {
		rejects = append(rejects, st.Rejects...)
	}
	r := rejects[0]
	if string(r.ConversationID) != id || !r.StartedAt.Valid || r.Reason != "refused by a constraint" || !strings.Contains(string(r.Payload), id) {
		t.Errorf("the reject is %+v", r)
	}
	if _, _, err := transform.Rows(polyai.Value(r.Payload), &o.Feeds[0].Transform, 0); err != nil {
		t.Errorf("the payload is not what was answered: %v", err)
	}
}

func TestReplayRefused(t *testing.T) {
	t.Parallel()
	d := newFake()
	d.reject([]warehouse.Reject{
		{
			RejectID:       "1",
			ConversationID: "a",
			LastSeenAt:     10,
			Reason:         "old",
			Payload:        `{"id":"a","started_at":"2026-06-03T13:19:19Z"}`,
		},
		{
			RejectID:       "2",
			ConversationID: "b",
			LastSeenAt:     20,
			Reason:         "old",
			Payload:        `{"id":"b","started_at":"2026-06-03T13:19:19Z"}`,
		},
	}...)
	d.refused = map[string]string{"a": "refused by a constraint"}
	report, err := Replay(t.Context(), options(t, nil, d, at(end)))
	if err != nil {
		t.Fatal(err)
	}
	st := d.windows[0]
	want := warehouse.Reject{
		ProjectID:      "acme-team-4",
		Environment:    "live",
		RejectID:       "1",
		ConversationID: "a",
		LastSeenAt:     10,
		Reason:         "refused by a constraint",
	}
	if !slices.Equal(st.Resolved, []string{"2"}) || !slices.Equal(st.Rejects, []warehouse.Reject{want}) {
		t.Errorf("published %+v", st)
	}
	if c := report.Conversations; c.Read != 2 || c.Rejected != 1 || explained(report) != nil {
		t.Errorf("counted %+v", c)
	}
}

func TestRegisterSince(t *testing.T) {
	t.Parallel()
	now := at(end.Add(3 * time.Hour))
	d := newFake()
	o := options(t, simulated(t, now, simulate.Deviations{}), d, now)
	start := timestamp(o.Feeds[0].Start)
	o.Projects = []load.Project{{Project: warehouse.Project{ProjectID: o.Feeds[0].ProjectID}}}
	if _, err := Run(t.Context(), o); err != nil || len(d.registered) != 1 || d.registered[0].Since != start {
		t.Errorf("%v: registered %+v, want since %d", err, d.registered, start)
	}
	o.Backfill.From, o.Backfill.Until = o.Feeds[0].Start-1000, o.Feeds[0].Start
	if _, err := Run(t.Context(), o); err != nil || d.registered[0].Since != timestamp(o.Backfill.From) {
		t.Errorf("%v: registered %+v for a backfill", err, d.registered)
	}
}
