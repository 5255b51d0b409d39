package loadtest

import (
	"context"
	"errors"
	"testing"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// owningChecks are about the writer's lock, the log of runs and the registered
// projects.
var owningChecks = []check{
	{"lock/second writer", func(t testing.TB, s Subject) {
		first := begin(t, s, 1, "p")
		first.load(Conversation("p", "c-1", Noon))
		dest := s.Impatient(t)
		writer, err := dest.Begin(t.Context(), ownerOf(2), "p")
		var locked *load.LockedError
		switch {
		case err == nil:
			t.Errorf("two writers hold the project")
			_ = writer.Close()
		case !errors.As(err, &locked):
			t.Errorf("Begin during another run returned %v, want a LockedError", err)
		case locked.Owner.RunID != "run-0001" || locked.Owner.Actor != "ada" || locked.Owner.Host != "host.example.com" || locked.Where == "":
			t.Errorf("the error names the owner %+v of %q", locked.Owner, locked.Where)
		}
		if err := dest.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		first.load(Conversation("p", "c-2", Noon)) // the first one still works
		first.end()
		second := begin(t, s, 3, "p")
		counted(t, second.load(Conversation("p", "c-1", Noon)), 0, 0, 1)
		dump(t, s).count(t, 2)
	}},
	{"lock/waits", func(t testing.TB, s Subject) {
		first := begin(t, s, 1, "p")
		dest := open(t, s)
		got := make(chan error, 1)
		go func() {
			writer, err := dest.Begin(t.Context(), ownerOf(2), "p")
			if err == nil {
				err = errors.Join(writer.Close(), dest.Close())
			}
			got <- err
		}()
		first.end()
		if err := <-got; err != nil {
			t.Errorf("the second writer: %v", err)
		}
	}},
	{"lock/not needed for reading", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		cover(b, live("p"), at(5), span(0, 5))
		b.load(Conversation("p", "c-1", Noon))
		dest := open(t, s)
		defer func() { _ = dest.Close() }()
		if err := dest.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		states, err := dest.State(t.Context(), []load.Feed{live("p")})
		if err != nil || states[live("p")].Watermark != at(5) {
			t.Errorf("state during a run is %+v, %v", states, err)
		}
		sums, err := dest.Summary(t.Context(), []load.Feed{live("p")})
		if err != nil || sums[live("p")].Conversations != 1 {
			t.Errorf("summary during a run is %+v, %v", sums, err)
		}
		if _, err := dest.Runs(t.Context(), 5); err != nil {
			t.Errorf("Runs: %v", err)
		}
	}},
	{"empty destination can be read", func(t testing.TB, s Subject) {
		dest := s.Open(t, nil)
		defer func() { _ = dest.Close() }()
		if err := dest.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
		nothing(t, dest)
		for range 2 { // a second time is harmless
			if err := dest.Prepare(t.Context()); err != nil {
				t.Errorf("Prepare: %v", err)
			}
			nothing(t, dest)
		}
	}},
	{"runs/newest first", func(t testing.TB, s Subject) {
		var want []warehouse.SyncRun
		for n := range 4 {
			b := begin(t, s, n+1, "p")
			row := finished(b)
			if err := b.writer.Finish(t.Context(), &row); err != nil {
				t.Fatalf("Finish: %v", err)
			}
			want = append([]warehouse.SyncRun{row}, want...)
			b.close()
		}
		sameRuns(t, s, 3, want[:3])
		sameRuns(t, s, 10, want)
		sameSet(t, "runs", dump(t, s).Runs, want)
	}},
	{"runs/killed", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		b.close()
		b = begin(t, s, 2, "p")
		b.end()
		begin(t, s, 3, "p").end()
		killed := 0
		for _, r := range dump(t, s).Runs {
			if r.Status != warehouse.RunKilled {
				continue
			}
			killed++
			o := ownerOf(1)
			if r.RunID != o.RunID || r.StartedAt != o.Started || r.FinishedAt.Valid || string(r.Actor) != o.Actor || string(r.Host) != o.Host {
				t.Errorf("the killed run is %+v", r)
			}
		}
		if killed != 1 {
			t.Errorf("%d runs count as killed, want 1", killed)
		}
		dump(t, s).stored(t, Conversation("p", "c-1", Noon))
	}},
	{"runs/killed, with its owner", func(t testing.TB, s Subject) {
		whole, sparse := ownerOf(1), load.Owner{RunID: "run-0002", Started: ownerOf(2).Started} // as older versions wrote it
		whole.Kind = "backfill"
		for _, owner := range []load.Owner{whole, sparse} {
			dest := open(t, s)
			writer, err := dest.Begin(t.Context(), owner)
			if err != nil {
				t.Fatalf("Begin: %v", err)
			}
			if err := errors.Join(writer.Close(), dest.Close()); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		begin(t, s, 3, "p").close()
		runs := dump(t, s).Runs
		for i := range runs {
			if runs[i].Error == "" {
				t.Errorf("%s has no error text", runs[i].RunID)
			}
			if epoch := runs[i].Epoch; !epoch.Valid || i > 0 && epoch.V <= runs[i-1].Epoch.V {
				t.Errorf("%s has the epoch %+v, which is not after the one before", runs[i].RunID, epoch)
			}
			runs[i].Error, runs[i].Epoch = "", warehouse.Null[int64]{}
		}
		sameSet(t, "runs", runs, []warehouse.SyncRun{
			{
				RunID:     "run-0001",
				Actor:     "ada",
				Host:      "host.example.com",
				Version:   "1.2.3-example",
				Kind:      "backfill",
				Status:    warehouse.RunKilled,
				StartedAt: whole.Started,
			},
			{RunID: "run-0002", Kind: "incremental", Status: warehouse.RunKilled, StartedAt: sparse.Started},
		})
	}},
	{"runs/canceled", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p")
		b.load(Conversation("p", "c-1", Noon))
		stopped, stop := context.WithCancel(t.Context())
		st := b.next(live("p"))
		st.Coverage, st.Watermark = []load.Range{span(0, 5)}, at(5)
		r := Conversation("p", "c-1", Noon.AddDate(0, 0, 1), Note("was read"))
		b.stage(st, r)
		stop()
		_, err := b.writer.Publish(stopped, st)
		if err != nil {
			if _, err := b.writer.Abandon(t.Context(), st.ID); err != nil {
				t.Errorf("Abandon after a stop: %v", err)
			}
		}
		if covered := b.state(live("p")).Watermark != 0; covered != (err == nil) {
			t.Errorf("Publish returned %v; coverage %v", err, covered)
		}
		b.end() // records the run in any case
		b = begin(t, s, 2, "p")
		b.load(r)
		b.end()
		d := dump(t, s)
		d.count(t, 1)
		d.stored(t, r)
		if len(d.Runs) != 2 {
			t.Errorf("%d runs are recorded, want 2", len(d.Runs))
		}
	}},
	{"projects/renamed", func(t testing.TB, s Subject) {
		begin(t, s, 1, "p", "q").end()
		want := []warehouse.Project{Project("p").Project, Project("q").Project}
		sameSet(t, "projects", dump(t, s).Projects, want)
		b := begin(t, s, 2)
		renamed := Project("p")
		renamed.Name, renamed.TimeZone = "Renamed", "America/New_York"
		if err := b.writer.Register(t.Context(), []load.Project{renamed}); err != nil {
			t.Fatalf("Register: %v", err)
		}
		want[0] = renamed.Project
		sameSet(t, "projects", dump(t, s).Projects, want)
		listed, err := b.dest.Projects(t.Context())
		if err != nil {
			t.Fatalf("Projects: %v", err)
		}
		sameSet(t, "projects of Projects", listed, want)
	}},
	{"projects/other form of the id", func(t testing.TB, s Subject) {
		b := begin(t, s, 1, "p", "q")
		for range 2 {
			st := b.next(live("p"))
			st.OtherID = "PROJECT-1"
			b.publish(st)
		}
		b.load(Conversation("p", "c-1", Noon))
		b.end()
		begin(t, s, 2, "p", "q").end() // registers them again
		want := []warehouse.Project{Project("p").Project, Project("q").Project}
		want[0].OtherID = "PROJECT-1"
		sameSet(t, "projects", dump(t, s).Projects, want)
		swapped := Project("p")
		swapped.Name, want[0].OtherID = "PROJECT-1", warehouse.Text(want[0].Name)
		want[0].Name = swapped.Name
		if err := begin(t, s, 3).writer.Register(t.Context(), []load.Project{swapped}); err != nil {
			t.Fatalf("Register: %v", err)
		}
		sameSet(t, "projects in the other form", dump(t, s).Projects, want)
	}},
	{"projects/different case", func(t testing.TB, s Subject) {
		begin(t, s, 1, "p", "Q").end()
		b := begin(t, s, 2)
		twins := []load.Project{Project("P"), Project("q"), Project("r")}
		var names []*load.ProjectNameError
		if checker, ok := b.dest.(load.ProjectChecker); ok {
			var err error
			if names, err = checker.CheckProjects(t.Context(), twins); err != nil {
				t.Fatalf("CheckProjects: %v", err)
			}
		}
		for i, twin := range twins[:2] {
			err := b.writer.Register(t.Context(), []load.Project{twin})
			var refused *load.ProjectNameError
			switch {
			case err == nil:
				b.load(Conversation(twin.ProjectID, "c-1", Noon))
			case !errors.As(err, &refused) || refused.ProjectID != twin.ProjectID || refused.Hint == "":
				t.Errorf("Register of %q: %v", twin.ProjectID, err)
			case len(names) != 2 || names[i].ProjectID != twin.ProjectID:
				t.Errorf("Register refuses %q, CheckProjects refuses %v", twin.ProjectID, names)
			}
		}
		if err := b.writer.Register(t.Context(), twins[2:]); err != nil {
			t.Errorf("Register of another project: %v", err)
		}
	}},
	{"projects/other account", func(t testing.TB, s Subject) {
		refuse(t, s, func(p *load.Project) { p.AccountID = "another-account" })
	}},
	{"projects/other region", func(t testing.TB, s Subject) {
		refuse(t, s, func(p *load.Project) { p.Region = "us" })
	}},
}

