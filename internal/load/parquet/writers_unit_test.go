package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

func liveOf(project string) load.Feed {
	return load.Feed{ProjectID: project, Environment: loadtest.Live}
}

// unit is a small unit of work of a project, one of a sequence. It changes every
// table that writers share, and each of them counts the units.
type unit struct {
	project string
	n       int
}

// covered is the end of the coverage of a unit.
func (u unit) covered() warehouse.Timestamp {
	return warehouse.TimestampOf(loadtest.Noon.Add(time.Duration(u.n+1) * time.Hour))
}

func (u unit) rows() []*warehouse.Rows {
	start := loadtest.Noon.Add(time.Duration(u.n) * time.Hour)
	return []*warehouse.Rows{
		loadtest.Conversation(u.project, fmt.Sprint("c-", u.n), start, loadtest.Turns(1)),
		loadtest.Conversation(u.project, fmt.Sprint("open-", u.n), start, loadtest.Turns(1), loadtest.Open()),
	}
}

func (u unit) window(runID string) *load.Window {
	first, at := warehouse.TimestampOf(loadtest.Noon), u.covered()
	feed := liveOf(u.project)
	return &load.Window{
		ID:        load.WindowID(u.n + 1),
		Feed:      feed,
		RunID:     runID,
		At:        at,
		Coverage:  []load.Range{{From: first, Until: at, ReadAt: at}},
		Watermark: at,
		Drift: []warehouse.Drift{{
			ProjectID:   u.project,
			Environment: feed.Environment,
			Path:        "extra",
			Kind:        "unknown field",
			JSONType:    "string",
			FirstSeenAt: at,
			LastSeenAt:  at,
			Count:       1,
		}},
		Rejects: []warehouse.Reject{{
			ProjectID:      u.project,
			Environment:    feed.Environment,
			RejectID:       fmt.Sprint("r-", u.n),
			ConversationID: warehouse.Text(fmt.Sprint("c-", u.n+1)),
			Reason:         "it has no id",
			FirstSeenAt:    at,
			LastSeenAt:     at,
			RunID:          runID,
		}},
		Holes: []warehouse.Hole{{ProjectID: u.project, Environment: feed.Environment, From: at, Until: at + 1e6}},
	}
}

func (u unit) publish(ctx context.Context, w load.Writer, runID string) error {
	st := u.window(runID)
	err := w.Stage(ctx, &load.Batch{Window: st.ID, Feed: st.Feed, Rows: u.rows(), LiveSince: 1})
	if err == nil {
		_, err = w.Publish(ctx, st)
	}
	return err
}

// beginOf begins a writer of projects and registers them.
func beginOf(ctx context.Context, l load.Destination, runID string, projects ...string) (load.Writer, error) {
	w, err := l.Begin(ctx, load.Owner{RunID: runID, Started: 1}, projects...)
	if err != nil {
		return nil, err
	}
	var all []load.Project
	for _, p := range projects {
		all = append(all, loadtest.Project(p))
	}
	if err := w.Register(ctx, all); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if _, err := w.(load.Recoverer).Recover(ctx, runID, 1); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func endOf(ctx context.Context, w load.Writer, runID string) error {
	return errors.Join(w.Finish(ctx, &warehouse.SyncRun{RunID: runID, Kind: "incremental", Status: warehouse.RunSucceeded, StartedAt: 1}), w.Close())
}

// checkUnits checks that exactly the first n units of a project are stored, and
// that no shared table has lost or doubled a part of them.
func checkUnits(t testing.TB, s *lake, d *loadtest.Dump, project string, n int) {
	t.Helper()
	stored := 0
	for key := range d.Conversations {
		if key[0] == project {
			stored++
		}
	}
	if stored != 2*n {
		t.Errorf("%d conversations of %s are stored, want %d", stored, project, 2*n)
	}
	for i := range n {
		for _, r := range (unit{project, i}).rows() {
			if diff := loadtest.Diff(r, d.Conversations[[2]string{project, r.Conversation.ConversationID}], loadtest.LoaderSet...); diff != "" {
				t.Errorf("%s %s: %s", project, r.Conversation.ConversationID, diff)
			}
		}
	}
	count := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("project %s has %d %s, want %d", project, got, what, want)
		}
	}
	open, changes, drift, late, rejects, holes := 0, 0, 0, 0, 0, 0
	for i := range d.Open {
		open += one(d.Open[i].ProjectID == project)
	}
	for i := range d.Changes {
		changes += one(d.Changes[i].ProjectID == project)
	}
	for i := range d.Drift {
		drift += int(d.Drift[i].Count) * one(d.Drift[i].ProjectID == project)
	}
	for i := range d.Lateness {
		late += int(d.Lateness[i].Count) * one(d.Lateness[i].ProjectID == project)
	}
	for i := range d.Rejects {
		rejects += one(d.Rejects[i].ProjectID == project)
	}
	for i := range d.Holes {
		holes += one(d.Holes[i].ProjectID == project)
	}
	count("open conversations", open, n)
	count("changes", changes, 2*n)
	count("observations of drift", drift, n)
	count("rejects", rejects, min(n, 1))
	count("holes", holes, min(n, 1))
	if late%max(n, 1) != 0 || n > 0 && late == 0 {
		t.Errorf("project %s has %d counts of lateness in %d units", project, late, n)
	}
	err := s.Open(t, nil).Audit(t.Context(), project, never, ever, func(f load.Fault) error {
		t.Errorf("project %s: %+v", project, f)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// checkSequence checks that the feed of changes has each sequence number once, in
// order.
func checkSequence(t testing.TB, d *loadtest.Dump) {
	t.Helper()
	for i := range d.Changes {
		if d.Changes[i].Sequence != int64(i+1) {
			t.Fatalf("change %d has the sequence number %d", i+1, d.Changes[i].Sequence)
		}
	}
}
