package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/panics"
	"convsync/internal/pipeline"
	"convsync/internal/plural"
	"convsync/internal/schedule"
	"convsync/internal/verify"
	"convsync/internal/warehouse"
)

// run does the work of a schedule at one of its times, in one run or in several: see
// [service.divide]. Projects whose last run for the schedule has not ended are
// skipped.
func (s *service) run(ctx context.Context, planned *config.Schedule) error {
	if planned.Kind == config.KindReport {
		return s.writeReport(ctx, planned)
	}
	projects, err := chooseProjects(s.cfg, planned.Projects)
	if err != nil {
		return err
	}
	if planned.Kind == config.KindAudio { // it is no run: it waits for none, and none waits for it
		s.lifetime.recorder.note(s.audioProjects(storedIDs(projects)))
		return nil
	}
	ids := s.planned.begin(planned.Name, storedIDs(projects))
	if skipped := without(storedIDs(projects), ids); len(skipped) > 0 {
		s.log.Warn("skipped projects of a schedule: their last run is still in progress", "schedule", planned.Name, "projects", inBrief(skipped))
	}
	parts := s.divide(ctx, planned, ids)
	failed := make([]error, len(parts))
	var runs sync.WaitGroup
	for i, part := range parts {
		runs.Go(func() {
			defer s.planned.end(planned.Name, part.projects)
			failed[i] = s.runPart(ctx, planned, part)
		})
	}
	runs.Wait()
	return schedule.Logged(errors.Join(failed...))
}

// runPart waits for the turn of a run and executes it. It reports the result to the
// metrics, the notifier and the log. The log has each reason once.
func (s *service) runPart(ctx context.Context, planned *config.Schedule, part *queuedRun) error {
	defer part.leave()
	if err := s.waitFor(ctx, part); err != nil {
		s.log.Warn("a run was interrupted before it started: it was waiting for other runs", "schedule", planned.Name, "projects", inBrief(part.projects))
		return err
	}
	share := s.joinRun()
	defer share.leave()
	defer func() {
		s.latest().server.Refresh()
		s.lifetime.recorder.note(s.latest().audioProjects(part.projects))
	}()
	began, progress := time.Now(), &pipeline.Progress{}
	ended := s.metrics.Follow(progress)
	report, err := s.guarded(planned.Name, func() (*pipeline.Report, error) {
		return s.work(ctx, planned, part.projects, progress, share)
	})
	seen := report
	if seen == nil {
		seen = pipeline.Failed(planned.Kind, began, err)
	}
	ended(seen)
	s.lifetime.slow.note(report)
	s.latest().tell(ctx, planned, part.projects, report, err)
	s.logEnd(ctx, planned, part.projects, seen, err)
	if report != nil && err == nil {
		err = outcome(ctx, report, nil, s.cfg.Sync.FailOnDrift)
	}
	return err
}

// waitFor waits for the turn of a run. After the process was asked to stop, no run
// starts: it would be interrupted soon.
func (s *service) waitFor(ctx context.Context, part *queuedRun) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lifetime.starting, cancel)()
	return cmp.Or(part.wait(ctx), s.lifetime.starting.Err())
}

// guarded does the work of a run. A panic becomes an error of this run only.
func (s *service) guarded(name string, work func() (*pipeline.Report, error)) (report *pipeline.Report, err error) {
	defer func() {
		var caught *panics.Error
		if report == nil && errors.As(err, &caught) { // otherwise the run itself has logged it
			s.log.Error("a run panicked", "schedule", name, "where", caught.Where, "stack", string(caught.Stack))
		}
	}()
	defer panics.Recover(&err)
	return work()
}

func (s *service) work(ctx context.Context, planned *config.Schedule, ids []string, progress *pipeline.Progress, share *runShare) (*pipeline.Report, error) {
	projects, err := chooseProjects(s.cfg, ids)
	if err != nil {
		return nil, err
	}
	cfg := *s.cfg
	cfg.Sync.Lookback = planned.Lookback
	o := syncOptions{projects: projects, progress: progress, share: share}
	if planned.Kind == config.KindVerify {
		return s.verify(ctx, &cfg, o)
	}
	o.keepKeyless = true // the page shows what is recorded
	return syncUnlocked(ctx, s.app, &cfg, o, func(locked *load.LockedError) {
		s.log.Warn("skipped a project: another process is writing it", "schedule", planned.Name, "project", locked.Project, "because", locked.Held())
	})
}

