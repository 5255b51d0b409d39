package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// fake is a destination in memory that checks that its caller follows the contract,
// and fails as configured.
type fake struct {
	mu            sync.Mutex
	conversations map[string]string // id to lifecycle
	starts        map[string]warehouse.Timestamp
	staged        map[load.WindowID]int
	published     map[load.WindowID]bool
	coverage      []load.Range
	watermark     warehouse.Timestamp
	watermarkAt   warehouse.Timestamp
	runs          []warehouse.SyncRun
	abandoned     int
	// abandonCounts is returned by Abandon, like by a database.
	abandonCounts load.Counts
	closed        bool
	broken        []string // violations of the contract
	missing       map[string]bool
	projects      map[string]warehouse.Project // stored before
	registered    []load.Project
	refusedName   string           // an id that cannot be stored
	uncovered     []load.Uncovered // found by Recover
	hiddenDays    []warehouse.Timestamp
	visibleAgain  load.VisibleAgain // returned by the next Publish
	rejects       []warehouse.Reject
	holes         []warehouse.Hole
	owner         load.Owner
	batches       []*load.Batch
	windows       []*load.Window
	mended        []load.Mending

	refused map[string]string // reasons to refuse conversations, by id

	failStage, failPublish error
	onPublish              func()
}

func newFake() *fake {
	return &fake{
		conversations: map[string]string{}, starts: map[string]warehouse.Timestamp{},
		staged: map[load.WindowID]int{}, published: map[load.WindowID]bool{},
		missing: map[string]bool{},
	}
}

func (f *fake) Check(context.Context) error   { return nil }
func (f *fake) Prepare(context.Context) error { return nil }
func (f *fake) Close() error                  { return nil }

func (f *fake) Projects(context.Context) ([]warehouse.Project, error) {
	return slices.Collect(maps.Values(f.projects)), nil
}

func (f *fake) State(_ context.Context, feeds []load.Feed) (map[load.Feed]load.FeedState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := load.FeedState{Coverage: f.coverage, Watermark: f.watermark, WatermarkAt: f.watermarkAt, Holes: f.holes}
	for id, lifecycle := range f.conversations {
		if lifecycle == warehouse.LifecycleOpen {
			state.Open = append(state.Open, load.OpenConversation{ID: id, StartedAt: f.starts[id]})
		}
	}
	states := map[load.Feed]load.FeedState{}
	for _, feed := range feeds {
		states[feed] = state
	}
	return states, nil
}

func (f *fake) Summary(context.Context, []load.Feed) (map[load.Feed]load.FeedSummary, error) {
	return nil, nil
}
func (f *fake) Daily(context.Context, []load.Feed, warehouse.Timestamp, warehouse.Timestamp) ([]load.Day, error) {
	return nil, nil
}
func (f *fake) Runs(context.Context, int) ([]warehouse.SyncRun, error) { return f.runs, nil }
func (f *fake) Keys(_ context.Context, _ load.Feed, from, until warehouse.Timestamp) (keys []load.Key, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, start := range f.starts {
		if from <= start && start < until {
			keys = append(keys, load.Key{ID: id, StartedAt: start, Missing: f.missing[id]})
		}
	}
	return keys, nil
}

func (f *fake) HiddenDays(_ context.Context, _ load.Feed, parts load.Parts) (days []warehouse.Timestamp, err error) {
	if parts.Transcripts {
		days = append(days, f.hiddenDays...)
	}
	return days, nil
}

func (f *fake) Read(context.Context, load.Feed, warehouse.Timestamp, warehouse.Timestamp, func(*warehouse.Rows) error) error {
	return nil
}

func (f *fake) Audit(context.Context, string, warehouse.Timestamp, warehouse.Timestamp, func(load.Fault) error) error {
	return nil
}

func (f *fake) Erased(context.Context, string, []string) ([]string, error) { return nil, nil }

func (f *fake) RejectKeys(ctx context.Context, feed load.Feed) ([]load.RejectKey, error) {
	return keysOfRejects(ctx, f, feed)
}

// keysOfRejects returns the keys of rejects.
func keysOfRejects(ctx context.Context, d load.Destination, feed load.Feed) (keys []load.RejectKey, err error) {
	err = d.Rejects(ctx, feed, func(r *warehouse.Reject) error {
		keys = append(keys, load.RejectKey{
			RejectID: r.RejectID, ConversationID: string(r.ConversationID), StartedAt: r.StartedAt, Missing: r.MissingSince.Valid,
		})
		return nil
	})
	return keys, err
}

