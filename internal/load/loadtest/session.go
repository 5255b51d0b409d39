package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// session is a run over a subject with the same calls as in the pipeline: stage,
// publish, finish.
type session struct {
	testing.TB
	subject Subject
	dest    load.Destination
	writer  load.Writer
	owner   load.Owner
	now     warehouse.Timestamp // local clock; an hour later with each window
	ahead   warehouse.Timestamp // how far the local clock is ahead of server time
	last    load.WindowID
	closed  bool

	// Properties of the staged batches.
	liveSince warehouse.Timestamp
	rewrite   bool
	rules     func(*warehouse.Rows) *warehouse.Rows
	staged    map[load.WindowID][]*warehouse.Rows
}

// live returns the live feed of a project.
func live(project string) load.Feed { return load.Feed{ProjectID: project, Environment: Live} }

// ownerOf returns a made-up owner of a run. A higher number started later.
func ownerOf(run int) load.Owner {
	return load.Owner{
		RunID:     fmt.Sprintf("run-%04d", run),
		Actor:     "ada",
		Host:      "host.example.com",
		Version:   "1.2.3-example",
		Kind:      "incremental",
		ProcessID: 4242,
		Started:   warehouse.TimestampOf(Noon.AddDate(0, 1, run)),
	}
}

// open opens the subject and prepares it.
func open(t testing.TB, s Subject) load.Destination {
	t.Helper()
	dest := s.Open(t, nil)
	if err := dest.Prepare(t.Context()); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return dest
}

// begin starts the run of that number, as the writer of the projects, and
// registers them. Without projects it is the writer of the whole destination.
func begin(t testing.TB, s Subject, run int, projects ...string) *session {
	t.Helper()
	return beginIn(t, s, open(t, s), run, projects...)
}

func beginIn(t testing.TB, s Subject, dest load.Destination, run int, projects ...string) *session {
	t.Helper()
	owner := ownerOf(run)
	writer, err := dest.Begin(t.Context(), owner, projects...)
	if err != nil {
		t.Fatalf("Begin: %v", err)
	}
	b := &session{
		TB:      t,
		subject: s,
		dest:    dest,
		writer:  writer,
		owner:   owner,
		now:     owner.Started,
		staged:  map[load.WindowID][]*warehouse.Rows{},
	}
	t.Cleanup(b.close)
	registered := make([]load.Project, len(projects))
	for i, p := range projects {
		registered[i] = Project(p)
	}
	if err := writer.Register(t.Context(), registered); err != nil {
		t.Fatalf("Register: %v", err)
	}
	return b
}

// next returns a new window of the feed without coverage.
func (b *session) next(feed load.Feed) *load.Window {
	b.last++
	b.now += warehouse.Timestamp(time.Hour.Microseconds())
	return &load.Window{ID: b.last, Feed: feed, RunID: b.owner.RunID, At: b.now}
}

// stage stages copies of the rows as one batch.
func (b *session) stage(st *load.Window, rows ...*warehouse.Rows) {
	b.Helper()
	b.stageMoved(st, nil, rows...)
}

// stageMoved stages conversations that moved away from these places.
func (b *session) stageMoved(st *load.Window, moved map[string]load.Place, rows ...*warehouse.Rows) {
	b.Helper()
	staged := batch(st, rows)
	staged.LiveSince, staged.Rewrite, staged.Moved, staged.Rules = b.liveSince, b.rewrite, moved, b.rules
	if err := b.writer.Stage(b.Context(), staged); err != nil {
		b.Fatalf("Stage: %v", err)
	}
	b.staged[st.ID] = append(b.staged[st.ID], rows...)
}

func batch(st *load.Window, rows []*warehouse.Rows) *load.Batch {
	copies := make([]*warehouse.Rows, len(rows))
	for i := range rows {
		copies[i] = Clone(rows[i])
	}
	return &load.Batch{Window: st.ID, Feed: st.Feed, Rows: copies}
}

// publish publishes a window. Conversations that were staged with an earlier start
// than the stored one count as moved: they are staged again as such, and counted
// once.
func (b *session) publish(st *load.Window) load.Counts {
	b.Helper()
	counts, err := b.writer.Publish(b.Context(), st)
	var earlier *load.EarlierStartsError
	again := 0
	if errors.As(err, &earlier) {
		again = b.move(st, earlier.Earlier)
		counts, err = b.writer.Publish(b.Context(), st)
	}
	if err != nil {
		b.Fatalf("Publish: %v", err)
	}
	counts.Unchanged -= int64(again)
	return counts
}

// move stages the rows of earlier starts again, as moved.
func (b *session) move(st *load.Window, earlier []load.OtherStart) (n int) {
	b.Helper()
	moved := map[string]load.Place{}
	st.Judged = map[string]warehouse.Timestamp{}
	var rows []*warehouse.Rows
	for _, o := range earlier {
		moved[o.ID], st.Judged[o.ID] = load.Place{Environment: st.Feed.Environment, StartedAt: o.Stored}, o.Stored
		for _, r := range b.staged[st.ID] {
			if c := &r.Conversation; c.ConversationID == o.ID && c.StartedAt == o.Answered {
				rows = append(rows, r)
			}
		}
	}
	b.stageMoved(st, moved, rows...)
	return len(rows)
}

