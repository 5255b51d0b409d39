package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/load/memory"
	"convsync/internal/warehouse"
)

// fake is the memory destination that checks that its caller follows the contract,
// records the calls, and fails as configured.
type fake struct {
	*memory.Destination
	mu         sync.Mutex
	published  map[load.WindowID]bool
	abandoned  int
	closed     bool
	broken     []string // violations of the contract
	registered []load.Project
	owner      load.Owner
	batches    []*load.Batch
	windows    []*load.Window
	mended     []load.Mending

	refusedName   string                // an id that cannot be stored
	refused       map[string]string     // reasons to refuse conversations, by id
	uncovered     []load.Uncovered      // found by Recover
	hiddenDays    []warehouse.Timestamp // in addition to those of the memory
	visibleAgain  load.VisibleAgain     // returned by the next Publish
	abandonCounts load.Counts           // returned by Abandon, like by a database

	failStage, failPublish error
	onPublish              func()
}

func newFake() *fake { return &fake{Destination: memory.New()} }

// conversations returns the lifecycles of the stored conversations, by id.
func (f *fake) conversations() map[string]string {
	stored := map[string]string{}
	for id, rows := range f.Snapshot().Conversations {
		stored[id[1]] = rows.Conversation.Lifecycle
	}
	return stored
}

// starts returns the starts of the stored conversations, by id.
func (f *fake) starts() map[string]warehouse.Timestamp {
	stored := map[string]warehouse.Timestamp{}
	for id, rows := range f.Snapshot().Conversations {
		stored[id[1]] = rows.Conversation.StartedAt
	}
	return stored
}

// missing returns the ids of the conversations that are stored as missing, or that
// a run marked or deleted.
func (f *fake) missing() map[string]bool {
	ids := map[string]bool{}
	for id, rows := range f.Snapshot().Conversations {
		if rows.Conversation.MissingSince.Valid {
			ids[id[1]] = true
		}
	}
	for _, w := range f.windows {
		for _, k := range w.Missing {
			ids[k.ID] = true
		}
	}
	return ids
}

// coverage returns the stored coverage of all feeds.
func (f *fake) coverage() (ranges []load.Range) {
	for _, c := range f.Snapshot().Coverage {
		ranges = append(ranges, load.Range{From: c.From, Until: c.Until, ReadAt: c.ReadAt, Shape: c.Shape})
	}
	return ranges
}

// watermark returns the stored watermark of the only feed; 0: none.
func (f *fake) watermark() warehouse.Timestamp {
	for _, w := range f.Snapshot().Watermarks {
		return w.Watermark
	}
	return 0
}

func (f *fake) runs() []warehouse.SyncRun   { return f.Snapshot().Runs }
func (f *fake) rejects() []warehouse.Reject { return f.Snapshot().Rejects }
func (f *fake) holes() []warehouse.Hole     { return f.Snapshot().Holes }

// reject stores rejects of the only feed.
func (f *fake) reject(rejects ...warehouse.Reject) {
	f.Edit(func(d *memory.Data) {
		for _, r := range rejects {
			r.ProjectID, r.Environment = "acme-team-4", "live"
			r.LastSeenAt = cmp.Or(r.LastSeenAt, warehouse.TimestampOf(begin))
			d.Rejects = append(d.Rejects, r)
		}
	})
}

// covered replaces the coverage of the only feed, and its watermark, which moved at
// a time.
func (f *fake) covered(r load.Range, at warehouse.Timestamp) {
	f.Edit(func(d *memory.Data) {
		d.Coverage = []warehouse.CoverageRange{{
			ProjectID:   "acme-team-4",
			Environment: "live",
			From:        r.From,
			Until:       r.Until,
			ReadAt:      r.ReadAt,
			Shape:       r.Shape,
		}}
		d.Watermarks = []warehouse.Watermark{{ProjectID: "acme-team-4", Environment: "live", Watermark: r.Until, UpdatedAt: at}}
	})
}

