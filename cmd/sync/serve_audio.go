package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"convsync/internal/config"
	"convsync/internal/panics"
	"convsync/internal/recordings"
	"convsync/internal/serve"
)

// audioProgressEvery is the interval in which long work on recordings is logged.
const audioProgressEvery = 5 * time.Minute

// minPass is how long a pass lasts at least before another one replaces it. With
// webhooks, a project may be synced each second, and a pass needs time before its
// first request.
const minPass = time.Minute

// recorder works on the recordings next to the runs of `serve`, in passes: each
// covers the projects that were synced since the last one, newest conversations
// first. If a project is synced during a pass, a new pass replaces it after
// [minPass], so that the newest recordings never wait for a backlog.
type recorder struct {
	current atomic.Pointer[service] // with the configuration of the next pass

	mu     sync.Mutex
	due    map[string]bool // stored ids of projects
	wake   chan struct{}   // has an element if due is not empty
	stop   chan struct{}   // closed to end the pass in progress; nil: there is none
	began  time.Time       // of the pass
	passes int             // that have begun
	// isReplaced reports that another pass will replace the one in progress.
	isReplaced bool

	working sync.WaitGroup
	store   atomic.Pointer[storeAttempt] // the last one; nil: there was none
}

// storeAttempt is the result of an attempt to use the store.
type storeAttempt struct{ err error }

// lastStore implements the field Store of [serve.Recordings].
func (r *recorder) lastStore() (tried bool, err error) {
	if last := r.store.Load(); last != nil {
		return true, last.err
	}
	return false, nil
}

func newRecorder() *recorder { return &recorder{due: map[string]bool{}, wake: make(chan struct{}, 1)} }

// note makes a pass cover the projects, by their stored ids.
func (r *recorder) note(ids []string) {
	if len(ids) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.due[id] = true
	}
	if stop := r.stop; stop != nil && !r.isReplaced {
		r.isReplaced = true
		time.AfterFunc(time.Until(r.began.Add(minPass)), func() { r.interrupt(stop) })
	}
	r.wakeUp()
}

// interrupt ends a pass early, or that in progress if stop is nil.
func (r *recorder) interrupt(stop chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil && (stop == nil || stop == r.stop) {
		close(r.stop)
		r.stop = nil
	}
}

func (r *recorder) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// begin returns the projects of the next pass, and what ends it early. Each pass
// begins with another project: those that share the rate of a key take turns, and a
// pass may be replaced before the first one has had its turn.
func (r *recorder) begin() (ids []string, stop chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids = slices.Sorted(maps.Keys(r.due))
	if len(ids) > 0 {
		first := r.passes % len(ids)
		ids = slices.Concat(ids[first:], ids[:first])
	}
	clear(r.due)
	r.stop, r.began, r.isReplaced = make(chan struct{}), time.Now(), false
	r.passes++
	return ids, r.stop
}

// end ends a pass. One that was ended early is continued by the next one.
func (r *recorder) end(ids []string, stop chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop == stop {
		r.stop = nil
		return
	}
	for _, id := range ids {
		r.due[id] = true
	}
	r.wakeUp()
}

// work does passes until the process is asked to stop. The recordings that are in
// progress then end, unless the grace period ends first.
func (r *recorder) work(l *lifetime) {
	for {
		select {
		case <-l.starting.Done():
		case <-r.wake:
		}
		if l.starting.Err() != nil { // both may be ready
			return
		}
		ids, stop := r.begin()
		undo := context.AfterFunc(l.starting, func() { r.interrupt(stop) })
		r.current.Load().record(l.hard, ids, stop)
		undo()
		r.end(ids, stop)
	}
}

// wait waits for the end of the last pass, or of ctx.
func (r *recorder) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { r.working.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// record makes a service do the passes from now on, and begins with one over all
// of its projects. A pass of an earlier configuration ends.
func (l *lifetime) record(s *service) {
	if l.recorder.current.Swap(s) == nil {
		l.recorder.working.Go(func() { l.recorder.work(l) })
	}
	l.recorder.interrupt(nil)
	l.recorder.note(s.audioProjects(storedIDs(s.cfg.Projects)))
}

// audioProjects returns those of the projects with work on recordings, by their
// stored ids.
func (s *service) audioProjects(ids []string) (with []string) {
	for i := range s.cfg.Projects {
		p := &s.cfg.Projects[i]
		if slices.Contains(ids, p.StoredID) && hasAudio(s.cfg, p) {
			with = append(with, p.StoredID)
		}
	}
	return with
}

// recordings returns what the page shows of recordings.
func (s *service) recordings() serve.Recordings {
	return serve.Recordings{
		Projects: recordedProjects(s.cfg.Projects),
		Reader:   s.destination,
		Store:    s.lifetime.recorder.lastStore,
	}
}

// record does one pass over the recordings of projects, and logs its result.
func (s *service) record(ctx context.Context, ids []string, stop <-chan struct{}) {
	report, err := s.guardedRecord(ctx, ids, stop)
	defer s.latest().server.Refresh()
	if report != nil {
		t := report.Total()
		if t != (recordings.Counts{}) {
			s.log.Info("worked on recordings", "checked", t.Checked, "available", t.Available, "missing", t.Missing, "forbidden", t.Forbidden,
				"failed", t.Failed, "stored", t.Stored, "stored_bytes", t.StoredBytes, "removed", t.Removed, "requests", t.Requests)
		}
		if slices.ContainsFunc(report.Projects, func(p recordings.ProjectReport) bool { return p.Mode == recordings.Store }) {
			s.lifetime.recorder.store.Store(&storeAttempt{report.StoreErr})
		}
		err = errors.Join(err, audioIncomplete(report))
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("recordings are incomplete: they are tried again after the next run", "error", oneLine(err.Error()))
	}
}

func (s *service) guardedRecord(ctx context.Context, ids []string, stop <-chan struct{}) (report *recordings.Report, err error) {
	defer panics.Recover(&err)
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { // a reload may have removed a project
		return !slices.ContainsFunc(s.cfg.Projects, func(p config.Project) bool { return p.StoredID == id })
	})
	if len(known) == 0 {
		return nil, nil
	}
	projects, err := chooseProjects(s.cfg, known)
	if err != nil {
		return nil, err
	}
	audio, err := newAudio(ctx, s.app, s.cfg, projects, s.lifetime.shared)
	if err != nil {
		return nil, err
	}
	defer audio.close()
	audio.Stop = stop
	defer s.logProgress(audio.Progress)()
	return audio.do(ctx)
}

// logProgress logs the progress of work on recordings from time to time, until the
// returned function is called.
func (s *service) logProgress(p *recordings.Progress) (stop func()) {
	ticker, done := time.NewTicker(audioProgressEvery), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				if at := p.SoFar(now); at.Running {
					left := "unknown"
					if at.Left >= 0 {
						left = at.Left.Round(time.Second).String()
					}
					s.log.Info("working on recordings", "done", at.Done, "due", at.Due, "bytes", at.Bytes, "per_second", at.PerSecond, "left", left)
				}
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}