// refuse registers a changed project together with a valid one, and checks that
// neither is stored.
func refuse(t testing.TB, s Subject, other func(*load.Project)) {
	t.Helper()
	begin(t, s, 1, "p").end()
	b := begin(t, s, 2)
	mixed := Project("p")
	other(&mixed)
	mixed.Name = "Renamed"
	err := b.writer.Register(t.Context(), []load.Project{Project("q"), mixed})
	var refused *load.MixedProjectError
	if !errors.As(err, &refused) || refused.ProjectID != "p" || refused.Stored == refused.Configured {
		t.Errorf("Register returned %v, want a MixedProjectError with two different origins", err)
	}
	sameSet(t, "projects", dump(t, s).Projects, []warehouse.Project{Project("p").Project})
}

// nothing checks that nothing is stored in a destination.
func nothing(t testing.TB, dest load.Destination) {
	t.Helper()
	feeds := []load.Feed{live("p")}
	if runs, err := dest.Runs(t.Context(), 5); err != nil || len(runs) != 0 {
		t.Errorf("runs are %+v, %v", runs, err)
	}
	if projects, err := dest.Projects(t.Context()); err != nil || len(projects) != 0 {
		t.Errorf("projects are %+v, %v", projects, err)
	}
	if sums, err := dest.Summary(t.Context(), feeds); err != nil || sums[feeds[0]].Conversations != 0 {
		t.Errorf("summary is %+v, %v", sums, err)
	}
	if states, err := dest.State(t.Context(), feeds); err != nil || states[feeds[0]].Watermark != 0 {
		t.Errorf("state is %+v, %v", states, err)
	}
}

