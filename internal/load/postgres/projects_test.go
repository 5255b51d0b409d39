package postgres

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"convsync/internal/load"
	"convsync/internal/load/loadtest"
	"convsync/internal/warehouse"
)

func liveOf(project string) load.Feed {
	return load.Feed{ProjectID: project, Environment: loadtest.Live}
}

// stageIn stages a new conversation of a project.
func stageIn(t *testing.T, w load.Writer, project, id string) error {
	t.Helper()
	r := loadtest.Conversation(project, id, loadtest.Noon)
	return w.Stage(t.Context(), &load.Batch{Window: 1, Feed: liveOf(project), Rows: []*warehouse.Rows{r}})
}

// untilItWaits starts work and returns when it waits for an advisory lock.
func untilItWaits(t *testing.T, watcher *pgx.Conn, work func() error) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- work() }()
	for waits := false; !waits; {
		select {
		case err := <-result:
			t.Errorf("it did not wait: %v", err)
			result <- err
			return result
		default:
		}
		err := watcher.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory')`).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
	}
	return result
}

// during runs work of one writer, and work of another one before a step of the
// first.
func during(t *testing.T, d *Database, step string, work, other func() error) {
	t.Helper()
	var result <-chan error
	watcher := connect(t, d.mustURL(t))
	d.Step = func(name string) {
		if name == step && result == nil {
			result = untilItWaits(t, watcher, other)
		}
	}
	if err := work(); err != nil {
		t.Error(err)
	}
	if result == nil {
		t.Fatalf("there was no step %q", step)
	}
	if err := <-result; err != nil {
		t.Errorf("the other writer: %v", err)
	}
}