// load stages and publishes a window of the rows' feed.
func (b *session) load(rows ...*warehouse.Rows) load.Counts {
	b.Helper()
	c := &rows[0].Conversation
	st := b.next(load.Feed{ProjectID: c.ProjectID, Environment: c.Environment})
	b.stage(st, rows...)
	return b.publish(st)
}

// end finishes the run as succeeded.
func (b *session) end() {
	b.Helper()
	row := b.row()
	if err := b.writer.Finish(b.Context(), &row); err != nil {
		b.Fatalf("Finish: %v", err)
	}
	b.close()
}

// row returns the run's row, as the pipeline makes it.
func (b *session) row() warehouse.SyncRun {
	o := &b.owner
	return warehouse.SyncRun{
		RunID:         o.RunID,
		Actor:         warehouse.Text(o.Actor),
		Host:          warehouse.Text(o.Host),
		Version:       warehouse.Text(o.Version),
		Kind:          "incremental",
		Status:        warehouse.RunSucceeded,
		StartedAt:     o.Started,
		FinishedAt:    warehouse.Some(b.now),
		WaitedSeconds: warehouse.Some(0.0),
		SourceAt:      warehouse.Some(b.now - b.ahead),
	}
}

// close releases the lock and the destination. A second call does nothing.
func (b *session) close() {
	if b.closed {
		return
	}
	b.closed = true
	if err := errors.Join(b.writer.Close(), b.dest.Close()); err != nil {
		b.Errorf("Close: %v", err)
	}
}

// state returns the state of the feed.
func (b *session) state(feed load.Feed) load.FeedState {
	b.Helper()
	states, err := b.dest.State(context.WithoutCancel(b.Context()), []load.Feed{feed})
	if err != nil {
		b.Fatalf("State: %v", err)
	}
	return states[feed]
}

// dump returns what is stored, read by the subject, and checks the changes.
func dump(t testing.TB, s Subject) *Dump {
	t.Helper()
	d := s.Dump(t)
	for i, c := range d.Changes {
		if i > 0 && c.Sequence <= d.Changes[i-1].Sequence {
			t.Errorf("changes: sequence %d follows %d", c.Sequence, d.Changes[i-1].Sequence)
		}
	}
	for key, r := range d.Conversations {
		if c := &r.Conversation; key != [2]string{c.ProjectID, c.ConversationID} {
			t.Errorf("conversation %q is stored under the key %q", c.ConversationID, key)
		}
	}
	return d
}

// stored compares a stored conversation with want, except for the columns that the
// loader sets, and returns it.
func (d *Dump) stored(t testing.TB, want *warehouse.Rows) *warehouse.Rows {
	t.Helper()
	c := &want.Conversation
	got := d.Conversations[[2]string{c.ProjectID, c.ConversationID}]
	if diff := Diff(want, got, LoaderSet...); diff != "" {
		t.Fatalf("conversation %.80q: %s", c.ConversationID, diff)
	}
	return got
}

// count checks how many conversations are stored.
func (d *Dump) count(t testing.TB, want int) {
	t.Helper()
	if len(d.Conversations) != want {
		t.Errorf("%d conversations are stored, want %d", len(d.Conversations), want)
	}
}

// upserts counts the writes of a conversation of project p.
func (d *Dump) upserts(id string) int { return d.changes(id, warehouse.OperationUpsert) }

// changes counts the changes of a conversation of project p with an operation.
func (d *Dump) changes(id, operation string) (n int) {
	for _, c := range d.Changes {
		if c.ProjectID == "p" && c.ConversationID == id && c.Operation == operation {
			n++
		}
	}
	return n
}

// sameContent checks that conversations and changes are the same in two dumps,
// including the columns that the loader sets.
func sameContent(t testing.TB, before, after *Dump) {
	t.Helper()
	if !slices.Equal(before.Changes, after.Changes) {
		t.Errorf("changes grew from %d to %d though nothing changed", len(before.Changes), len(after.Changes))
	}
	after.count(t, len(before.Conversations))
	for key, want := range before.Conversations {
		if diff := Diff(want, after.Conversations[key]); diff != "" {
			t.Errorf("conversation %.80q: %s", key[1], diff)
		}
	}
}

// counted checks the counts of conversations.
func counted(t testing.TB, got load.Counts, inserted, updated, unchanged int64) {
	t.Helper()
	if got.Inserted != inserted || got.Updated != updated || got.Unchanged != unchanged {
		t.Errorf("counted %d inserted, %d updated, %d unchanged; want %d, %d, %d",
			got.Inserted, got.Updated, got.Unchanged, inserted, updated, unchanged)
	}
}