// finished returns the session's run with every column set, or with every
// nullable column NULL.
func finished(b *session) warehouse.SyncRun {
	row := b.row()
	if b.owner.RunID == ownerOf(2).RunID {
		return warehouse.SyncRun{RunID: row.RunID, Kind: row.Kind, Status: warehouse.RunFailed, StartedAt: row.StartedAt}
	}
	row.Kind, row.Status, row.ConfigHash = "backfill", warehouse.RunPartial, "0123456789abcdef"
	row.WindowFrom, row.WindowUntil = warehouse.Some(at(0)), warehouse.Some(at(9))
	row.Requests, row.Retries, row.WaitedSeconds, row.Bytes = 17, 3, warehouse.Some(1.5), 1<<40
	row.Read, row.Inserted, row.Updated, row.Unchanged, row.Rejected, row.Drifting = 60, 10, 20, 30, 4, 5
	row.Error = "project \"p\" (live):\nthe source said 500"
	return row
}

func sameRuns(t testing.TB, s Subject, limit int, want []warehouse.SyncRun) {
	t.Helper()
	dest := open(t, s)
	defer func() { _ = dest.Close() }()
	got, err := dest.Runs(t.Context(), limit)
	if err != nil || len(got) != len(want) {
		t.Fatalf("Runs(%d) lists %d runs, %v; want %d", limit, len(got), err, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("run %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}