func (d *Database) mustURL(t *testing.T) string {
	t.Helper()
	url, err := d.URL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// A writer assigns sequence numbers, and another one that would commit before it
// waits.
func TestChanges_CommitOrder(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	second := open(t, Options{URL: fixed(database)})
	p, q := begin(t, d, "run-1", "p"), begin(t, second, "run-2", "q")
	for project, w := range map[string]load.Writer{"p": p, "q": q} {
		if err := stageIn(t, w, project, "c-0"); err != nil { // creates the month
			t.Fatal(err)
		}
	}
	during(t, d, "commit: write conversations",
		func() error { return stageIn(t, p, "p", "c-1") }, func() error { return stageIn(t, q, "q", "c-1") })
	changes := subject{database, "polyai"}.Dump(t).Changes
	if n := len(changes); n != 4 || changes[n-2].ProjectID != "p" || changes[n-1].ProjectID != "q" {
		t.Errorf("changes are %+v", changes)
	}
}

func TestMonths_TwoWriters(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	second := open(t, Options{URL: fixed(database)})
	p, q := begin(t, d, "run-1", "p"), begin(t, second, "run-2", "q")
	during(t, d, "commit: make a month",
		func() error { return stageIn(t, p, "p", "c-1") }, func() error { return stageIn(t, q, "q", "c-1") })
	if n := len(subject{database, "polyai"}.Dump(t).Conversations); n != 2 {
		t.Errorf("%d conversations are stored, want 2", n)
	}
}

// The end of a run does not wait for the rows of another writer.
func TestExpire_DuringPublish(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	finish(t, d, "run-0", 0)
	old := warehouse.TimestampOf(loadtest.Noon.AddDate(0, 0, -500))
	rejects := []warehouse.Reject{{
		ProjectID:   "p",
		Environment: loadtest.Live,
		RejectID:    "r-1",
		FirstSeenAt: old,
		LastSeenAt:  old,
		RunID:       "run-1",
	}}
	p := begin(t, d, "run-1", "p")
	if err := publishOnly(t, p, &load.Window{ID: 1, Feed: feed, Rejects: rejects}); err != nil {
		t.Fatal(err)
	}
	second := open(t, Options{URL: fixed(database)})
	stored := func() int { return len(subject{database, "polyai"}.Dump(t).Rejects) }
	d.Step = func(name string) {
		if name == "commit: publish" {
			finish(t, second, "run-2", 1, "q")
			if n := stored(); n != 1 {
				t.Errorf("%d rejects are stored after an expiry during a publication, want 1", n)
			}
		}
	}
	if err := publishOnly(t, p, &load.Window{ID: 2, Feed: feed, Rejects: rejects}); err != nil {
		t.Fatal(err)
	}
	finish(t, second, "run-3", 2, "q")
	if n := stored(); n != 0 {
		t.Errorf("%d rejects are stored, want 0: they have expired", n)
	}
}

func TestDeclare_DuringRun(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	later := func() *Database {
		other := withoutWaiting(t, d)
		other.declared = slices.Clone(other.declared)
		for i := range other.declared {
			other.declared[i].Doc += " Later."
		}
		return other
	}
	whole := begin(t, d, "run-1")
	var locked *load.LockedError
	if err := later().Prepare(t.Context()); !errors.As(err, &locked) || locked.Owner.RunID != "run-1" {
		t.Errorf("during a run over everything: %v", err)
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	w := begin(t, d, "run-2", "p")
	if err := stageIn(t, w, "p", "c-1"); err != nil {
		t.Fatal(err)
	}
	if err := later().Prepare(t.Context()); err != nil {
		t.Errorf("during a run of a project: %v", err)
	}
	if err := stageIn(t, w, "p", "c-2"); err != nil {
		t.Error(err)
	}
	if n := len(subject{database, "polyai"}.Dump(t).Conversations); n != 2 {
		t.Errorf("%d conversations are stored, want 2", n)
	}
}

// The begin of a writer costs as many round trips for 300 projects as for one.
func TestBegin_RoundTrips(t *testing.T) {
	t.Parallel()
	_, database := prepared(t)
	host := hostOf(t, database)
	var asked atomic.Int64
	counted := through(t, database, func(client net.Conn) { countMessages(client, host, &asked) })
	var projects []string
	for i := range 300 {
		projects = append(projects, fmt.Sprintf("p-%03d", i))
	}
	var costs []int64
	for i, ids := range [][]string{projects[:1], projects, projects} {
		d := open(t, Options{URL: fixed(counted)})
		before := asked.Load()
		w := begin(t, d, fmt.Sprintf("run-%d", i), ids...)
		costs = append(costs, asked.Load()-before)
		if err := w.Finish(t.Context(), runRow(load.Owner{RunID: fmt.Sprintf("run-%d", i)})); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if costs[1] != costs[0] || costs[2] != costs[0] {
		t.Errorf("the messages that need a response are %v, for 1, 300 and 300 projects", costs)
	}
}

// countMessages forwards everything, and counts the messages that the server
// responds to.
func countMessages(client net.Conn, host string, asked *atomic.Int64) {
	server, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer server.Close()
	raw, err := readStartup(client)
	if err != nil {
		return
	}
	server.Write(raw)
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		for {
			m, err := readMessage(server)
			if err != nil {
				return
			}
			client.Write(m.raw)
		}
	})
	for {
		m, err := readMessage(client)
		if err != nil {
			break
		}
		if strings.ContainsRune("QS", rune(m.kind)) {
			asked.Add(1)
		}
		server.Write(m.raw)
	}
	server.Close()
	back.Wait()
}

// A writer waits for each of its projects, in the order of their locks.
func TestBegin_WaitsForEach(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	ids := []string{"a", "b", "c", "d"}
	slices.SortFunc(ids, func(a, b string) int { // as they are taken
		return cmpKeys(d.keyOfLock(projectLock+a), d.keyOfLock(projectLock+b))
	})
	first, third := begin(t, d, "run-1", ids[0]), begin(t, d, "run-2", ids[2])
	var locked *load.LockedError
	if _, err := withoutWaiting(t, d).Begin(t.Context(), load.Owner{RunID: "run-3"}, ids...); !errors.As(err, &locked) || locked.Project != ids[0] || locked.Owner.RunID != "run-1" {
		t.Errorf("while two projects are locked: %v", err)
	}
	watcher := connect(t, database)
	result := untilItWaits(t, watcher, func() error {
		w, err := d.Begin(t.Context(), load.Owner{RunID: "run-4"}, ids...)
		if err == nil {
			err = w.Close()
		}
		return err
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := withoutWaiting(t, d).Begin(t.Context(), load.Owner{RunID: "run-5"}, ids[2]); !errors.As(err, &locked) || locked.Owner.RunID != "run-2" {
		t.Errorf("while the other project is locked: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
	await(t, watcher, lockIsFree)
}

func cmpKeys(a, b int64) int {
	if a < b {
		return -1
	}
	return 1
}

func TestStage_OtherProject(t *testing.T) {
	t.Parallel()
	d, database := prepared(t)
	w := begin(t, d, "run-1", "p")
	if err := stageIn(t, w, "q", "c-1"); err == nil {
		t.Error("a conversation of a project that is not locked was staged")
	}
	if err := w.Register(t.Context(), []load.Project{loadtest.Project("q")}); err == nil {
		t.Error("a project that is not locked was registered")
	}
	if s := (subject{database, "polyai"}).Dump(t); len(s.Conversations)+len(s.Projects) != 0 {
		t.Errorf("stored are %+v", s)
	}
}

func TestRunningOn_SeveralRuns(t *testing.T) {
	t.Parallel()
	one, other := &server{"1", "00000001"}, &server{"1", "00000002"}
	var r runningOn
	same := *one
	r.add(one)
	r.add(&same)
	r.remove(&same)
	if err := r.check(*other); !errors.Is(err, errOtherServer) {
		t.Errorf("while one of two runs continues: %v", err)
	}
	r.remove(one)
	if err := r.check(*other); err != nil {
		t.Errorf("after the runs: %v", err)
	}
}