func (f *fake) Rejects(_ context.Context, _ load.Feed, yield func(*warehouse.Reject) error) error {
	f.mu.Lock()
	rejects := slices.Clone(f.rejects)
	f.mu.Unlock()
	for _, r := range rejects {
		if err := yield(&r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Begin(_ context.Context, owner load.Owner, projects ...string) (load.Writer, error) {
	f.owner = owner
	clear(f.staged) // each run numbers its windows from 1
	clear(f.published)
	return &fakeWriter{f}, nil
}

type fakeWriter struct{ *fake }

// CheckProjects implements [load.ProjectChecker].
func (f *fake) CheckProjects(_ context.Context, projects []load.Project) (refused []*load.ProjectNameError, err error) {
	for i := range projects {
		if id := projects[i].ProjectID; id == f.refusedName {
			refused = append(refused, &load.ProjectNameError{ProjectID: id})
		}
	}
	return refused, nil
}

// Recover implements [load.Recoverer].
func (w *fakeWriter) Recover(context.Context, string, warehouse.Timestamp) ([]load.Uncovered, error) {
	return w.uncovered, nil
}

// Register refuses all projects if it refuses one, as the contract requires.
func (w *fakeWriter) Register(_ context.Context, projects []load.Project) error {
	for i := range projects {
		if id := projects[i].ProjectID; id == w.refusedName {
			return &load.ProjectNameError{ProjectID: id, What: id + " cannot be stored", Hint: "rename it"}
		}
		if stored, ok := w.projects[projects[i].ProjectID]; ok {
			if err := load.Mixed(&stored, &projects[i].Project); err != nil {
				return err
			}
		}
	}
	w.registered = projects
	return nil
}

func (w *fakeWriter) Mend(_ context.Context, m *load.Mending) (load.Counts, error) {
	w.mended = append(w.mended, *m)
	return load.Counts{Rows: map[string]int64{"turns": 1}}, nil
}

func (w *fakeWriter) Stage(_ context.Context, b *load.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failStage != nil {
		return w.failStage
	}
	if w.published[b.Window] {
		w.broken = append(w.broken, fmt.Sprintf("window %d was staged after it was published", b.Window))
	}
	w.batches = append(w.batches, b)
	for _, r := range b.Rows {
		if reason := w.refused[r.Conversation.ConversationID]; reason != "" {
			b.Refuse(r, reason)
			continue
		}
		w.staged[b.Window]++
		w.conversations[r.Conversation.ConversationID] = r.Conversation.Lifecycle
		w.starts[r.Conversation.ConversationID] = r.Conversation.StartedAt
	}
	return nil
}

func (w *fakeWriter) Publish(_ context.Context, s *load.Window) (load.Counts, error) {
	if w.onPublish != nil {
		w.onPublish()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failPublish != nil {
		return load.Counts{}, w.failPublish
	}
	w.published[s.ID] = true
	w.windows = append(w.windows, s)
	if s.Coverage != nil {
		w.coverage = s.Coverage
	}
	if s.Watermark > w.watermark || s.CorrectWatermark && s.Watermark != w.watermark {
		w.watermark, w.watermarkAt = s.Watermark, s.At
	}
	for _, k := range s.Missing {
		w.missing[k.ID] = true
	}
	if s.Holes != nil {
		w.holes = s.Holes
	}
	w.rejects = slices.DeleteFunc(slices.Clone(w.rejects), func(r warehouse.Reject) bool { return slices.Contains(s.Resolved, r.RejectID) })
	for i := range w.rejects {
		if slices.Contains(s.MissingRejects, w.rejects[i].RejectID) {
			w.rejects[i].MissingSince = warehouse.Some(s.At)
		}
	}
	newRejects := int64(0)
	for _, r := range s.Rejects {
		if !slices.ContainsFunc(w.rejects, func(known warehouse.Reject) bool { return known.RejectID == r.RejectID }) {
			w.rejects = append(w.rejects, r)
			newRejects++
		}
	}
	visibleAgain := w.visibleAgain
	w.visibleAgain = load.VisibleAgain{}
	return load.Counts{
		Inserted: int64(w.staged[s.ID]), NewRejects: newRejects, Missing: int64(len(s.Missing)), VisibleAgain: visibleAgain,
	}, nil
}

func (w *fakeWriter) Abandon(context.Context, load.WindowID) (load.Counts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abandoned++
	return w.abandonCounts, nil
}

func (w *fakeWriter) Finish(_ context.Context, run *warehouse.SyncRun) error {
	w.runs = append(w.runs, *run)
	return nil
}

func (w *fakeWriter) Close() error {
	w.closed = true
	return nil
}

var errDestination = errors.New("the destination is out of order")