// change changes stored conversations, by their ids; none: all of them.
func (f *fake) change(change func(*warehouse.Conversation), ids ...string) {
	f.Edit(func(d *memory.Data) {
		for id, rows := range d.Conversations {
			if len(ids) == 0 || slices.Contains(ids, id[1]) {
				change(&rows.Conversation)
			}
		}
	})
}

func (f *fake) HiddenDays(ctx context.Context, feed load.Feed, parts load.Parts) ([]warehouse.Timestamp, error) {
	days, err := f.Destination.HiddenDays(ctx, feed, parts)
	if parts.Transcripts {
		days = append(days, f.hiddenDays...)
	}
	return days, err
}

func (f *fake) Begin(ctx context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	w, err := f.Destination.Begin(ctx, owner, projects...)
	f.owner = owner
	f.published = map[load.WindowID]bool{} // each run numbers its windows from 1
	return &fakeWriter{w, f}, err
}

// CheckProjects implements [load.ProjectChecker].
func (f *fake) CheckProjects(_ context.Context, projects []load.Project) (refused []*load.ProjectNameError, err error) {
	for i := range projects {
		if id := projects[i].ProjectID; id == f.refusedName {
			refused = append(refused, &load.ProjectNameError{ProjectID: id})
		}
	}
	return refused, nil
}

type fakeWriter struct {
	load.Writer
	*fake
}

// Recover implements [load.Recoverer].
func (w *fakeWriter) Recover(context.Context, string, warehouse.Timestamp) ([]load.Uncovered, error) {
	return w.uncovered, nil
}

// Register refuses all projects if it refuses one, as the contract requires.
func (w *fakeWriter) Register(ctx context.Context, projects []load.Project) error {
	for i := range projects {
		if id := projects[i].ProjectID; id == w.refusedName {
			return &load.ProjectNameError{ProjectID: id, What: id + " cannot be stored", Hint: "rename it"}
		}
	}
	if err := w.Writer.Register(ctx, projects); err != nil {
		return err
	}
	w.registered = projects
	return nil
}

func (w *fakeWriter) Mend(ctx context.Context, m *load.Mending) (load.Counts, error) {
	w.mended = append(w.mended, *m)
	_, err := w.Writer.Mend(ctx, m)
	return load.Counts{Rows: map[string]int64{"turns": 1}}, err
}

func (w *fakeWriter) Stage(ctx context.Context, b *load.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failStage != nil {
		return w.failStage
	}
	if w.published[b.Window] {
		w.broken = append(w.broken, fmt.Sprintf("window %d was staged after it was published", b.Window))
	}
	w.batches = append(w.batches, b)
	accepted := *b
	accepted.Rows = nil
	for _, r := range b.Rows {
		if reason := w.refused[r.Conversation.ConversationID]; reason != "" {
			b.Refuse(r, reason)
			continue
		}
		accepted.Rows = append(accepted.Rows, r)
	}
	return w.Writer.Stage(ctx, &accepted)
}

func (w *fakeWriter) Publish(ctx context.Context, s *load.Window) (load.Counts, error) {
	if w.onPublish != nil {
		w.onPublish()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failPublish != nil {
		return load.Counts{}, w.failPublish
	}
	counts, err := w.Writer.Publish(ctx, s)
	if err != nil {
		return counts, err
	}
	w.published[s.ID] = true
	w.windows = append(w.windows, s)
	counts.VisibleAgain.Transcripts += w.visibleAgain.Transcripts
	counts.VisibleAgain.Metrics += w.visibleAgain.Metrics
	w.visibleAgain = load.VisibleAgain{}
	return counts, nil
}

func (w *fakeWriter) Abandon(ctx context.Context, window load.WindowID) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned++
	_, err := w.Writer.Abandon(ctx, window)
	return w.abandonCounts, err
}

func (w *fakeWriter) Close() error {
	w.closed = true
	return w.Writer.Close()
}

var errDestination = errors.New("the destination is out of order")
