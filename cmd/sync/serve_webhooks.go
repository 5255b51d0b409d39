package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"convsync/internal/config"
	"convsync/internal/extract"
	"convsync/internal/load"
	"convsync/internal/pipeline"
	"convsync/internal/serve"
	"convsync/internal/transform"
	"convsync/internal/warehouse"
	"convsync/internal/webhook"
)

// events processes the webhook events of a service. A nil one does nothing.
type events struct {
	dispatcher *webhook.Dispatcher
	soft, hard context.CancelFunc
	run        func()
	working    sync.WaitGroup
}

func (e *events) start() {
	if e != nil {
		e.working.Go(e.run)
	}
}

// startNoMore starts no further sync. Events whose sync has not started remain in
// the inbox for the next service or process.
func (e *events) startNoMore() {
	if e != nil {
		e.soft()
	}
}

// stop starts no further sync, and interrupts those in progress when ctx ends.
func (e *events) stop(ctx context.Context) error {
	if e == nil {
		return nil
	}
	e.soft()
	done := make(chan struct{})
	go func() { e.working.Wait(); close(done) }()
	select {
	case <-done:
		e.hard()
		return nil
	case <-ctx.Done():
	}
	e.hard()
	<-done
	return errors.New("the sync for a webhook event was interrupted; it is repeated after the next start")
}

// takeEvents makes the server receive webhooks, if a secret is configured.
func (s *service) takeEvents(ctx context.Context, destination load.Destination, options *serve.Options) error {
	if len(s.cfg.Serve.WebhookSecrets) == 0 {
		return nil
	}
	stored, ok := destination.(load.Inbox)
	if !ok {
		return errors.New("this destination cannot store webhook events")
	}
	inbox := &preparedInbox{Inbox: stored, destination: destination, turn: make(chan struct{}, 1)}
	if err := inbox.prepare(ctx); err != nil {
		s.log.Warn("the destination is not ready to store webhook events; retrying with each event", "error", err.Error())
	}
	s.events = s.newEvents(inbox)
	s.metrics.ShowWebhooks(webhook.Results...)
	var projects []webhook.Project
	rules := map[string]transform.Rules{}
	for i := range s.cfg.Projects {
		p := &s.cfg.Projects[i]
		projects = append(projects, webhook.Project{ID: p.ID, AccountID: p.AccountID, StoredID: p.StoredID})
		rules[p.StoredID] = rulesOf(p)
	}
	options.Alerts = inbox.Alerts
	options.Webhooks = webhook.NewReceiver(webhook.Options{
		Inbox:    inbox,
		Secrets:  s.webhookSecrets,
		Projects: projects,
		Rules:    eventRules(rules),
		Count:    s.metrics.CountWebhook,
		Log:      s.log,
		Taken: func(e *warehouse.WebhookEvent) {
			switch {
			case e.State == warehouse.EventWaiting:
				s.events.dispatcher.Add(e)
			case e.AlertID != "":
				s.server.Refresh()
			}
		},
	})
	return nil
}

func (s *service) newEvents(inbox load.Inbox) *events {
	ids := make([]string, len(s.cfg.Projects))
	for i := range s.cfg.Projects {
		ids[i] = s.cfg.Projects[i].StoredID
	}
	hard, cancelHard := context.WithCancel(context.Background())
	soft, cancelSoft := context.WithCancel(hard)
	work := func(ctx context.Context, want webhook.Wanted) (string, error) { return s.syncEvents(soft, ctx, want) }
	e := &events{dispatcher: webhook.NewDispatcher(webhook.DispatchOptions{Inbox: inbox, Sync: work, Projects: ids, Log: s.log})}
	e.soft, e.hard = cancelSoft, cancelHard
	e.run = func() { e.dispatcher.Run(soft, hard) }
	return e
}

// webhookSecrets reads the configured secrets. One that cannot be read does not
// invalidate the others: during a rotation, either file may be absent.
func (s *service) webhookSecrets(ctx context.Context) ([]string, error) {
	var secrets []string
	var broken []error
	for _, secret := range s.cfg.Serve.WebhookSecrets {
		value, err := secret.Resolve(ctx)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		secrets = append(secrets, value)
	}
	if len(secrets) == 0 {
		return nil, errors.Join(broken...)
	}
	return secrets, nil
}

// syncEvents reads the conversations that events refer to, and returns the id of the
// run. It does not start after waiting has ended.
func (s *service) syncEvents(waiting, ctx context.Context, want webhook.Wanted) (runID string, err error) {
	turn := s.lifetime.queue.enter([]string{want.ProjectID}, false)
	defer turn.leave()
	if err := turn.wait(waiting); err != nil {
		return "", err // stopped while it waited for another run
	}
	share := s.joinRun()
	defer share.leave()
	defer func() {
		s.latest().server.Refresh()
		s.lifetime.recorder.note(s.latest().audioProjects([]string{want.ProjectID}))
	}()
	projects, err := chooseProjects(s.cfg, []string{want.ProjectID})
	if err != nil {
		return "", err
	}
	narrow := &extract.Narrow{Recent: want.Recent}
	for _, at := range want.Around {
		narrow.Around = append(narrow.Around, extract.SecondOf(at))
	}
	began, progress := time.Now(), &pipeline.Progress{}
	ended := s.metrics.Follow(progress)
	report, err := s.guarded(byEvent.Name, func() (*pipeline.Report, error) {
		return syncOnce(ctx, s.app, s.cfg, syncOptions{projects: projects, narrow: narrow, progress: progress, share: share})
	})
	seen := report
	if seen == nil {
		seen = pipeline.Failed(pipeline.KindEvent, began, err)
	}
	ended(seen)
	s.logEnd(ctx, byEvent, []string{want.ProjectID}, seen, err)
	if report == nil {
		return "", err
	}
	// A conversation that could not be read is stored as a reject, and is not
	// tried again.
	return report.RunID, errors.Join(append(report.Errors, err)...)
}

// byEvent is logged instead of the name of a schedule.
var byEvent = &config.Schedule{Name: "(event)", Kind: pipeline.KindEvent}

// preparedInbox creates the tables before it stores the first event. If that
// fails because the destination is unavailable, the next event tries again.
type preparedInbox struct {
	load.Inbox
	destination interface{ Prepare(context.Context) error }
	turn        chan struct{} // held during the preparation; callers wait up to their own timeout
	done        bool
}

func (p *preparedInbox) prepare(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.done {
		return nil
	}
	if err := p.destination.Prepare(ctx); err != nil {
		return err
	}
	p.done = true
	return nil
}

func (p *preparedInbox) TakeIn(ctx context.Context, e *warehouse.WebhookEvent, a *warehouse.ActiveAlert) (bool, error) {
	if err := p.prepare(ctx); err != nil {
		return false, err
	}
	return p.Inbox.TakeIn(ctx, e, a)
}

func (p *preparedInbox) Waiting(ctx context.Context, limit int) ([]warehouse.WebhookEvent, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	return p.Inbox.Waiting(ctx, limit)
}

func (p *preparedInbox) Recent(ctx context.Context, since warehouse.Timestamp) ([]warehouse.WebhookEvent, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	return p.Inbox.Recent(ctx, since)
}

func (p *preparedInbox) Alerts(ctx context.Context) ([]warehouse.ActiveAlert, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	return p.Inbox.Alerts(ctx)
}
