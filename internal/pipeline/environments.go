package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"

	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/warehouse"
)

// byProject groups the feeds of the run by project, in the order of the
// configuration.
func (r *run) byProject(states map[load.Feed]load.FeedState) (projects [][]*feedRun) {
	at := map[string]int{}
	for i := range r.Feeds {
		f := r.newFeedRun(&r.Feeds[i], states[r.Feeds[i].Feed])
		n, known := at[f.feed.ProjectID]
		if !known {
			n = len(projects)
			at[f.feed.ProjectID] = n
			projects = append(projects, nil)
		}
		projects[n] = append(projects[n], f)
	}
	for _, feeds := range projects {
		for i, f := range feeds {
			f.siblings = slices.Concat(feeds[:i], feeds[i+1:])
		}
	}
	return projects
}

// readProject reads the environments of a project concurrently. Missing
// conversations are determined after all of them were read: a conversation may
// have moved to another environment.
func readProject(ctx context.Context, feeds []*feedRun, stop context.CancelCauseFunc) error {
	errs := make([]error, len(feeds))
	var reading sync.WaitGroup
	for i, f := range feeds {
		reading.Go(func() {
			errs[i] = f.guarded(ctx, f.read)
			if errs[i] != nil && !sourceError(ctx, errs[i]) {
				stop(errs[i])
			}
		})
	}
	reading.Wait()
	for i, f := range feeds {
		if errs[i] == nil {
			errs[i] = f.guarded(ctx, f.publishMissing)
		}
	}
	for i, f := range feeds {
		errs[i] = f.account(ctx, errs[i])
	}
	return errors.Join(errs...)
}

// lookElsewhere searches the other environments of the project for conversations
// that this one no longer lists, and for those confirmed to be missing. A
// conversation that is listed in another environment moves there. It remains
// unchanged if that environment cannot be read.
func (f *feedRun) lookElsewhere(ctx context.Context, confirmed []load.Key) error {
	if len(f.siblings) == 0 {
		return nil
	}
	keys := append(f.tracker.unlisted(), confirmed...)
	elsewhere := map[load.Key]bool{}
	for _, k := range keys {
		elsewhere[k] = true
	}
	for _, other := range f.siblings {
		if len(keys) == 0 {
			break
		}
		var err error
		if keys, err = f.moveTo(ctx, other, keys); err != nil {
			return err
		}
	}
	for _, k := range keys {
		delete(elsewhere, k)
	}
	f.tracker.mu.Lock()
	defer f.tracker.mu.Unlock()
	f.tracker.elsewhere = elsewhere
	return nil
}

// moveTo moves the conversations that another environment lists to it, and returns
// the keys of those that it does not list.
func (f *feedRun) moveTo(ctx context.Context, other *feedRun, keys []load.Key) (left []load.Key, err error) {
	known := func(k load.Key) bool {
		_, listed := other.tracker.latest(k.ID)
		return listed || other.remembers() && other.hasRead(k.StartedAt) && !other.tracker.mayList(k)
	}
	asked, err := other.ask(ctx, slices.DeleteFunc(slices.Clone(keys), known))
	if sourceError(ctx, err) {
		f.log.Warn("conversations are no longer listed, and may be in another environment, which cannot be read; they were not marked as missing",
			"conversations", len(keys), "other", other.feed.Environment, "error", err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	moved := map[string]load.Place{}
	var spans []extract.Span
	for _, k := range keys {
		start, listed := other.tracker.latest(k.ID)
		if starts := asked.starts[k.ID]; !listed && len(starts) > 0 {
			start, listed = slices.Max(starts), true
		}
		switch {
		case listed && start != anyStart:
			moved[k.ID] = load.Place{Environment: f.feed.Environment, StartedAt: k.StartedAt}
			spans = append(spans, wholeSecond(start))
		case !listed && (known(k) || asked.failedAt(k.StartedAt) == nil && !asked.nameless[k.StartedAt]):
			left = append(left, k)
		}
	}
	return left, other.takeOver(ctx, moved, spans)
}

// hasRead reports whether the run read the second of a start completely.
func (f *feedRun) hasRead(start warehouse.Timestamp) bool {
	at := secondOf(start)
	return slices.ContainsFunc(f.wereRead, func(s extract.Span) bool { return s.From <= at && at < s.Until })
}

// takeOver loads conversations that are stored under another environment that no
// longer lists them.
func (f *feedRun) takeOver(ctx context.Context, moved map[string]load.Place, spans []extract.Span) error {
	if len(moved) == 0 {
		return nil
	}
	st := f.newWindow(extract.Span{})
	st.moved = moved
	if err := f.readWindow(ctx, f.feed.Reader, st, extract.Without(extract.Together(spans), f.holeSpans()), nil); err != nil {
		f.abandon(ctx, st)
		return err
	}
	f.log.Info("conversations moved here from another environment", "conversations", len(moved))
	return f.publish(ctx, st)
}