// verify compares the range of the deepest lookback with the source, and fails if
// it differs.
func (s *service) verify(ctx context.Context, cfg *config.Config, o syncOptions) (*pipeline.Report, error) {
	run, err := newRun(ctx, s.app, cfg, o)
	if err != nil {
		return nil, err
	}
	defer closeRun(run, o.share)
	end := run.Account(config.KindVerify)
	err = compare(ctx, run, cfg.Sync.Lookback.Daily)
	return end(err), err
}

// compare fails if the stored data differs from what the source lists now.
func compare(ctx context.Context, run *wiredRun, depth time.Duration) error {
	now := time.Now()
	span := extract.Span{From: extract.SecondOf(now.Add(-depth)), Until: extract.SecondOf(now)}
	v, err := verifyPass(ctx, run, span)
	if err != nil {
		return err
	}
	unread := failedFeeds(v.failed, len(v.results))
	counts := v.found()
	delete(counts, string(verify.NotRead)) // gaps are reported elsewhere, and filled by runs
	found := int64(0)
	for _, n := range counts {
		found += n
	}
	if found > 0 {
		differ := fmt.Errorf("verify found %s: `convsync verify --from %s --to %s` lists them; with --repair it repairs them",
			plural.Count(found, "difference"), span.From.Time().Format(time.RFC3339), span.Until.Time().Format(time.RFC3339))
		return errors.Join(differ, unread)
	}
	return unread
}

// logEnd logs the result of a run. The run has already logged the errors of
// single projects, which are only counted here.
func (s *service) logEnd(ctx context.Context, planned *config.Schedule, projects []string, r *pipeline.Report, err error) {
	level, words := slog.LevelInfo, "the run succeeded"
	args := []any{
		"schedule", planned.Name, "projects", inBrief(projects), "run_id", r.RunID, "status", r.Status, "seconds", time.Since(r.StartedAt).Seconds(),
		"read", r.Conversations.Read, "inserted", r.Conversations.Inserted, "updated", r.Conversations.Updated, "requests", r.Requests,
	}
	switch {
	case ctx.Err() != nil && err != nil:
		level, words = slog.LevelWarn, "the run was interrupted"
	case r.Status == warehouse.RunFailed:
		level, words = slog.LevelError, "the run failed"
	case r.Status == warehouse.RunPartial:
		level, words = slog.LevelWarn, "the run is not complete"
	}
	words = failingFirst(r) + words
	switch {
	case err != nil:
		args = append(args, "error", err.Error())
	case len(r.Errors) > 0:
		args = append(args, "failed_projects", len(r.Errors))
	default:
		if err := outcome(ctx, r, nil, s.cfg.Sync.FailOnDrift); err != nil {
			args = append(args, "error", err.Error())
		}
	}
	s.log.Log(ctx, level, words, args...)
}

// inBrief lists projects for a log line, the first ones by name.
func inBrief(projects []string) []string {
	const named = 5
	if more := len(projects) - named; more > 1 {
		return append(slices.Clone(projects[:named]), fmt.Sprintf("and %d others", more))
	}
	return projects
}

// failingFirst returns the first project that failed and why; "" if none did.
func failingFirst(r *pipeline.Report) string {
	var failed *pipeline.FeedError
	if len(r.Errors) == 0 || !errors.As(r.Errors[0], &failed) {
		return ""
	}
	name := "project " + failed.ProjectID + " (" + failed.Environment + ")"
	text := name + " is failing: " + pipeline.Brief(strings.TrimPrefix(failed.Error(), name+": "))
	if more := len(r.Errors) - 1; more > 0 {
		text += ", and " + plural.Count(int64(more), "other")
	}
	return text + "; "
}

// announce describes the next runs in one line.
func (s *service) announce(scheduler *schedule.Scheduler, now bool) {
	var next []string
	for _, n := range s.next(scheduler) {
		next = append(next, fmt.Sprintf("%s at %s", n.Name, n.At.Format("2006-01-02 15:04 MST")))
	}
	begin := "next: "
	if now {
		begin = "starting all schedules now, except those of kind verify, audio and report; next: "
	}
	fmt.Fprintln(s.app.stderr, begin+strings.Join(next, ", "))
}

// secrets reads the token and the password of the page, which may change at any time.
func (s *service) secrets(ctx context.Context) (token, password string, err error) {
	for _, secret := range []struct {
		of   config.Secret
		into *string
	}{{s.cfg.Serve.Token, &token}, {s.cfg.Serve.Password, &password}} {
		if secret.of.IsZero() {
			continue
		}
		if *secret.into, err = secret.of.Resolve(ctx); err != nil {
			return "", "", err
		}
	}
	return token, password, nil
}
